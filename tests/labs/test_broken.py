"""Labs broken on purpose: each expects the claim's contrary, and must fail with an explanation that names the packet.

They are played side by side, once, as the catalogue is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest

from netlab.catalogue.outcome import Outcome
from netlab.catalogue.runner import Runner
from netlab.lab import Lab, from_definition
from netlab.records import Verdict
from tests.labs.contrary import LABS, definition


@dataclass(frozen=True)
class Broken:
    """A lab, what it is made to expect, and what the explanation must say (a regular expression)."""

    says: str
    """What it expects, in words: the name of the test."""
    lab: str
    expect: dict[str, Any]
    explained: str
    variant: str | None = None

    def made(self) -> Lab:
        """The lab with these expectations instead of its own, under a name of its own."""
        changed = {**definition(self.lab, self.variant), "expect": self.expect, "variants": {}, "title": self.says}
        chosen = changed.pop("set", {})
        text = str({key: value for key, value in changed.items() if key != "parameters"})
        parameters = changed.pop("parameters", {}).items()
        named = {name: value for name, value in parameters if re.search(rf"\$\{{{name}\}}|'when': \{{'{name}'", text)}
        lab = from_definition({**changed, "parameters": named}, parameters=chosen, folder=LABS / self.lab)
        return replace(lab, name=self.name)

    @property
    def name(self) -> str:
        return f"broken-{re.sub('[^a-z0-9]+', '-', self.says.lower())}"


def script(lab: str, old: str, new: str) -> dict[str, Any]:
    """The lab's own wire script with one text replaced."""
    text = definition(lab)["expect"]["wire"]
    assert old in text, f"{lab}: its wire script has no {old!r}"
    return {"wire": text.replace(old, new)}


HALF_OPEN = 'client > server  P. "world"\nserver > client  R    seq=ack(previous)  within 50ms'

TABLE = [
    Broken(
        "world is acknowledged by the half-open server",
        "half-open",
        script("half-open", "server > client  R    seq=ack(previous)  within 50ms", "server > client  ."),
        r"RST that the script does not have here: packet \d+ \(NO_SOCKET\)",
    ),
    Broken(
        "the killed server's FIN gets out",
        "half-open",
        script("half-open", HALF_OPEN, "server > client  F."),
        r"no line of the script is for packet \d+ here",
    ),
    Broken(
        "a half-open peer never resets",
        "half-open",
        {"never": {"from": "server", "flags": "R"}},
        r"packet \d+ at .* server > client R ",
    ),
    Broken(
        "the RST is a live connection's answer",
        "half-open",
        {"reset": {"from": "server", "flags": "R", "reason": "TCP_ABORT_ON_DATA"}},
        r"packet \d+: its reason is NO_SOCKET, not TCP_ABORT_ON_DATA",
    ),
    Broken(
        "the FIN is kept in the queue",
        "half-open",
        {"never": {"from": "server", "flags": "F"}},
        r"packet \d+ at .* server > client F\. ",
        "fin-escapes",
    ),
    Broken(
        "a paused server resets",
        "half-open",
        {"reset": {"from": "server", "flags": "R"}},
        r"server sent none",
        "paused",
    ),
    Broken(
        "nothing passes after a FIN",
        "half-close",
        {"never": {"from": "client", "flags": "P", "after": "server-closes"}},
        r"packet \d+ at .* client > server P\. .*world",
    ),
    Broken(
        "half-close resets what comes after",
        "half-close",
        {"reset": {"from": "server", "flags": "R"}},
        r"server sent none",
    ),
    Broken(
        "a SYN to a closed port gets no answer",
        "rst-closed-port",
        {"never": {"flags": "R"}},
        r"packet \d+ at .* server > client R\. ",
    ),
    Broken(
        "close with unread data sends a FIN",
        "rst-close-unread",
        script("rst-close-unread", "server > client  R.  seq=1  ack=6", "server > client  F.  seq=1  ack=6"),
        r"RST that the script does not have here: packet \d+ \(TCP_ABORT_ON_CLOSE\)",
    ),
    Broken(
        "keepalive asks nobody",
        "half-open-keepalive",
        {"never": {"from": "client", "flags": ".", "after": "boot"}},
        r"packet \d+ at .* client > server \. ",
    ),
    Broken(
        "a reconnecting host is let in at once",
        "half-open-reconnect",
        {"never": {"from": "client", "flags": "R"}},
        r"packet \d+ at .* client > server R ",
    ),
    Broken(
        "FINs never cross",
        "simultaneous-close",
        {"never": {"from": "client", "flags": "F"}},
        r"packet \d+ at .* client > server F\. ",
    ),
    Broken(
        "data that arrived is not sent again",
        "asymmetric-partition",
        {"never": {"from": "client", "payload": "hello", "after": "read"}},
        r"packet \d+ at .* client > server P\. .*hello",
    ),
    Broken(
        "keepalive gives up without a word",
        "asymmetric-partition",
        {"never": {"from": "server", "flags": "R"}},
        r"packet \d+ at .* server > client R\. ",
        "keepalive",
    ),
    Broken(
        "full segments get through a black hole",
        "mtu-black-hole",
        script("mtu-black-hole", "* client > server  .   len=any ", "* client > server  .   len=1024 "),
        r"packet \d+ is not as line 9 says: it carries 1448 bytes, not 1024",
    ),
    Broken(
        "probing leaves the segments as they are",
        "mtu-black-hole",
        {"never": {"from": "server", "flags": ".", "after": "bulk"}},
        r"packet \d+ at .* server > client \. ",
        "probing",
    ),
    Broken(
        "pings do not feel an upload",
        "bufferbloat",
        {"round-trip": {"from": "phone", "to": "server", "after": "upload", "most": "100ms"}},
        r"packet \d+ at .* was acknowledged after \d{3}\.\d+ ms, by packet \d+",
    ),
    Broken(
        "a short queue loses nothing",
        "bufferbloat",
        {"counters": {"host": "laptop", "name": "TcpRetransSegs", "delta": 0}},
        r"TcpRetransSegs of laptop rose by \d+",
        "short",
    ),
    Broken(
        "a SYN is sent once",
        "lossy-handshake",
        {"never": {"from": "client", "flags": "S", "after": "mended"}},
        r"packet \d+ at .* client > server S ",
    ),
    Broken(
        "connect returns and accept does",
        "lossy-handshake",
        {"socket": {"host": "server", "peer": "client", "state": "ESTABLISHED", "at": "waits"}},
        r"SYN-RECV",
        "third",
    ),
    Broken(
        "an RST that was lost is lost for good",
        "half-open-over-lossy-link",
        {"never": {"from": "server", "flags": "R", "after": "mended"}},
        r"packet \d+ at .* server > client R ",
        "rst-lost",
    ),
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What came of each."""
    with Runner() as runner:
        played = runner.play([broken.made() for broken in TABLE], tmp_path_factory.mktemp("broken"))
        return {outcome.name: outcome for outcome in played}


@pytest.mark.parametrize("broken", TABLE, ids=lambda broken: broken.says)
def test_what_is_not_so_fails_and_the_packet_is_named(broken: Broken, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[broken.name]
    assert outcome.verdict is Verdict.FAIL, outcome.sentence
    assert outcome.record is not None
    failed = [check for check in outcome.record.checks if check.verdict is Verdict.FAIL]
    assert [check for check in failed if check.step is not None] == [], "its steps go as written"
    assert re.search(broken.explained, " ".join(check.explanation for check in failed)), failed


def test_most_of_them_name_a_packet() -> None:
    assert sum(r"packet \d+" in broken.explained for broken in TABLE) >= 10
