"""What plays at the far end: netlab-warm, which has imported everything, and a netlab-run for each request.

Rules: netlab-warm never takes a word of the conversation: the run that it forks reads the whole request, whatever
becomes of it, and answers by `ended` or `error`. Where a run dies without an answer, netlab-warm ends, and the far end
with it. SIGINT is for the run: netlab-warm leads its process group, and ignores it.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import tarfile
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab import errors
from netlab.agent import forking, warm
from netlab.catalogue.forks import get_ready
from netlab.errors import NetlabError
from netlab.lab import from_definition
from netlab.orchestrator import run_lab
from netlab.progress import Progress
from netlab.remote import INTERRUPTED
from netlab.remote import folder as folders
from netlab.remote.frames import PIECE, Frame, Frames
from netlab.remote.janitor import remove
from netlab.rundir import RECORD
from netlab.session import launch

if TYPE_CHECKING:
    from netlab.lab import Lab
    from netlab.probes import Finding
    from netlab.steps import Planned

READ = 64 << 10


def serve(channel: socket.socket, folder: str) -> int:
    """Fork a run for each request that comes; `folder` is where it may write."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    get_ready()
    known: dict[str, Finding] = {}
    while channel.recv(1, socket.MSG_PEEK):
        play = partial(play_one, channel, Path(folder) / "run", known)
        pid, ours = forking.fork(play, "netlab-run", keep=(channel.fileno(),))
        with ours, ours.makefile("rb") as found:
            known |= pickle.loads(found.read() or pickle.dumps({}))
        if os.waitpid(pid, 0)[1]:
            return 1
    return 0


# --- netlab-run ---


def play_one(channel: socket.socket, folder: Path, known: dict[str, Finding], parent: socket.socket) -> int:
    """Answer one request over the channel; the parent is told what probes found, for those that follow."""
    talk = Talk(channel)
    try:
        problem = attempt(talk, folder, known)
    except KeyboardInterrupt:  # between two things that would have ended in order
        problem = {"type": INTERRUPTED}
    remove(str(folder))
    if problem is None:
        talk.say("ended")
    else:
        talk.say("error", problem)
    parent.sendall(pickle.dumps(known))
    return 0


def attempt(talk: Talk, folder: Path, known: dict[str, Finding]) -> dict[str, Any] | None:
    """Carry out a request; why that was not possible, as JSON values."""
    try:
        make(folder, 0o755)
        lab, target = receive(talk, folder / "lab")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        talk.say("begun")
        with launch(folder, warm.start) as session:
            make(folder / "files", 0o700)
            run_lab(lab, folder / "files", session=session, progress=Told(talk), known=known, target=target)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        send(talk, folder / "files")
    except NetlabError as error:
        return errors.to_json(error)
    except (OSError, tarfile.TarError) as error:
        return errors.to_json(NetlabError(f"play the lab: {error}"))
    except Exception:
        return errors.to_json(NetlabError(f"a defect of netlab, not of your lab:\n{traceback.format_exc()}"))
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return None


def make(folder: Path, mode: int) -> None:
    """Make a folder with this mode, whatever the umask is."""
    folder.mkdir()
    folder.chmod(mode)


def receive(talk: Talk, folder: Path) -> tuple[Lab, str]:
    """Read a request to its end, and its lab's folder into `folder`; the lab, and what the target is called.

    Raises: NetlabError, OSError, tarfile.TarError.
    """
    request = talk.hear()
    pieces = Pieces(talk)
    try:
        make(folder, 0o755)
        if pieces.more():
            folders.unpack(folder, pieces.read)
    finally:
        pieces.drain()
    return from_definition(request.fields["definition"], folder=folder), str(request.fields["target"])


def send(talk: Talk, folder: Path) -> None:
    """Send the files of a run directory; the record last, so that whoever has it has all. Raises: OSError."""
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: (path.name == RECORD, path))
    for path in files:
        with path.open("rb") as file:
            talk.say("file", {"name": path.relative_to(folder).as_posix(), "size": os.fstat(file.fileno()).st_size})
            while piece := file.read(PIECE):
                talk.say("piece", data=piece)


class Talk:
    """The run's half of the conversation. What it says waits until the relay takes it."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._frames = Frames()
        self._heard: list[Frame] = []

    def say(self, say: str, fields: dict[str, Any] | None = None, data: bytes = b"") -> None:
        self._channel.sendall(Frame(say, fields or {}, data).encoded())

    def hear(self) -> Frame:
        """The next frame. Raises: EOFError, where the relay is gone."""
        while not self._heard:
            data = self._channel.recv(READ)
            if not data:
                raise EOFError
            self._heard += self._frames.feed(data)
        return self._heard.pop(0)


class Pieces:
    """The raw bytes of the frames up to `sent`, as a stream."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._piece = b""
        self._sent = False

    def more(self) -> bool:
        """Whether there are more bytes."""
        while not self._piece and not self._sent:
            frame = self._talk.hear()
            self._piece, self._sent = frame.data, frame.say == "sent"
        return bool(self._piece)

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at the end."""
        self.more()
        taken, self._piece = self._piece[:size], self._piece[size:]
        return taken

    def drain(self) -> None:
        """Read what is left, and drop it."""
        while self.more():
            self._piece = b""


class Told(Progress):
    """A run's progress on its way to the near end, which knows the lab: steps are told by their index."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def started(self, lab: Lab) -> None:
        self._talk.say("started")

    def phase(self, text: str) -> None:
        self._talk.say("phase", {"text": text})

    def step(self, planned: Planned) -> None:
        self._talk.say("step", {"index": planned.index})

    def done(self, planned: Planned, error: str | None, took_ns: int) -> None:
        self._talk.say("done", {"index": planned.index, "error": error, "took_ns": took_ns})
