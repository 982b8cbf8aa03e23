"""Nodes to dataclasses: the quick decoder and pydantic agree on what is right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab import codec
from netlab.fields import STRICT, doc
from netlab.lab.explain import adapter, field_names
from netlab.lab.mistakes import Report
from netlab.lab.model import LabFile, Parameter, Variant
from netlab.lab.nodes import Mapping, Node, Plain, Scalar, Sequence, child
from netlab.lab.typed import Typing, Use, fields_of
from netlab.spec import Host, Ref
from netlab.units import ByteSize, Duration, Ratio


@dataclass(frozen=True, kw_only=True)
class Inner:
    from_: Annotated[str, Ref("host")] = doc("A name.")
    count: int = doc("A number.", default=0)
    shorthand: ClassVar[str] = "from_"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Outer:
    number: int = doc("int", default=0)
    real: float = doc("float", default=0.0)
    truth: bool = doc("bool", default=False)
    word: str = doc("str", default="")
    maybe: str | None = doc("str | None", default=None)
    either: int | str = doc("int | str", default=0)
    state: Literal["on", "off", 5] = doc("Literal", default="on")
    times: tuple[Duration, ...] = doc("durations", default=())
    size: ByteSize | None = doc("size", default=None)
    share: Ratio = doc("ratio", default=Ratio(1))
    pair: tuple[str, str] | None = doc("pair", default=None)
    table: dict[str, int] = doc("dict", factory=dict)
    limited: dict[Literal["a", "b"], int] = doc("dict of some keys", factory=dict)
    inner: Inner | None = doc("inner", default=None)
    several: tuple[Inner, ...] = doc("inners", default=())
    named: dict[str, Inner] = doc("inners", factory=dict)
    anything: Any = doc("any", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


WORDS = st.sampled_from(
    [
        "",
        "x",
        "on",
        "off",
        "5",
        "-1",
        "1.5",
        "1e3",
        "true",
        "false",
        "null",
        "~",
        "50ms",
        "5",
        "10%",
        "1kB",
        "9_000",
        "a",
    ]
)
SCALARS = st.builds(Scalar, WORDS, st.sampled_from(["", '"', "|"]))
KEYS = st.sampled_from([*fields_of(Outer), "from", "count", "a", "b"])


def mappings(values: st.SearchStrategy[Node]) -> st.SearchStrategy[Mapping]:
    return st.dictionaries(KEYS, values, max_size=3).map(lambda items: Mapping(items, {k: Scalar(k) for k in items}))


NODES: st.SearchStrategy[Node] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3).map(lambda items: Sequence(tuple(items))) | mappings(inner),
    max_leaves=6,
)


def built(kind: type[Any], node: Node) -> tuple[Any, Report]:
    report = Report()
    return Typing(report).build(kind, node, "it"), report


@settings(max_examples=600)
@given(mappings(NODES))
def test_the_quick_decoder_and_pydantic_accept_the_same_and_make_the_same(node: Mapping) -> None:
    value = Typing(Report()).shape(node, Outer)
    try:
        quick: Any = codec.decode(Outer, value)
    except ValueError:
        quick = None
    try:
        slow: Any = adapter(Outer).validate_json(json.dumps(field_names(value, Outer)), strict=True)
    except ValueError:
        slow = None
    assert quick == slow


@settings(max_examples=300)
@given(st.sampled_from([Outer, Inner, Host, Parameter, Variant, LabFile]), NODES)
def test_a_node_is_either_an_instance_or_explained(kind: type[Any], node: Node) -> None:
    made, report = built(kind, node)
    assert (made is None) == (len(report) > 0)
    assert all(mistake.wrong and "pydantic" not in mistake.wrong for mistake in report.mistakes)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"number": "9000"}, Outer(number=9000)),
        ({"number": 9000, "truth": True, "real": 1}, Outer(number=9000, truth=True, real=1.0)),
        ({"word": 9000, "maybe": True}, Outer(word="9000", maybe="true")),
        ({"maybe": None}, Outer()),
        ({"either": 5}, Outer(either=5)),
        ({"either": "x"}, Outer(either="x")),
        ({"state": 5}, Outer(state=5)),
        ({"times": "50ms"}, Outer(times=(Duration(50_000_000),))),
        ({"times": ["50ms", "1s"]}, Outer(times=(Duration(50_000_000), Duration(10**9)))),
        ({"size": "1kB", "share": "10%"}, Outer(size=ByteSize(1000), share=Ratio(0.1))),
        ({"inner": "server"}, Outer(inner=Inner(from_="server"))),
        ({"inner": {"from": "server", "count": 2}}, Outer(inner=Inner(from_="server", count=2))),
        ({"several": ["a", {"from": "b"}]}, Outer(several=(Inner(from_="a"), Inner(from_="b")))),
        ({"named": {"x": {"from": "b"}}}, Outer(named={"x": Inner(from_="b")})),
        ({"anything": {"a": [1, "x", None]}}, Outer(anything={"a": [1, "x", None]})),
        ({"table": None, "times": None}, Outer()),
    ],
)
def test_short_forms_and_texts_become_what_is_meant(value: dict[str, Any], expected: Outer) -> None:
    made, report = built(Outer, Plain(value).root)
    assert not report.mistakes and made == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"number": "1.0"}, "number: found '1.0'; expected a whole number"),
        ({"number": True}, "number: found 'true'; expected a whole number"),
        ({"truth": "yes"}, "truth: found 'yes'; expected true or false"),
        ({"real": "inf"}, "real: found 'inf'; expected a number"),
        ({"word": None}, "word: found nothing; expected a text"),
        ({"word": {"a": 1}}, "word: found a mapping; expected a text"),
        ({"state": "of"}, "state: found 'of'; expected 'on', 'off' or 5; did you mean off?"),
        ({"times": ["50ms", "5"]}, "times: '5' is not a duration; write it like 50ms or 5s (units: ns, us, µs, ms, s"),
        ({"pair": ["a"]}, "pair: the list is too short; expected 2 items"),
        ({"table": {"a": "x"}}, "a: found 'x'; expected a whole number"),
        ({"limited": {"c": 1}}, "unknown key 'c'; there are a, b"),
        ({"inner": {}}, "from is missing; from: A name"),
        ({"inner": {"frm": "x", "from": "y"}}, "unknown key 'frm'; did you mean from?"),
        ({"named": {"x": {"from": "a", "count": "b"}}}, "count: found 'b'; expected a whole number"),
        ({"several": [{"from": "a", "count": []}]}, "count: found a list; expected a whole number"),
        ({"nmber": 1}, "unknown key 'nmber'; did you mean number?"),
    ],
)
def test_what_does_not_fit_is_said_in_the_words_of_lab_files(value: dict[str, Any], expected: str) -> None:
    _, report = built(Outer, Plain(value).root)
    assert [f"{mistake.wrong}; {mistake.allowed}".startswith(expected) for mistake in report.mistakes] == [True], report


def test_names_are_noted_where_they_stand() -> None:
    root = Plain({"inner": "server", "several": [{"from": "a"}, "b"]}).root
    typing = Typing(Report())
    typing.build(Outer, root, "it")
    found = child(root, "several", 0, "from")
    assert isinstance(found, Scalar)
    uses = typing.take_uses()
    assert [use.at.text for use in uses] == ["server", "a", "b"] and uses[1] == Use("host", found)
    assert typing.take_uses() == []
