"""Labs of the contract, each in a folder of its own."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import GOOD_LAB

REFUSED = GOOD_LAB.replace('connect: "server:${port}"', 'connect: "server:1"')
"""Fails: nobody listens there."""

PATIENT = GOOD_LAB.replace(
    "variants:", "  - {background: waiting, server: {accept: {within: 300s}}}\n  - finish: waiting\nvariants:"
).replace('  - client: {connect: "server:${port}"}\n', "")
"""Waits for a client that never comes."""

LACKING = """\
name: lacking
title: A program that no machine has
source: {document: the contract of targets}
hosts:
  box: {programs: {app: {argv: [no-such-program-anywhere]}}}
steps:
  - start: box.app
"""

SILENT = """\
name: silent
title: A program, and nothing that is expected of it
source: {document: the contract of targets}
hosts:
  box: {programs: {app: {argv: ["true"]}}}
steps:
  - start: box.app
"""
"""Unknown: what expects nothing shows nothing."""

TRAVELS = """\
name: travels
title: A program that comes with its lab
source: {document: the contract of targets}
hosts:
  box: {programs: {app: {argv: [./bin/app.sh, part/data.txt], ready: {line: ready}}}}
steps:
  - start: box.app
expect:
  output: {program: box.app, line: "^what the data says$"}
"""

BIG = """\
name: big
title: A connection that fills a capture
source: {document: the contract of targets}
hosts:
  server:
    nics: {eth0: {ip: 10.0.0.1/24}}
    offloads: true
    programs: {sink: {argv: [python3, sink.py], ready: {port: 9000}}}
  client:
    nics: {eth0: {ip: 10.0.0.2/24}}
    offloads: true
    programs: {source: {argv: [python3, source.py, "${megabytes}"], ready: {line: sent, within: 60s}}}
switches: {sw: [server.eth0, client.eth0]}
capture: {ring: 32MiB}
parameters:
  megabytes: {default: 1, description: how much is sent; each of four capture points sees it}
steps:
  - start: server.sink
  - start: client.source
expect:
  output: {program: client.source, line: "^sent$"}
"""

SINK = """\
import socket
connection, _ = socket.create_server(("10.0.0.1", 9000)).accept()
while connection.recv(1 << 20):
    pass
"""

SOURCE = """\
import socket, sys, time
with socket.create_connection(("10.0.0.1", 9000)) as connection:
    for _ in range(int(sys.argv[1])):
        connection.sendall(bytes(1 << 20))
        time.sleep(0.03)  # at most 33 MB/s, so that the capture keeps up
print("sent", flush=True)
"""


def made(parent: Path, text: str, **files: str) -> Path:
    """A lab file in a folder of its own, with these files (`bin__app.sh` is bin/app.sh, and may be executed)."""
    folder = parent / "lab"
    folder.mkdir()
    for name, content in files.items():
        file = folder / name.replace("__", "/").replace("_sh", ".sh").replace("_txt", ".txt").replace("_py", ".py")
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
        file.chmod(0o755 if file.suffix == ".sh" else 0o644)
    (folder / "lab.yaml").write_text(text)
    return folder / "lab.yaml"
