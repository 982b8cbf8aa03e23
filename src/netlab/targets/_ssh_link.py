"""A connection to a server: through other servers or a command where the configuration says so, its key checked.

    we ──TCP or a command──▶ [ jump host ──direct-tcpip──▶ ]* server

Rules: everything ends within a bounded time. Whether the server is still there is asked end to end
(keepalive@openssh.com, which a server must answer, RFC 4254 section 4): a server that has given no sign of life for
`alive_s * alive_count` is taken for lost, and every stream over the connection ends. paramiko's own set_keepalive asks
for no answer, and TCP alone would wait for a quarter of an hour.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from netlab.errors import TargetError
from netlab.targets import Tell
from netlab.targets._ssh_keys import authenticate
from netlab.targets._ssh_known import check, known_keys, preferred
from netlab.targets._ssh_settings import Settings

if TYPE_CHECKING:
    from paramiko import Channel, Transport

__all__ = ["Link"]

AUTH_S = 60.0
"""How long one key may take: its agent may ask somebody."""


class Link:
    """A connection to one server, authenticated."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self.settings = settings
        self.tell = tell
        self.lost = ""
        """Why the connection is gone; "" as long as nobody found that it is."""
        self._transports: list[Transport] = []
        self._proxy: Proxy | None = None
        self._ended = threading.Event()
        self._heard = 0.0

    def open(self) -> None:
        """Connect and log in, hop by hop. Raises: TargetError."""
        # Python prints what nobody handles on stderr; paramiko's errors are raised again where they are awaited.
        logging.getLogger("paramiko").addHandler(logging.NullHandler())
        for settings in (*self.settings.jumps, self.settings):
            transport = greeted(self.stream(settings), settings, self.tell, self.said_by_proxy)
            self._transports.append(transport)
            authenticate(transport, settings)
        self.heard()
        for task in (self._ask, self._watch):
            threading.Thread(target=task, name=f"netlab-ssh{task.__name__}", daemon=True).start()

    def stream(self, settings: Settings) -> socket.socket | Channel:
        """What the conversation with this server goes over. Raises: TargetError."""
        if self._transports:
            return through(self._transports[-1], settings, self._hop_before())
        if settings.proxy_command:
            self._proxy = Proxy(settings.proxy_command)
            return self._proxy.stream
        return dialled(settings)

    def _hop_before(self) -> str:
        return self.settings.jumps[len(self._transports) - 1].place

    def said_by_proxy(self) -> str:
        """What the ProxyCommand wrote on stderr, for an error's text."""
        said = self._proxy.said() if self._proxy is not None else ""
        return f" (ProxyCommand {self.settings.proxy_command!r} said: {said})" if said else ""

    def session(self) -> Channel:
        """A channel for one command. Raises: TargetError."""
        from paramiko.ssh_exception import SSHException

        try:
            return self._transports[-1].open_session(timeout=self.settings.connect_s)
        except (SSHException, EOFError, OSError) as error:
            raise self.broken(f"open a session on {self.settings.place}", error) from None

    def broken(self, attempt: str, error: object = "") -> TargetError:
        """The error for something that the connection did not do."""
        if self.alive:
            return TargetError(
                f"{attempt}: {error or 'the server refused it'}; does the server allow that? Its log says more"
            )
        why = self.lost or f"the connection broke ({self._reason() or 'the server closed it'})"
        return TargetError(f"{attempt}: {why}; what ran there ends by itself")

    def _reason(self) -> str:
        """What the connection broke of, as paramiko says it; "" where its streams just ended."""
        return str(self._transports[-1].saved_exception or "") if self._transports else ""

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as anybody knows."""
        return not self.lost and bool(self._transports) and self._transports[-1].is_active()

    @property
    def broke(self) -> bool:
        """Whether the connection ended, and not by us."""
        return not self.alive and not self._ended.is_set()

    def heard(self) -> None:
        """Something came from the server just now."""
        self._heard = time.monotonic()

    def _ask(self) -> None:
        """Ask for signs of life until the end."""
        from paramiko.ssh_exception import SSHException

        transport = self._transports[-1]
        while transport.is_active() and not self._ended.wait(self.settings.alive_s):
            with contextlib.suppress(SSHException, EOFError, OSError):  # it ended meanwhile: who uses it is told
                transport.global_request("keepalive@openssh.com", wait=True)
                if transport.is_active():
                    self.heard()

    def _watch(self) -> None:
        """Give the connection up where there was no sign of life for too long."""
        limit = self.settings.alive_s * max(self.settings.alive_count, 2)  # answers come that far apart, at least
        while (rest := self._heard + limit - time.monotonic()) > 0:
            if self._ended.wait(rest):
                return
        self.lost = f"the connection to {self.settings.place} was lost (no sign of life for {limit:.0f} s)"
        self._shut()

    def _shut(self) -> None:
        for transport in reversed(self._transports):
            shut(transport)
        if self._proxy is not None:
            self._proxy.close()

    def close(self) -> None:
        """End the connection. May be called at any time."""
        self._ended.set()
        self._shut()


def dialled(settings: Settings) -> socket.socket:
    """A TCP connection to the server. Raises: TargetError."""
    attempt = f"connect to {settings.place}"
    try:
        sock = socket.create_connection((settings.host, settings.port), settings.connect_s)
    except socket.gaierror as error:
        raise TargetError(f"{attempt}: {settings.host} is not known ({error.strerror}); check the name") from None
    except ConnectionRefusedError:
        raise TargetError(
            f"{attempt}: connection refused, the host is there and nothing listens on port {settings.port}; start sshd "
            f"there, or give its port: ssh://{settings.host}:PORT"
        ) from None
    except TimeoutError:
        raise TargetError(
            f"{attempt}: no answer within {settings.connect_s:.0f} s; is the host up, and does no firewall drop port "
            f"{settings.port}? (ConnectTimeout in ~/.ssh/config gives it more time)"
        ) from None
    except OSError as error:
        raise TargetError(f"{attempt}: {error.strerror or error}; is there a way to this host from here?") from None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def through(transport: Transport, settings: Settings, hop: str) -> Channel:
    """A connection to the server from the server before it. Raises: TargetError."""
    from paramiko.ssh_exception import ChannelException, SSHException

    target = (settings.host, settings.port)
    try:
        return transport.open_channel("direct-tcpip", target, ("127.0.0.1", 0), timeout=settings.connect_s)
    except ChannelException as error:
        raise TargetError(
            f"connect to {settings.place} through {hop}: {hop} answers {error.text!r}; is the host up, its port right, "
            f"and forwarding allowed there (sshd_config, AllowTcpForwarding)?"
        ) from None
    except (SSHException, EOFError, OSError) as error:
        raise TargetError(f"connect to {settings.place} through {hop}: {error}; `ssh {hop}` shows more") from None


def greeted(stream: socket.socket | Channel, settings: Settings, tell: Tell, said: Callable[[], str]) -> Transport:
    """A conversation in SSH over this stream, with a server whose key was checked. Raises: TargetError."""
    from paramiko import Transport
    from paramiko.ssh_exception import IncompatiblePeer, SSHException

    attempt = f"speak SSH with {settings.place}"
    transport = Transport(stream)
    try:
        known = known_keys(settings.known_hosts, settings.known_name)
        transport.daemon = True
        transport.banner_timeout = transport.handshake_timeout = settings.connect_s
        transport.auth_timeout = AUTH_S
        options = transport.get_security_options()
        options.key_types = preferred(known, options.key_types)
        transport.start_client(timeout=settings.connect_s)
        key = transport.get_remote_server_key()
        shown = (key.get_name(), key.asbytes())
        file = settings.known_hosts[0]
        keep_in = (file, settings.hash_names)
        check(known, settings.known_name, shown, trust_first_use=settings.trust_first_use, keep_in=keep_in, tell=tell)
    except IncompatiblePeer as error:
        shut(transport)
        raise TargetError(f"{attempt}: {error}; the server is too old or too strict for paramiko") from None
    except (SSHException, EOFError, OSError) as error:
        shut(transport)
        why = str(error) or "it closed the connection"
        raise TargetError(
            f"{attempt}: no greeting within {settings.connect_s:.0f} s, or a broken one ({why}){said()}; is it sshd "
            "that answers there?"
        ) from None
    except BaseException:
        shut(transport)
        raise
    return transport


def shut(transport: Transport) -> None:
    """Close a conversation, in whatever state it is."""
    transport.packetizer.complete_handshake()  # else its timer keeps this process for as long as a handshake may take
    transport.close()


class Proxy:
    """A ProxyCommand: a process whose standard streams are one end of a socket, so that its end is seen as any other.

    paramiko.ProxyCommand does not see it end, and does not read what it writes on stderr. This one is in a session of
    its own: Ctrl-C at the terminal is netlab's alone, which needs the connection to end the run in order. As some stay
    when their input ends (nc), on Linux it dies with the thread that started it, like QEMU (_microvm_qemu).
    """

    def __init__(self, command: str) -> None:
        """Raises: TargetError where it cannot be started."""
        if linux := sys.platform == "linux":
            from netlab.agent import process

        def begin() -> None:
            os.close(self.stream.fileno())  # a copy, which would hide that the parent's is gone
            process.die_with_parent(theirs.fileno())

        self.stream, theirs = socket.socketpair()
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed with this)
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._stderr,
                start_new_session=True,
                preexec_fn=begin if linux else None,
            )
        except OSError as error:
            self.stream.close()
            self._stderr.close()
            raise TargetError(f"start ProxyCommand {command!r}: {error.strerror}; `ssh` would start it so") from None
        finally:
            theirs.close()

    def said(self) -> str:
        """What it wrote on stderr."""
        if self._stderr.closed:
            return ""
        self._stderr.seek(0)
        return self._stderr.read(4096).decode(errors="replace").strip()

    def close(self) -> None:
        """End it."""
        self.stream.close()
        self._process.kill()
        self._process.wait()
        self._stderr.close()
