"""The lab file's own forms: its top-level keys, parameters, variants, source and finding.

Rules: dataclasses like those of `netlab.spec`, validated by pydantic; each field carries the description that the JSON
Schema and the reference show. Hosts and NICs are `netlab.spec`; steps, faults and expectations are their folders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from netlab.fields import STRICT, doc
from netlab.spec import Capture, Host
from netlab.units import Duration

__all__ = ["LONG_NS", "Finding", "LabFile", "Parameter", "Variant"]

LONG_NS = 10 * 10**9
"""What takes more than this is played with the whole catalogue only where --long asks for it."""

Found = Literal["confirmed", "refuted", "depends"]
Type = Literal["text", "int", "float", "bool", "duration", "size", "rate", "ratio", "choice"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a passing run says of the claim. A bare word is its `expected`."""

    expected: Found = doc("What a run of this lab that passes shows of the claim.")
    depends_on: tuple[str, ...] = doc("Parameters or variants that change it, in the reader's words.", default=())
    shown_by: str | None = doc(
        "What shows it best, for `netlab claims`: the id of a step, or a word of `expect`. Default: what tells most.",
        default=None,
    )
    recorded: dict[str, Found] = doc('What was found on which kernel: {"6.18": confirmed}.', factory=dict)
    shorthand: ClassVar[str] = "expected"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A value that `${name}` stands for. A bare value is its `default`, and its type follows from how it looks."""

    type: Type | None = doc("Its type. Default: int, float or bool where the default looks like one, else text.", None)
    default: str = doc("Its value unless a variant or --set gives another.")
    choices: tuple[str, ...] = doc("For `type: choice`: the values it may have.", default=())
    description: str = doc("What it changes, in one line.", default="")
    shorthand: ClassVar[str] = "default"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    def __post_init__(self) -> None:
        if self.choices and self.type not in (None, "choice"):
            raise ValueError(f"choices with type {self.type}; choices belong to type: choice")
        if self.type == "choice" and not self.choices:
            raise ValueError("no choices; type: choice needs choices: [...]")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The same lab played otherwise. What it gives replaces the lab's own, whole: nothing is merged."""

    title: str = doc("What is different, in one line.")
    claim: str | None = doc("The claim this variant tests, where it is another.", default=None)
    finding: Finding | None = doc("What a passing run of this variant says of the claim.", default=None)
    says: str | None = doc("The sentence for a run of this variant that passes.", default=None)
    requires: tuple[str, ...] | None = doc("Probe words this variant needs, instead of the lab's.", default=None)
    takes: Duration | None = doc("How long a run of this variant takes, instead of the lab's.", default=None)
    set: dict[str, str] = doc("Parameters to values.", factory=dict)
    steps: tuple[dict[str, Any], ...] | None = doc("Steps instead of the lab's.", default=None)
    expect: dict[str, Any] | None = doc("Expectations instead of the lab's.", default=None)
    outputs: dict[str, Any] | None = doc("Outputs instead of the lab's.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


REPLACED = ("claim", "finding", "says", "requires", "takes", "steps", "expect", "outputs")
"""The keys of a variant that stand in for the lab's own."""


@dataclass(frozen=True, kw_only=True)
class LabFile:
    """One lab: hosts and links, what is done, what must be seen."""

    name: str = doc("Its name: small letters, digits and hyphens.")
    title: str = doc("What it shows, in one line.")
    claim: str = doc("The claim it puts to the test, in a sentence that can be true or false.", default="")
    source: dict[str, str] = doc(
        "Where the claim comes from: document, rfc, kernel, or other words of your own.", factory=dict
    )
    finding: Finding | None = doc("What a run that passes says of the claim.", default=None)
    says: str = doc("One sentence a student reads when it passes.", default="")
    requires: tuple[str, ...] = doc(
        "Words of `netlab doctor` that this machine must answer with yes, besides those its steps need.", default=()
    )
    takes: Duration | None = doc(
        "How long a run takes where that is the kernel's own time; it is said before the run begins. What takes more "
        "than 10s is left out of the catalogue unless --long asks for it.",
        default=None,
    )
    parameters: dict[str, Parameter] = doc("Values that ${name} stands for.", factory=dict)
    family: Literal["ipv4", "ipv6"] = doc("Which address a host's name stands for in `connect`.", default="ipv4")
    hosts: dict[str, Host] = doc("Hosts by name: letters, digits, hyphens.")
    switches: dict[str, tuple[str, ...]] = doc(
        "Switches by name, each with its members: NICs (host.nic), or another switch.", factory=dict
    )
    wires: dict[str, tuple[str, str]] = doc("Point-to-point cables by name, each with its two NICs.", factory=dict)
    neighbours: Literal["learned", "bound"] = doc(
        "learned: by ARP and neighbour discovery. bound: every host holds all NICs on its networks as permanent "
        "neighbours, besides those it names.",
        default="learned",
    )
    capture: Capture = doc("How the wire is watched.", factory=Capture)
    steps: tuple[dict[str, Any], ...] = doc("What is done, one after the other: one verb an entry.", default=())
    expect: dict[str, Any] = doc("What the record must show besides that each step went as it says.", factory=dict)
    outputs: dict[str, Any] = doc(
        "What is made of the record at the end of a run: shown after the timeline, files in the run directory.",
        factory=dict,
    )
    variants: dict[str, Variant] = doc("The same lab played otherwise, by name.", factory=dict)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
