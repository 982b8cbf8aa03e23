"""Lab files in the small vocabulary, and what the loader says of changed ones."""

from __future__ import annotations

from pathlib import Path

from netlab.errors import LabError
from netlab.lab.lab import Lab
from netlab.lab.loading import load
from tests.lab.words import SMALL

GOOD = """\
name: small
title: A small lab
claim: it loads
source: {document: none, rfc: RFC 9293}
finding: confirmed
says: it loaded
requires: [nftables]
parameters:
  port: {type: int, default: 9000, description: where the server listens}
  how: {type: choice, choices: [remove, down], default: remove}
hosts:
  server:
    nics:
      nic-a: {ip: 10.77.0.1/24, mac: 02:00:00:00:00:0a}
    sysctls: {net.ipv4.tcp_orphan_retries: 1}
    neighbours: [client.nic-b]
    programs:
      web:
        argv: [true]
        ready: {port: 80}
  client:
    nics:
      nic-b: {ip: [10.77.0.2/24, "fd77::2/64"]}
    routes: [{to: default, via: 10.77.0.1}]
switches:
  router: [server.nic-a, client.nic-b]
steps:
  - server: {listen: "${port}"}
  - {id: dial, background: dialling, client.worker: {connect: "server:${port}"}}
  - finish: dialling
  - wait: {host: server, socket: none, within: 50ms, after: dial}
  - unplug: {nic: server.nic-a, how: "${how}"}
  - replug: server.nic-a
  - {id: nap, pause: client.worker}
  - heal: nap
  - start: server.web
  - client: {receive: {}}
expect:
  script: |
    hello @server
    -- replug --
  reset: {from: server, after: dial}
variants:
  down:
    title: the NIC is down
    set: {how: down}
  short:
    title: less is done
    says: little was done
    steps:
      - server: {listen: "${port}"}
    expect: {}
"""


def changed(old: str, new: str) -> str:
    """The good lab with one text replaced."""
    assert GOOD.count(old) >= 1, f"{old!r} is not in the lab"
    return GOOD.replace(old, new, 1)


def saved(folder: Path, text: str | bytes) -> Path:
    """A lab file with this content."""
    path = folder / "lab.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def loaded(folder: Path, text: str | bytes = GOOD, **options: object) -> Lab:
    """The lab of this content."""
    return load(saved(folder, text), words=SMALL, **options)  # type: ignore[arg-type]


def complaints(folder: Path, text: str | bytes) -> list[str]:
    """What the loader says of this content: `line:column: wrong; allowed` each; none for a good lab."""
    path = saved(folder, text)
    try:
        load(path, words=SMALL)
    except LabError as error:
        lines = str(error).split("\n")
        assert all(line.startswith(f"{path}:") for line in lines), lines
        return [line.removeprefix(f"{path}:") for line in lines]
    return []
