"""vagrant: netlab's own VM, or the one of a folder with a Vagrantfile, over SSH.

netlab ──`vagrant ssh-config`──▶ address, user, key ──paramiko──▶ sshd of the VM ──sudo──▶ python -m netlab.remote.far

Vagrant itself tells ssh to accept any host key. Here the key that the VM shows first is kept beside Vagrant's own data
of this VM, under a name that does not depend on its address, and any other one is refused: whoever else answers at that
address (another user's program at the forwarded port, while the VM is down) gets nothing. Vagrant empties that folder
when the VM is destroyed, so a new VM begins anew.
"""

from __future__ import annotations

from pathlib import Path

from netlab.errors import TargetError, UsageError
from netlab.targets import Tell
from netlab.targets._folders import expanded
from netlab.targets._ssh import MachineTarget
from netlab.targets._ssh_settings import Settings
from netlab.targets._vagrant import Vagrant, VmState, default_folder
from netlab.targets._vagrant_providers import choose

KNOWN_HOSTS = "netlab_known_hosts"


class VagrantVm(MachineTarget):
    """Labs run in a Vagrant VM, which is started where it is down."""

    form = "vagrant:[DIR]"

    def __init__(self, url: str, tell: Tell) -> None:
        super().__init__(url, tell)
        path = url.removeprefix("vagrant:")
        if path.startswith("//"):
            raise UsageError(f"read the target {url!r}: it takes a folder as it is, not a host; write {self.form}")
        self._path = path

    def where(self) -> Settings:
        folder = self._folder()
        vagrant = Vagrant(folder)
        state = vagrant.state()
        if not state.running:
            self.tell(starting(state, folder))
            new = not (state.exists or self._path)
            vagrant.up(self.tell, choose(None, vagrant.plugins()) if new else None)
            state = vagrant.state()
        return settings(vagrant, state)

    def _folder(self) -> Path:
        """The VM's folder. Raises: UsageError where it has no Vagrantfile."""
        if not self._path:
            return default_folder()
        folder = expanded(self._path).resolve()
        if not (folder / "Vagrantfile").is_file():
            raise UsageError(f"read the target {self.url!r}: there is no Vagrantfile in {folder}; give its folder")
        return folder


def starting(state: VmState, folder: Path) -> str:
    """What is said before the VM is started: it takes time, and the first time it downloads a system."""
    if state.exists:
        return f"the VM of {folder} is {state.words}: starting it, which takes a minute (netlab vm halt stops it)"
    return (
        f"there is no VM in {folder} yet: making it, which downloads a box of some 600 MB and takes several minutes; "
        f"netlab vm destroy removes it"
    )


def settings(vagrant: Vagrant, state: VmState) -> Settings:
    """How SSH gets into the running VM. Raises: TargetError where Vagrant does not say."""
    words = vagrant.ssh_config()
    try:
        host, user, port = words["hostname"][0], words["user"][0], int(words.get("port", ["22"])[0])
    except (KeyError, ValueError):
        raise TargetError(
            f"ask Vagrant for the way into {vagrant.folder}: no HostName, User or Port in {words}"
        ) from None
    return Settings(
        host=host,
        user=user,
        port=port,
        keys=tuple(Path(key) for key in words.get("identityfile", ())),
        keys_only=True,
        known_hosts=(vagrant.data_folder(state) / KNOWN_HOSTS,),
        known_as=f"vagrant-{state.name}",
        trust_first_use=True,
        proxy_command=next(iter(words.get("proxycommand", ())), ""),
        prefix=("sudo", "--non-interactive"),
    )
