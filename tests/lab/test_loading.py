"""Files and definitions to labs: steps, parameters, variants, and the definition that a record holds."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from netlab.errors import UsageError
from netlab.lab.lab import Lab
from netlab.lab.loading import from_definition, load, load_all
from netlab.lab.model import Finding
from netlab.lab.parameters import text_of
from netlab.units import Duration
from tests.lab.texts import GOOD, changed, loaded, saved
from tests.lab.words import SMALL
from tests.lab.words.expectations.reset import Reset
from tests.lab.words.expectations.script import Script
from tests.lab.words.faults.unplug import Unplug
from tests.lab.words.steps.connect import Connect
from tests.lab.words.steps.wait import Wait

LABS = sorted((Path(__file__).parents[2] / "labs").glob("*/lab.yaml"))


def again(lab: Lab) -> Lab:
    """The lab that its definition gives, by way of JSON."""
    definition = json.loads(json.dumps(lab.definition))
    made = from_definition(definition, folder=lab.topology.folder, words=SMALL)
    return dataclasses.replace(made, path=lab.path)


def test_a_lab_has_what_its_file_says(tmp_path: Path) -> None:
    lab = loaded(tmp_path)
    assert (lab.name, lab.title, lab.claim, lab.says) == ("small", "A small lab", "it loads", "it loaded")
    assert lab.source == {"document": "none", "rfc": "RFC 9293"}
    assert lab.finding == Finding(expected="confirmed")
    assert lab.parameters == {"port": 9000, "how": "remove"}
    assert lab.variants == {"down": "the NIC is down", "short": "less is done"}
    assert (lab.variant, lab.path) == (None, tmp_path / "lab.yaml")
    assert lab.requires == ("nftables",) and lab.needs == ("nftables", "root")


def test_what_a_run_takes_is_the_labs_or_the_variants_own(tmp_path: Path) -> None:
    lab = loaded(tmp_path)
    assert lab.takes is None and not lab.long
    text = changed("  down:\n", "  down:\n    takes: 60s\n").replace("says:", "takes: 10s\nsays:", 1)
    path = saved(tmp_path, text)
    labs = load_all(path, SMALL)
    assert {variant: (lab.takes, lab.long) for variant, lab in labs.items()} == {
        None: (10 * 10**9, False),
        "down": (60 * 10**9, True),
        "short": (10 * 10**9, False),
    }
    assert again(labs["down"]).long and load(path, "down", words=SMALL, at_once=True).long


def test_the_topology_is_made_of_plain_texts_and_numbers(tmp_path: Path) -> None:
    topology = loaded(tmp_path).topology
    assert topology.folder == str(tmp_path)
    assert topology.switches == {"router": ("server.nic-a", "client.nic-b")}
    server, client = topology.hosts["server"], topology.hosts["client"]
    assert server.nics["nic-a"].ip == ("10.77.0.1/24",) and server.nics["nic-a"].mac == "02:00:00:00:00:0a"
    assert server.sysctls == {"net.ipv4.tcp_orphan_retries": "1"}
    assert server.programs["web"].argv == ("true",)
    assert server.programs["web"].ready is not None and server.programs["web"].ready.port == 80
    assert client.nics["nic-b"].ip == ("10.77.0.2/24", "fd77::2/64") and client.routes[0].to == "default"


def test_steps_are_planned_in_order(tmp_path: Path) -> None:
    steps = loaded(tmp_path).steps
    assert [(step.index, step.name, step.kind, step.word) for step in steps] == [
        (0, "step 1", "action", "listen"),
        (1, "dial", "action", "connect"),
        (2, "step 3", "step", "finish"),
        (3, "step 4", "step", "wait"),
        (4, "step 5", "inject", "unplug"),
        (5, "step 6", "heal", "unplug"),
        (6, "nap", "inject", "pause"),
        (7, "step 8", "heal", "pause"),
        (8, "step 9", "step", "start"),
        (9, "step 10", "action", "receive"),
    ]
    dial, wait, unplug, replug, heal = steps[1], steps[3], steps[4], steps[5], steps[7]
    assert dial.doing == Connect(to="server:9000")
    assert (dial.actor, dial.background, dial.line) == ("client.worker", "dialling", 29)
    assert wait.doing == Wait(host="server", socket="none", within=Duration(50_000_000), after="dial")
    assert unplug.doing == Unplug(nic="server.nic-a", how="remove")
    assert (replug.doing, replug.heals) == ("server.nic-a", None)
    assert (heal.doing, heal.heals) == (None, "nap")


def test_steps_read_like_their_lines(tmp_path: Path) -> None:
    assert [step.text for step in loaded(tmp_path).steps] == [
        "server: listen 9000",
        "client.worker: connect server:9000",
        "finish dialling",
        "wait host=server socket=none within=50ms after=dial",
        "unplug server.nic-a how=remove",
        "replug server.nic-a",
        "pause client.worker",
        "heal nap",
        "start server.web",
        "client: receive",
    ]


def test_a_healing_verb_may_name_its_target_by_key_or_not_at_all(tmp_path: Path) -> None:
    by_key = loaded(tmp_path, changed("replug: server.nic-a", "replug: {nic: server.nic-a}"))
    assert by_key.steps[5].doing == "server.nic-a"
    newest = loaded(tmp_path, changed("replug: server.nic-a", "replug:"))
    assert newest.steps[5].doing is None and newest.steps[5].word == "unplug"


def test_expectations_are_one_or_a_list(tmp_path: Path) -> None:
    lab = loaded(tmp_path)
    assert lab.expectations == (Script(text="hello @server\n-- replug --\n"), Reset(from_="server", after="dial"))
    several = loaded(tmp_path, changed("{from: server, after: dial}", "[{from: server}, {from: client}]"))
    assert several.expectations[1:] == (Reset(from_="server"), Reset(from_="client"))


def test_a_variant_sets_parameters(tmp_path: Path) -> None:
    lab = loaded(tmp_path, variant="down")
    assert lab.variant == "down" and lab.parameters["how"] == "down"
    assert lab.steps[4].doing == Unplug(nic="server.nic-a", how="down") and len(lab.steps) == 10


def test_a_variant_replaces_steps_and_expectations_whole(tmp_path: Path) -> None:
    lab = loaded(tmp_path, variant="short")
    assert [step.text for step in lab.steps] == ["server: listen 9000"]
    assert lab.expectations == () and lab.says == "little was done" and lab.claim == "it loads"


def test_the_user_overrides_variant_and_default(tmp_path: Path) -> None:
    lab = loaded(tmp_path, variant="down", parameters={"how": "remove", "port": "9001"})
    assert lab.parameters == {"port": 9001, "how": "remove"}
    assert lab.steps[0].doing.port == 9001 and lab.steps[1].doing.to == "server:9001"
    assert loaded(tmp_path, parameters={"port": 9002}).parameters["port"] == 9002


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"variant": "donw"}, "no variant 'donw'; did you mean down?"),
        ({"parameters": {"prot": 1}}, "set prot: no such parameter; did you mean port?"),
        ({"parameters": {"port": "x"}}, "set port: 'x' is not a whole number; write one like 9000"),
        ({"parameters": {"how": "cable"}}, "set how: 'cable' is not one of its choices; there are remove, down"),
    ],
)
def test_a_wrong_wish_is_the_users_mistake(tmp_path: Path, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, **options)
    assert str(caught.value).endswith(expected)


def test_a_given_value_is_taken_as_it_is(tmp_path: Path) -> None:
    text = GOOD.replace("claim: it loads", "claim: it says ${word}").replace(
        "parameters:\n", "parameters:\n  word: x\n"
    )
    lab = loaded(tmp_path, text, parameters={"word": "${port} $${x}"})
    assert lab.claim == "it says ${port} $${x}" and again(lab) == lab


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("9000", 9000),
        ("true", True),
        ("0.5", 0.5),
        ("hello", "hello"),
        ("50ms", "50ms"),
        ("{type: text, default: 9000}", "9000"),
        ("{type: duration, default: 50ms}", "50ms"),
        ("{type: size, default: 64KiB}", "64KiB"),
        ("{type: ratio, default: 0.1%}", "0.1%"),
        ("{choices: [a, b], default: a}", "a"),
        ('"${port}1"', "90001"),
    ],
)
def test_a_parameter_has_the_type_it_says_or_looks_like(tmp_path: Path, declared: str, value: object) -> None:
    text = GOOD.replace("parameters:\n", f"parameters:\n  it: {declared}\n").replace("it loads", "${it}")
    lab = loaded(tmp_path, text)
    assert lab.parameters["it"] == value and lab.claim == text_of(value)


@pytest.mark.parametrize("kind", ["int", "float", "bool", "duration", "size", "ratio"])
def test_a_value_of_another_type_is_refused(tmp_path: Path, kind: str) -> None:
    good = {"int": "1", "float": "1.5", "bool": "true", "duration": "1s", "size": "1kB", "ratio": "1%"}
    declared = f"parameters:\n  it: {{type: {kind}, default: {good[kind]}}}\n"
    text = GOOD.replace("parameters:\n", declared).replace("it loads", "${it}")
    with pytest.raises(UsageError, match=r"set it: .*; (write|a ratio)"):
        loaded(tmp_path, text, parameters={"it": "nonsense"})


def test_dollars_are_escaped_by_doubling(tmp_path: Path) -> None:
    lab = loaded(tmp_path, changed("it loads", "$${port} is ${port}, and $5 is $5"))
    assert lab.claim == "${port} is 9000, and $5 is $5"
    assert again(lab) == lab


@pytest.mark.parametrize("variant", [None, "down", "short"])
def test_a_definition_gives_the_same_lab_again(tmp_path: Path, variant: str | None) -> None:
    lab = loaded(tmp_path, variant=variant, parameters={"port": 1234})
    assert again(lab) == lab
    assert again(again(lab)) == lab
    assert again(lab).steps[0].line > 0


def test_a_lab_can_be_written_in_python() -> None:
    host = {"nics": {"eth0": {"ip": "10.0.0.1/24"}}, "sysctls": {"net.ipv4.tcp_syncookies": 0}}
    lab = from_definition(
        {
            "name": "python",
            "title": "made in Python",
            "parameters": {"port": 80, "loud": False},
            "hosts": {"server": host},
            "steps": [{"server": {"listen": "${port}"}}, {"server": {"listen": {"port": 81, "reuse": "${loud}"}}}],
            "variants": {"high": {"title": "a high port", "set": {"port": 8080}}},
        },
        variant="high",
        words=SMALL,
    )
    assert [step.doing.port for step in lab.steps] == [8080, 81] and lab.steps[1].doing.reuse is False
    assert lab.topology.hosts["server"].sysctls == {"net.ipv4.tcp_syncookies": "0"}


def test_what_is_no_json_is_no_definition() -> None:
    with pytest.raises(UsageError, match=r"read a definition: hosts\.a: set .* is not a JSON value"):
        from_definition({"hosts": {"a": {1, 2}}}, words=SMALL)
    circle: dict[str, Any] = {}
    circle["hosts"] = circle
    with pytest.raises(UsageError, match="read a definition"):
        from_definition(circle, words=SMALL)


def test_a_lab_without_steps_is_a_lab(tmp_path: Path) -> None:
    text = "name: bare\ntitle: hosts only\nhosts: {a: , b: {}}\nswitches: {s: []}\nsteps:\nexpect:\nvariants:\n"
    lab = load(saved(tmp_path, text), words=SMALL)
    assert list(lab.topology.hosts) == ["a", "b"] and lab.steps == () and again(lab) == lab


def test_only_the_plugins_a_lab_uses_are_imported(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from netlab.lab import load; load(sys.argv[1]); "
        "print([m for m in sys.modules if m.split('.')[0] in ('pydantic', 'pyroute2', 'typer', 'asyncio')"
        " or m in ('netlab.steps.segment', 'netlab.expectations.counters')])"
    )
    basic = next(path for path in LABS if path.parent.name == "basic")
    done = subprocess.run([sys.executable, "-c", program, str(basic)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.parent.name)
def test_every_shipped_lab_loads_and_comes_back_from_its_definition(path: Path) -> None:
    base = load(path)
    for variant in (None, *base.variants):
        lab = load(path, variant)
        made = from_definition(json.loads(json.dumps(lab.definition)), folder=lab.topology.folder)
        assert dataclasses.replace(made, path=path) == lab


def test_a_definition_is_written_as_in_the_file(tmp_path: Path) -> None:
    definition = loaded(tmp_path).definition
    assert definition["hosts"]["server"]["nics"]["nic-a"] == {"ip": "10.77.0.1/24", "mac": "02:00:00:00:00:0a"}
    assert definition["steps"][5] == {"replug": "server.nic-a"}
    assert definition["hosts"]["server"]["sysctls"] == {"net.ipv4.tcp_orphan_retries": 1}
    assert "parameters" not in definition and definition["played"]["parameters"] == {"port": 9000, "how": "remove"}
