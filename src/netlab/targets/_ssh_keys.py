"""Authentication by keys: which are offered to a server, in which order, and what is said where none will do.

Rules: the order keeps the first offers for keys that are meant, because servers end the connection after a few wrong
ones (sshd_config(5), MaxAuthTries): keys of the configuration that the agent holds, their files, then what else the
agent has. No key is offered twice. Nothing asks for a passphrase: `ssh-add` does. Passwords are not used.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.errors import TargetError
from netlab.targets._ssh_settings import Settings

if TYPE_CHECKING:
    from paramiko import PKey, Transport

__all__ = ["authenticate"]

SIGNING_S = 60.0
"""How long the agent may take to sign: it may ask its user first (ssh-add -c)."""


def authenticate(transport: Transport, settings: Settings) -> None:
    """Log in with the first key that is accepted. Raises: TargetError saying what was tried."""
    from paramiko.ssh_exception import AuthenticationException, BadAuthenticationType, SSHException

    told: list[str] = []
    with contextlib.closing(Offers(settings, told)) as offers:
        for name, key in offers:
            try:
                if not (further := transport.auth_publickey(settings.user, key)):
                    return
                told.append(f"{name} was accepted, but the server wants {' or '.join(further)} besides")
            except BadAuthenticationType as error:
                raise refused(settings, [f"it takes {' or '.join(error.allowed_types)}, and no keys"]) from None
            except AuthenticationException:
                told.append(f"{name} was refused")
            except (SSHException, EOFError, OSError) as error:
                told.append(f"{name} could not be used ({error})")
            if not transport.is_active():
                told.append("then the server ended the connection (after as many keys as it allows, perhaps)")
                break
    raise refused(settings, told)


def refused(settings: Settings, told: list[str]) -> TargetError:
    """No key would do: what was tried, what to do."""
    tried = "; ".join(told) or "there was no key to offer"
    return TargetError(
        f"log in as {settings.place}: {tried}; what helps: load the right key (ssh-add KEY), name it in ~/.ssh/config "
        f"(IdentityFile, User), or have its public half put into ~{settings.user}/.ssh/authorized_keys there"
    )


class Offers:
    """Keys in the order in which they are offered; why others are not goes into `told`."""

    def __init__(self, settings: Settings, told: list[str]) -> None:
        self.settings = settings
        self.told = told
        self._agent: Any = None

    def __iter__(self) -> Iterator[tuple[str, PKey]]:
        agent = self.in_agent()
        files = [file for file in self.settings.keys if file.exists() or public_half(file)]
        if not files and (self.settings.keys_only or not agent):
            self.told.append(f"no key file is there ({', '.join(map(str, self.settings.keys)) or 'none is named'})")
        done: set[bytes] = set()
        for file in files:
            blob = public_half(file)
            if blob in agent:
                done.add(blob)
                yield f"{file} (by the agent)", agent[blob]
        for file in files:
            key = self.load(file, done)
            if key is not None:
                done.add(key.asbytes())
                yield str(file), key
        for blob, key in agent.items():
            if blob not in done and not self.settings.keys_only:
                yield f"the agent's key {key.comment or key.get_name()}", key

    def in_agent(self) -> dict[bytes, Any]:
        """The agent's keys by their public halves."""
        from paramiko.agent import AgentSSH
        from paramiko.ssh_exception import SSHException

        if not self.settings.agent:
            self.told.append("no agent is running (SSH_AUTH_SOCK is not set)")
            return {}
        if not hasattr(socket, "AF_UNIX"):
            self.told.append("agents are not asked on Windows")
            return {}
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(SIGNING_S)
        try:
            channel.connect(self.settings.agent)
            self._agent = AgentSSH()
            self._agent._connect(channel)  # paramiko.Agent takes no other socket than that of SSH_AUTH_SOCK
            keys = {key.asbytes(): key for key in self._agent.get_keys()}
        except (SSHException, OSError) as error:
            channel.close()
            self.told.append(f"the agent at {self.settings.agent} does not answer ({error})")
            return {}
        if not keys:
            self.told.append("the agent holds no keys")
        return keys

    def load(self, file: Path, done: set[bytes]) -> PKey | None:
        """The private key of a file; None where it cannot be used, or was offered already."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from paramiko import PKey
        from paramiko.pkey import UnknownKeyType
        from paramiko.ssh_exception import PasswordRequiredException, SSHException

        if public_half(file) in done or not file.exists():
            return None
        try:
            key: PKey = PKey.from_path(file)
        except (TypeError, PasswordRequiredException):  # what cryptography and paramiko say without a passphrase
            self.told.append(f"{file} is encrypted, and the agent does not hold it (ssh-add {file})")
        except (OSError, ValueError, SSHException, UnknownKeyType, UnsupportedAlgorithm) as error:
            self.told.append(f"{file} cannot be read ({error})")
        else:
            return None if key.asbytes() in done else key
        return None

    def close(self) -> None:
        """Let go of the agent."""
        if self._agent is not None:
            self._agent._close()


def public_half(file: Path) -> bytes:
    """The public key beside a private one (or in the file itself, where that is a public key); b"" without one."""
    for place in (file.with_name(file.name + ".pub"), file):
        with contextlib.suppress(OSError, binascii.Error, IndexError, UnicodeDecodeError):
            words = place.read_text(encoding="ascii").split()
            if words[0].startswith(("ssh-", "ecdsa-", "sk-")):
                return base64.b64decode(words[1], validate=True)
    return b""
