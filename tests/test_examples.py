"""Every step, fault and expectation is played as its own `example` says, in a lab on this machine, and passes.

    STORIES: a line that begins with "- " is a step of the lab file; any other is a word, and stands for its example

Rules: an example needs a moment that suits it (a receive needs a send before it), and a story is a lab that has such
moments. Few stories hold many examples, because each is a real run. A word that no story names is played at the end of
`talk` (a step), of `faults` (a fault), or is expected of `half-open` (an expectation): a new plugin needs a line here
only where that moment does not suit its example.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netlab
from netlab.lab import document, from_definition
from netlab.lab.nodes import plain
from netlab.lab.words import WORDS
from netlab.records import Verdict

PLUGINS: dict[str, type[Any]] = {**WORDS.steps.all(), **WORDS.faults.all(), **WORDS.expectations.all()}

HOSTS = """
server:
  nics: {eth0: {ip: 10.0.0.1/24}}
  sysctls: {net.ipv4.tcp_orphan_retries: 1}
  programs: {web: {argv: [sleep, "60"]}}
client:
  nics: {eth0: {ip: 10.0.0.2/24}}
  programs: {curl: {argv: [echo, "200"]}, shell: {argv: [sh], interactive: true}}
"""

HELLO = """
listen
connect
accept
send
receive
"""

HALF_OPEN = """
- {id: pull, unplug: server.eth0}
- kill: server
wait
- replug: server.eth0
half-open
- client: {send: world}
- {id: last-read, client: {receive: {error: ECONNRESET}}}
- client: {send: {text: again, sigpipe: default, signal: SIGPIPE}}
- start: client.curl
- wait: {exit: client.curl}
"""

ORPHAN = """
- unplug: server.eth0
- kill: server
- wait: {host: server, peer: client, socket: FIN-WAIT-1, timer: probe, least: 1s}
- replug: server.eth0
impostor
- client: {send: world}
- client: {receive: {error: ECONNRESET}}
"""

PROCESSES = """
start
- start: client.shell
input
- wait: {output: {program: client.shell, line: hello}}
- server.worker: {listen: 9001}
stop
- {background: reader, client: {receive: {}}}
- server: {send: hello}
finish
kill
"""

STORIES: dict[str, tuple[str, str]] = {
    "talk": (HELLO.replace("accept", "poll\naccept") + "getsockopt\nsetsockopt\ncheck", "wire"),
    "half-open": (HELLO + HALF_OPEN, "reset call socket never exit output"),
    "orphan": (HELLO + ORPHAN, "counters"),
    "processes": (HELLO + PROCESSES, ""),
    "reset": (HELLO + "segment\n- server: {receive: {error: ECONNRESET}}", ""),
    "close": (HELLO + "shutdown\nclose", ""),
    "faults": (HELLO, ""),
    "middlebox": (HELLO + "forget", ""),
}
"""The steps of each lab, and the expectations on it."""

FIREWALL = {"stateful": "drop", "inside": ["eth0"]}
"""What the story of middleboxes gives its server."""


def unnamed(words: Any) -> list[str]:
    """The words that no story names, in the order of their folder."""
    named = {line.strip() for steps, expect in STORIES.values() for line in [*steps.splitlines(), *expect.split()]}
    return [word for word in words.words if word not in named]


def entries(story: str) -> str:
    """The `steps` of a story, with each word replaced by its example."""
    more = {"talk": unnamed(WORDS.steps), "faults": unnamed(WORDS.faults)}.get(story, [])
    lines = [line for line in [*STORIES[story][0].splitlines(), *more] if line.strip()]
    return "\n".join(line if line.startswith("- ") else PLUGINS[line].example for line in lines)


def expected(story: str) -> str:
    """The `expect` of a story."""
    more = unnamed(WORDS.expectations) if story == "half-open" else []
    return "\n".join(PLUGINS[word].example for word in [*STORIES[story][1].split(), *more])


def yaml(text: str) -> Any:
    return plain(document.parse(text)[0])


def definition(story: str) -> dict[str, Any]:
    """The whole lab of a story."""
    hosts = yaml(HOSTS)
    if story == "orphan":
        hosts["server"]["sysctls"] = {"net.ipv4.tcp_orphan_retries": 3}  # it tries its FIN after 0.2, 0.6 and 1.4 s
    if story == "middlebox":
        hosts["server"]["firewall"] = FIREWALL
    return {
        "name": story,
        "title": f"The examples of {story}",
        "hosts": hosts,
        "switches": {"switch": ["server.eth0", "client.eth0"]},
        "steps": yaml("steps:\n" + indented(entries(story)))["steps"],
        "expect": yaml(expected(story)) if expected(story) else {},
    }


def indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


@pytest.mark.parametrize("word", PLUGINS)
def test_every_word_has_an_example_that_uses_it(word: str) -> None:
    example = PLUGINS[word].example
    uses = f"{word}:" if word in WORDS.expectations else word
    assert uses in example, f"{word}: no example; the reference shows it, and this file plays it"


@pytest.mark.parametrize("story", STORIES)
def test_the_examples_pass_when_they_are_played(story: str, tmp_path: Path) -> None:
    record = netlab.run(from_definition(definition(story)), out=tmp_path / "run")
    wrong = [check for check in record.checks if check.verdict is not Verdict.PASS]
    assert record.verdict is Verdict.PASS and not wrong, wrong


def test_every_example_is_played_in_some_story() -> None:
    played = {word for story in STORIES for word in words_of(from_definition(definition(story)))}
    assert played == set(PLUGINS)


def words_of(lab: netlab.Lab) -> set[str]:
    return {planned.word for planned in lab.steps} | {expectation.word for expectation in lab.expectations}
