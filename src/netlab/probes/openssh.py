"""Whether OpenSSH can be run, both its ends."""

from __future__ import annotations

from netlab import commands
from netlab.probes import Finding, Probe
from netlab.probes._programs import asked

REMEDY = "apt install openssh-server openssh-client"


class Openssh(Probe):
    """Runs `ssh` for its version; looks for `sshd` and `ssh-keygen`, which do not tell theirs in every release."""

    question = "Can a lab run an SSH server and client?"

    def probe(self) -> Finding:
        """Ask the client, look for the others."""
        for command in ("sshd", "ssh-keygen"):
            if commands.find(command) is None:
                return Finding("no", f"no command {command}", REMEDY)
        return asked(("ssh", "-V"), REMEDY)
