"""Adding a plugin is adding a file: the template, and every code block of docs/faults.md, put in place and played.

The supervisor is a process of its own, which imports netlab by itself: so the files go into a copy of the package, as
they would go into a clone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "faults.md"
BLOCK = re.compile(r"`src/netlab/(\w+/\w+\.py)`:\n\n```python\n(.*?)```", re.DOTALL)

LAB = """
name: added
title: Words that were added
requires: [namespaces]
hosts:
  server: {nics: {eth0: {ip: 10.0.0.1/24}}}
  client: {nics: {eth0: {ip: 10.0.0.2/24}}}
switches: {switch: [server.eth0, client.eth0]}
steps:
  - server: {listen: 9000}
  - client: {connect: "server:9000"}
  - server: {accept: {}}
"""


class Clone:
    """A copy of the package that files can be added to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "src" / "netlab", folder / "netlab", ignore=shutil.ignore_patterns("__pycache__"))

    def add(self, path: str, text: str) -> None:
        assert not (self.folder / "netlab" / path).exists(), "a word of its own"
        (self.folder / "netlab" / path).write_text(text, encoding="utf-8")

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def run(self, lab: str) -> dict[str, Any]:
        """The record of a lab file played with this copy; it must pass."""
        (self.folder / "lab.yaml").write_text(lab, encoding="utf-8")
        done = self.python("-m", "netlab", "run", "lab.yaml", "--json", "--out", "run")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        record: dict[str, Any] = json.loads(done.stdout)
        return record


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def faults(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(e["fault"], e["action"], e["target"]) for e in record["events"] if e["kind"] == "fault"]


def test_the_template_copied_under_a_new_name_is_a_fault(clone: Clone) -> None:
    template = (clone.folder / "netlab/faults/_template.py").read_text(encoding="utf-8")
    clone.add("faults/idle_hands.py", template.replace("Nothing", "IdleHands").replace("undo-nothing", "be-busy"))
    steps = ["{id: rest, idle-hands: server}", "idle-hands: client", "heal: rest", "be-busy: client"]
    record = clone.run(LAB + "".join(f"  - {step}\n" for step in steps))
    assert faults(record) == [
        ("idle-hands", "inject", "server"),
        ("idle-hands", "inject", "client"),
        ("idle-hands", "heal", "server"),
        ("idle-hands", "heal", "client"),
    ]
    schema = clone.python("-m", "netlab", "schema").stdout
    assert "idle-hands" in schema and "be-busy" in schema


def test_what_the_manual_shows_works_as_it_stands(clone: Clone) -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert [path.split("/")[0] for path, _ in blocks] == [
        "faults",
        "steps",
        "steps",
        "expectations",
        "probes",
        "outputs",
        "outputs",
    ]
    for path, text in blocks:
        clone.add(path, text)
    examples = clone.python("-c", EXAMPLES).stdout
    steps, expect = examples.split("---\n")
    record = clone.run(LAB + steps + "expect:\n" + expect + "outputs: {resets: {least: 0}}\n")
    assert record["tables"] == [{"output": "resets", "rows": []}]
    assert (clone.folder / "run" / "resets.txt").exists()
    assert faults(record) == [("deaf", "inject", "server"), ("deaf", "heal", "server")]
    assert [check["name"] for check in record["checks"] if check["name"].startswith("segments")] == [
        "segments from client"
    ]
    assert "Can endpoints speak Multipath TCP?" in clone.python("-m", "netlab", "doctor").stdout
    (clone.folder / "lab.yaml").write_text(LAB.replace("namespaces", "mptcp"), encoding="utf-8")
    assert clone.python("-m", "netlab", "validate", "lab.yaml").returncode == 0, "a probe is a word of requires"
    lines = clone.python("-c", CSV).stdout.splitlines()
    assert lines[0] == "time_ns,from,to,flags,length" and ",client,server,S,0" in lines[1]


EXAMPLES = """
from netlab.faults import FAULTS
from netlab.steps import STEPS
from netlab.expectations import EXPECTATIONS
entries = [STEPS["sysctl"].example, FAULTS["deaf"].example, "- client: {send: hello}", STEPS["peek"].example,
           "- server: {receive: hello}"]
print("\\n".join("  " + line for entry in entries for line in entry.splitlines()))
print("---")
print("  " + EXPECTATIONS["segments"].example)
"""
CSV = """
import sys
import netlab
from netlab.outputs import OUTPUTS
OUTPUTS["csv"]().write(netlab.judge_run("run"), sys.stdout.write)
"""


def test_a_deaf_host_hears_nothing_and_speaks(clone: Clone) -> None:
    blocks = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    clone.add("faults/deaf.py", blocks["faults/deaf.py"])
    steps = """\
  - deaf: server
  - client: {send: lost}
  - wait: {segment: {from: client, to: server, payload: lost, count: 2}}
  - server: {receive: {error: TIMEOUT, within: 10ms}}
  - server: {send: heard}
  - client: {receive: heard}
  - hear: server
  - server: {receive: lost}
"""
    assert len(faults(clone.run(LAB + steps))) == 2


def test_a_file_with_two_plugins_is_refused(clone: Clone) -> None:
    template = (clone.folder / "netlab/faults/_template.py").read_text(encoding="utf-8")
    second = template.split("@dataclass", 1)[1].replace("Nothing", "Other")
    clone.add("faults/idle.py", template + "\n\n@dataclass" + second)
    (clone.folder / "lab.yaml").write_text(LAB + "  - idle: server\n", encoding="utf-8")
    done = clone.python("-m", "netlab", "validate", "lab.yaml")
    assert done.returncode == 2
    assert "holds 2 plugins; a plugin file holds exactly one" in done.stderr + done.stdout
