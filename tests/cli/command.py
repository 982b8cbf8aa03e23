"""Runs the command line in a process of its own, as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LABS = ROOT / "labs"

GOOD_LAB = """\
name: hello
title: Two hosts and a switch
claim: a connection can be made
source: {rfc: RFC 9293}
hosts:
  server: {nics: {eth0: {ip: 10.0.0.1/24}}}
  client: {nics: {eth0: {ip: 10.0.0.2/24}}}
switches: {sw: [server.eth0, client.eth0]}
parameters:
  port: {default: 9000, description: where the server listens}
steps:
  - server: {listen: "${port}"}
  - client: {connect: "server:${port}"}
variants:
  other: {title: on another port, set: {port: 9001}}
  third: {title: on a third one, set: {port: 9002}}
"""


def environment(**more: str) -> dict[str, str]:
    """This process's environment, with netlab importable and nothing set that changes how it shows things."""
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "NETLAB_DEBUG")}
    paths = [str(ROOT / "src"), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), **more}


def netlab(*arguments: str | Path, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command with its output, ended."""
    return subprocess.run(
        [sys.executable, "-m", "netlab", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def lab_folder(parent: Path, name: str = "hello", text: str = GOOD_LAB) -> Path:
    """A folder of labs that holds one."""
    folder = parent / "somewhere"
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "lab.yaml").write_text(text, encoding="utf-8")
    return folder
