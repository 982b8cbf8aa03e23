"""Labs made for these tests: tiny ones, each with another finding."""

from __future__ import annotations

from pathlib import Path

TEXT = """\
name: {name}
title: A connection
claim: a server that listens is reached
source: {{rfc: RFC 9293}} # where it says so
{finding}
says: the client was connected
{more}
hosts:
  server: {{nics: {{eth0: {{ip: 10.0.0.1/24}}}}}}
  client: {{nics: {{eth0: {{ip: 10.0.0.2/24}}}}}}
switches: {{sw: [server.eth0, client.eth0]}}

steps: # two of them
  - server: {{listen: 9000}}
  - {{id: dial, client: {{connect: "server:9000"}}}}

expect:
  {expect}
"""

PASSING, FAILING = "never: {flags: R}", "never: {flags: S.}"


def put(folder: Path, name: str, finding: str, *, expect: str = PASSING, more: str = "") -> Path:
    """A lab file in a folder of labs."""
    path = folder / name / "lab.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT.format(name=name, finding=finding, expect=expect, more=more))
    return path
