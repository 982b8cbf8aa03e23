"""The lab that `netlab new` writes: small, whole, and passing as it is."""

from __future__ import annotations

from pathlib import Path

from netlab.errors import UsageError
from netlab.lab.names import HOST

__all__ = ["lab_file", "readme", "write"]

LAB = """\
# {name}: a lab to start from. `netlab run {name}` plays it, `netlab validate {here}` checks it.
# Every word is explained in docs/lab-file.md; `netlab schema` gives editors completion.
name: {name}
title: A client says hello, and the server reads it
claim: what the client sends, the server reads, whole and in order # a sentence that can be true or false
source: {{rfc: RFC 9293 section 3.8}}
says: the server read what the client sent # what a reader learns when the lab passes

parameters:
  message: {{default: hello, description: what the client sends}} # ${{message}} below; --set message=hi

hosts:
  server: {{nics: {{nic-a: {{ip: 10.77.0.1/24}}}}}}
  client: {{nics: {{nic-b: {{ip: 10.77.0.2/24}}}}}}
switches:
  switch: [server.nic-a, client.nic-b]

steps: # one after the other; each is judged
  - server: {{listen: 9000}}
  - client: {{connect: "server:9000"}}
  - server: {{accept: {{}}}}
  - {{id: talk, client: {{send: "${{message}}"}}}}
  - server: {{receive: "${{message}}"}}

expect: # what must, and must not, be on the wire
  wire: |
    client > server  S
    server > client  S.
    client > server  .
    -- talk --
    client > server  P. "${{message}}"
    server > client  .
  never: {{flags: R}}

variants:
  long:
    title: the message is longer
    set: {{message: hello from the other side}}
"""

README = """\
# {name}

What you will see: the client connects, sends one message, and the server reads it.

    netlab run {name}
    netlab run {name} --variant long
    netlab run {name} --set message=hi

Why: say here which rule makes it so (RFC section, kernel function, sysctl), and what to try next.
"""


def lab_file(name: str, here: str = "lab.yaml") -> str:
    """The text of the new lab file."""
    return LAB.format(name=name, here=here)


def readme(name: str) -> str:
    """The text of its handout."""
    return README.format(name=name)


def write(name: str, labs: str | Path = "labs") -> Path:
    """Write a new lab below `labs`; its folder is returned. Nothing that exists is changed.

    Raises: UsageError.
    """
    if not HOST.fullmatch(name) or name != name.lower():
        raise UsageError(f"new {name!r}: not a lab's name; small letters, digits and hyphens")
    folder = Path(labs) / name
    try:
        folder.mkdir(parents=True)
        (folder / "lab.yaml").write_text(lab_file(name, str(folder / "lab.yaml")), encoding="utf-8")
        (folder / "README.md").write_text(readme(name), encoding="utf-8")
    except FileExistsError:
        raise UsageError(f"new {name}: {folder} is there already; take another name") from None
    except OSError as error:
        raise UsageError(f"new {name}: {folder} cannot be written: {error.strerror}") from None
    return folder
