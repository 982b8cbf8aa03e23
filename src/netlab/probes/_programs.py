"""Asks real programs for their version, for the probes of what labs run inside their hosts.

Rules: looked for where a lab's program is looked for (netlab.commands), and really run: a package that is installed and
does not start is not there.
"""

from __future__ import annotations

import re
import subprocess

from netlab import commands
from netlab.probes import Finding
from netlab.probes._trial import BUSY

SECONDS = 15
"""The slowest takes half a second. On a machine that is too busy the answer is unknown, and labs go on."""


def asked(words: tuple[str, ...], remedy: str) -> Finding:
    """What a command prints up to its version, and where it is; no where it cannot be run."""
    file = commands.find(words[0])
    if file is None:
        return Finding("no", f"no command {words[0]}", remedy)
    try:
        done = subprocess.run((file, *words[1:]), capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Finding("unknown", f"{file} said nothing for {SECONDS} s", BUSY)
    except OSError as problem:
        return Finding("no", f"{file} does not run: {problem}", remedy)
    version = re.search(r"^.*?\d+\.\d[\w.]*", done.stdout + done.stderr, re.MULTILINE)
    if done.returncode or version is None:
        last = (done.stderr.strip().splitlines() or ["it said nothing of why"])[-1]
        return Finding("no", f"{file} ended with status {done.returncode}: {last}", remedy)
    return Finding("yes", f"{version[0]} ({file})")


def all_of(remedy: str, *commands_: tuple[str, ...]) -> Finding:
    """Each of these commands: the first that is not there, or else what the first one prints."""
    findings = [asked(words, remedy) for words in commands_]
    return next((finding for finding in findings if finding.status != "yes"), findings[0])


def library(module: str, least: int = 0) -> Finding:
    """A Python library, of this major version at least, as the `python3` of a lab's programs imports it."""
    code = f"import {module}; print({module!r}, {module}.__version__)"
    finding = asked(("python3", "-c", code), "pip install 'netlab-faults[services]' beside netlab")
    if finding.status == "no":
        return Finding("no", f"cannot import {module}: {finding.text}", finding.remedy)
    version = re.match(rf"{module} (\d+)", finding.text)
    if version is not None and int(version[1]) < least:
        return Finding("no", f"{finding.text} is older than {least}", "pip install 'netlab-faults[services]'")
    return finding
