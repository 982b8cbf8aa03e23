"""The target ssh:, against OpenSSH's own sshd, in namespaces without a way to anywhere else: all is brought there."""

from __future__ import annotations

import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netlab.errors import NeedError, TargetError
from netlab.kernel import firewall
from netlab.lab import library
from netlab.probes import _remedies
from netlab.progress import Progress
from netlab.remote.near import There
from netlab.steps import Planned
from netlab.targets import _bring, _ssh, at
from netlab.targets._bring import ask, by_index
from netlab.targets._bring_fetch import fetch, platforms
from netlab.targets._bring_installed import packed
from netlab.targets._bring_wheel import parcel_of_this
from netlab.targets._ssh import Machine
from netlab.targets._ssh_link import Proxy
from netlab.targets._ssh_settings import configured, parse
from netlab.targets.local import LocalFar
from tests.kernel.ways import until
from tests.leftovers import family
from tests.sandbox import sandboxed
from tests.targets.site import BEHIND, FAR, JUMP, SSHD, Site, keygen

pytestmark = pytest.mark.skipif(not Path(SSHD).exists(), reason="lacks openssh")

QUICK = "Host *\n  ConnectTimeout 2\n  ServerAliveInterval 2\n  ServerAliveCountMax 2\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where everything is kept that several tests need; wheels, if any, are fetched as long as there is a way out."""
    root = tmp_path_factory.mktemp("ssh")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")  # as sshd sets it: the same Python
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        parcel = parcel_of_this()  # in every test the same, though somebody may work on it meanwhile
        request = {"do": "find", "key": parcel.key, "switches": _remedies.SWITCHES}
        there = ask(lambda words: LocalFar(list(words)), "here", request)
        (root / "index").mkdir()
        try:
            for name, data in packed(parcel, there, platforms(there["libc"], there["machine"])) or ():
                (root / "index" / name).write_bytes(data)
            if not list((root / "index").iterdir()):
                for path in fetch(parcel, there):
                    (root / "index" / path.name).symlink_to(path)
        except TargetError as error:
            pytest.skip(f"pip cannot fetch wheels here: {error}")
        yield root
    shutil.rmtree(root, ignore_errors=True)


def at_site(root: Path, play: Callable[[Site], Any]) -> Any:
    """What `play` returns, at a site with one server on `far` that our user knows."""

    def inside() -> Any:
        site = Site.build(root)
        site.know(site.serve())
        try:
            return play(site)
        finally:
            for server in site.servers:
                server.process.kill()

    return sandboxed(inside, seconds=120)


def reach(url: str) -> list[str]:
    """Connect and log in, no more; what was told."""
    told: list[str] = []
    machine = Machine(configured(parse(url)), told.append)
    try:
        machine.link.open()
        far = machine.execute(["echo", "here"])
        assert far.stdout.read(100) == b"here\n"
        assert far.wait() == 0
    finally:
        machine.close()
    return told


def refusal(url: str, kind: type[Exception] = TargetError) -> str:
    """Why it cannot be reached."""
    with pytest.raises(kind) as caught:
        reach(url)
    return str(caught.value)


# --- a run ---


def test_half_open_runs_there_and_the_second_start_finds_netlab_in_place(root: Path) -> None:
    import netlab

    def play(site: Site) -> None:
        told: list[str] = []
        url = f"ssh://{site.user}@{FAR}"
        begun = time.monotonic()
        at(url, told.append).__enter__().close()
        first, begun = time.monotonic() - begun, time.monotonic()
        with There(at(url, told.append)) as there:
            second = time.monotonic() - begun
            record = there.run(netlab.load(library.find("half-open")), site.root / "run")
        assert record.verdict == "pass", record.sentence
        assert (site.root / "run/capture.pcapng").stat().st_size > 1000
        assert [line.split()[0] for line in told] == ["bringing", "netlab"], told
        assert second < first
        print(f"the first start took {first:.1f} s, the second {second:.1f} s")
        until(lambda: not site.left_there(), 30)

    at_site(root, play)


class Strike(Progress):
    """Does something when a lab has come to its wait."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def step(self, planned: Planned) -> None:
        if planned.word == "wait":
            self.act()


HELD = """
name: held
title: A lab that waits
hosts:
  server: {nics: {eth0: {ip: 10.0.0.1/24}}}
  client: {nics: {eth0: {ip: 10.0.0.2/24}}}
switches: {sw: [server.eth0, client.eth0]}
steps:
  - server: {listen: 9000}
  - client: {connect: "server:9000"}
  - wait: {host: server, peer: client, socket: none, within: 100s}
"""


def run_held(site: Site, act: Callable[[], object]) -> None:
    """Play a lab that waits, and `act` when it does."""
    import netlab

    (site.root / "lab.yaml").write_text(HELD)
    with There(at(f"ssh://{site.user}@{FAR}", print)) as there:
        there.run(netlab.load(site.root / "lab.yaml"), site.root / f"held-{os.getpid()}", progress=Strike(act))


def test_a_connection_that_is_cut_in_the_middle_is_told_here_and_over_there(root: Path) -> None:
    def play(site: Site) -> None:
        site.config(QUICK)
        struck = []

        def cut() -> None:
            assert "netlab-super" in site.left_there().values()
            struck.append(time.monotonic())
            firewall.drop(site.hosts["far"], "in")
            firewall.drop(site.hosts["here"], "in")

        with pytest.raises(TargetError, match="no sign of life for 4 s"):
            run_held(site, cut)
        assert time.monotonic() - struck[0] < 15  # as long as without a configuration
        until(lambda: not [name for name in site.left_there().values() if name.startswith("netlab")], 30)

    at_site(root, play)


def test_a_connection_that_the_server_closes_is_told_and_the_next_run_gets_another_one(root: Path) -> None:
    import netlab

    def play(site: Site) -> None:
        def hang_up() -> None:
            daemon = site.servers[0].process.pid
            for pid, name in family(daemon).items():
                if name.startswith("sshd") and pid != daemon:
                    os.kill(pid, signal.SIGKILL)

        (site.root / "lab.yaml").write_text(HELD)
        with There(at(f"ssh://{site.user}@{FAR}", print)) as there:
            with pytest.raises(TargetError, match=r"the connection broke \(\S.*; what ran there ends by itself"):
                there.run(netlab.load(site.root / "lab.yaml"), site.root / "first", progress=Strike(hang_up))
            record = there.run(netlab.load(library.find("basic")), site.root / "second")
        assert record.verdict == "pass", record.sentence

    at_site(root, play)


def test_a_client_that_is_killed_leaves_nothing_there(root: Path) -> None:
    def play(site: Site) -> None:
        child = os.fork()
        if child == 0:
            run_held(site, lambda: os.kill(os.getpid(), signal.SIGKILL))
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        until(lambda: not site.left_there(), 30)

    at_site(root, play)


def test_what_is_not_read_is_not_held_in_memory(root: Path) -> None:
    def play(site: Site) -> None:
        machine = Machine(configured(parse(f"ssh://{site.user}@{FAR}")), print)
        machine.link.open()
        far = machine.execute(["head", "-c", str(64 << 20), "/dev/zero"])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = 0
        while piece := far.stdout.read(1 << 16):
            size += len(piece)
        assert size == 64 << 20
        assert far.wait() == 0
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 24 << 10  # KiB
        machine.close()

    at_site(root, play)


# --- host keys ---


def test_a_host_that_is_not_known_is_refused_until_it_is_trusted_on_first_use(root: Path) -> None:
    def play(site: Site) -> None:
        server, url = site.servers[0], f"ssh://{site.user}@{FAR}"
        known = site.home / ".ssh/known_hosts"
        known.unlink()
        site.config("HashKnownHosts no\n")  # Debian's own configuration says yes
        assert server.fingerprint() in refusal(url)
        assert not known.exists()
        told = reach(f"{url}?trust=first-use")
        assert told == [f"trusting {FAR} on first use: ssh-ed25519 {server.fingerprint()}, kept in {known}"]
        assert known.read_text() == server.known_as(FAR)
        assert reach(url) == []

    at_site(root, play)


def test_a_changed_host_key_is_refused_even_on_first_use(root: Path) -> None:
    def play(site: Site) -> None:
        known = site.home / ".ssh/known_hosts"
        other = site.serve(port=2222)
        known.write_text(site.servers[0].known_as(f"[{FAR}]:2222"))
        for end in ("", "?trust=first-use"):
            why = refusal(f"ssh://{site.user}@{FAR}:2222{end}")
            assert "HAS CHANGED" in why
            assert other.fingerprint() in why
            assert site.servers[0].fingerprint() in why
        assert known.read_text() == site.servers[0].known_as(f"[{FAR}]:2222")
        known.write_text(other.known_as(f"[{FAR}]:2222"))
        keygen("-H", "-f", str(known))
        assert FAR not in known.read_text()
        reach(f"ssh://{site.user}@{FAR}:2222")

    at_site(root, play)


def test_a_server_shows_the_kind_of_key_by_which_it_is_known(root: Path) -> None:
    def play(site: Site) -> None:
        rsa = site.root / "rsa_host_key"
        rsa.unlink(missing_ok=True)
        keygen("-t", "rsa", "-N", "", "-f", str(rsa))
        server = site.serve(port=2222, HostKey=f"{site.root}/sshd-far-22-0/host_key\nHostKey {rsa}")
        words = rsa.with_suffix(".pub").read_text().split()
        (site.home / ".ssh/known_hosts").write_text(f"[{FAR}]:2222 {words[0]} {words[1]}\n")
        reach(f"ssh://{site.user}@{FAR}:2222")
        assert server.process.poll() is None

    at_site(root, play)


# --- keys ---


def test_a_wrong_key_and_no_key_say_what_was_tried(root: Path) -> None:
    def play(site: Site) -> None:
        url, key = f"ssh://{site.user}@{FAR}", site.home / ".ssh/id_ed25519"
        keygen("-t", "ed25519", "-N", "", "-f", str(site.home / ".ssh/other"))
        site.allow("other")
        assert f"{key} was refused" in refusal(url)
        assert "IdentityFile" in refusal(url)
        key.unlink()
        key.with_suffix(".pub").unlink()
        assert "no agent is running (SSH_AUTH_SOCK is not set); no key file is there" in refusal(url)

    at_site(root, play)


def test_an_encrypted_key_is_used_by_way_of_the_agent(root: Path) -> None:
    def play(site: Site) -> None:
        url, key = f"ssh://{site.user}@{FAR}", site.home / ".ssh/id_ed25519"
        with agent(site):
            assert "the agent holds no keys" in refusal(f"ssh://nobody-there@{FAR}")
            add_key(key)
            keygen("-p", "-P", "", "-N", "a passphrase", "-f", str(key))
            reach(url)
        assert f"{key} is encrypted, and the agent does not hold it (ssh-add {key})" in refusal(url)

    at_site(root, play)


def test_a_crowded_agent_does_not_use_up_the_tries(root: Path) -> None:
    def play(site: Site) -> None:
        with agent(site):
            for number in range(8):  # MaxAuthTries is 6
                other = site.home / f".ssh/other{number}"
                keygen("-t", "ed25519", "-N", "", "-f", str(other))
                add_key(other)
            reach(f"ssh://{site.user}@{FAR}")  # id_ed25519 is a file, and meant
            site.config("IdentitiesOnly yes\nIdentityFile ~/.ssh/nothing\n")
            assert "no key file is there" in refusal(f"ssh://{site.user}@{FAR}")
            site.config("IdentityFile none\n")
            assert "ended the connection" in refusal(f"ssh://{site.user}@{FAR}")

    at_site(root, play)


class agent:
    """A real ssh-agent."""

    def __init__(self, site: Site) -> None:
        self.socket = str(site.root / "agent")

    def __enter__(self) -> None:
        Path(self.socket).unlink(missing_ok=True)
        self.process = subprocess.Popen(["ssh-agent", "-D", "-a", self.socket], stdout=subprocess.DEVNULL)
        until(Path(self.socket).exists)
        os.environ["SSH_AUTH_SOCK"] = self.socket

    def __exit__(self, *exception: object) -> None:
        del os.environ["SSH_AUTH_SOCK"]
        self.process.terminate()
        self.process.wait()


def add_key(key: Path) -> None:
    subprocess.run(["ssh-add", "-q", str(key)], check=True, stdin=subprocess.DEVNULL)


# --- ways ---


def test_an_alias_leads_through_two_other_servers(root: Path) -> None:
    def play(site: Site) -> None:
        assert "unreachable" in refusal(f"ssh://{site.user}@{BEHIND}")
        site.know(site.serve("jump"), JUMP)
        site.know(site.serve("jump", 2200), f"[{JUMP}]:2200")
        site.know(site.servers[0], "its-name")
        site.config(
            f"Include more\nHost inside\n  HostName {BEHIND}\n  HostKeyAlias its-name\n  ProxyJump near,ssh://{JUMP}:2200\n"
        )
        (site.home / ".ssh/more").write_text(f"Host near\n  HostName {JUMP}\nHost *\n  User {site.user}\n")
        reach("ssh://inside")
        assert all("Connection from" in server.log() for server in site.servers)
        assert "Connection from 10.99.1.1" in site.servers[0].log()
        site.config(f"User {site.user}\nHost nowhere\n  HostName {BEHIND}\n  Port 1\n  ProxyJump {JUMP}\n")
        assert f"through {site.user}@{JUMP}" in refusal("ssh://nowhere")

    at_site(root, play)


def test_a_proxy_command_is_the_connection(root: Path) -> None:
    def play(site: Site) -> None:
        site.know(site.serve("jump"), JUMP)
        site.know(site.servers[0], BEHIND)
        ssh = f"ssh -F none -i {site.home}/.ssh/id_ed25519 -o UserKnownHostsFile={site.home}/.ssh/known_hosts"
        site.config(f"User {site.user}\nHost {BEHIND}\n  ProxyCommand {ssh} -W %h:%p %r@{JUMP}\n")
        reach(f"ssh://{BEHIND}")
        site.config(f"User {site.user}\nHost {BEHIND}\n  ProxyCommand echo it went wrong >&2; exit 1\n")
        assert "it went wrong" in refusal(f"ssh://{BEHIND}")

    at_site(root, play)


def test_a_proxy_command_that_stays_when_its_input_ends_goes_with_netlab() -> None:
    report, reported = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(reported, str(Proxy("sleep 600")._process.pid).encode())
        signal.pause()
    with os.fdopen(os.pidfd_open(int(os.read(report, 16))), "rb") as pidfd:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        ended, _, _ = select.select([pidfd], [], [], 30)
        if not ended:
            signal.pidfd_send_signal(pidfd.fileno(), signal.SIGKILL)
    os.close(report)
    os.close(reported)
    assert ended, "it outlives netlab"


# --- what does not answer ---


def test_hosts_that_do_not_answer_are_told_in_bounded_time(root: Path) -> None:
    def play(site: Site) -> None:
        site.config(QUICK)
        assert "connection refused" in refusal(f"ssh://{FAR}:2022")
        assert "no-such-name is not known" in refusal("ssh://no-such-name")
        silent = socket.socket()
        silent.bind(("10.99.2.1", 2023))
        silent.listen()
        begun = time.monotonic()
        assert "no greeting within 2 s" in refusal("ssh://10.99.2.1:2023")
        firewall.drop(site.hosts["far"], "in")
        assert "no answer within 2 s" in refusal(f"ssh://{FAR}")
        assert time.monotonic() - begun < 15  # as long as one of them takes without a configuration

    at_site(root, play)


# --- what is missing there ---


def bringing(site: Site, variables: str) -> str:
    """Why netlab cannot be brought to a server whose logins have these variables."""
    port = 3000 + len(site.servers)
    site.know(site.serve(port=port, SetEnv=variables), f"[{FAR}]:{port}")
    with pytest.raises((TargetError, NeedError)) as caught, at(f"ssh://{site.user}@{FAR}:{port}", print):
        pass
    return f"{type(caught.value).__name__}: {caught.value}"


def test_a_host_without_a_python_that_is_new_enough_says_so(root: Path) -> None:
    def play(site: Site) -> None:
        bare = site.root / "bare"
        shutil.rmtree(bare, ignore_errors=True)
        bare.mkdir()
        (bare / "sh").symlink_to("/bin/sh")
        why = bringing(site, f"PATH={bare}")
        assert why.startswith(f"NeedError: find Python 3.11 or newer on {site.user}@{FAR}:3001: there is none")
        # An older Python is not at hand: this answers what one would, and refuses what needs a newer one.
        (bare / "python3").write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 || exit 1\n')
        (bare / "python3").chmod(0o755)
        assert "there is" in (why := bringing(site, f"PATH={bare}"))
        assert "Python 3.9.2" in why

    at_site(root, play)


@pytest.mark.parametrize(("forced", "text"), [("exec sleep 1000", "said 0 bytes"), ("yes menu", "'menu")])
def test_a_login_that_does_something_else_is_given_up(
    root: Path, forced: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_bring.WITHIN_S, "find", 0.5)
    monkeypatch.setattr(_ssh, "WITHIN_S", 0.5)

    def play(site: Site) -> None:
        site.know(site.serve(port=2222, ForceCommand=forced), f"[{FAR}]:2222")
        with pytest.raises(TargetError, match="what answers there is not its Python") as caught:
            at(f"ssh://{site.user}@{FAR}:2222", print).__enter__()
        assert text in str(caught.value)

    at_site(root, play)


def test_a_host_without_space_says_so_and_keeps_nothing(root: Path) -> None:
    def play(site: Site) -> None:
        small = site.root / "small"
        small.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=777", "small", str(small)], check=True)
        why = bringing(site, f"XDG_CACHE_HOME={small}")
        assert "No space left on device" in why
        assert "XDG_CACHE_HOME" in why
        assert list((small / "netlab/far").iterdir()) == []

    at_site(root, play)


def test_where_there_are_no_wheels_pip_fetches_them_there(root: Path) -> None:
    def play(site: Site) -> None:
        parcel, nothing = parcel_of_this(), TargetError("no wheels")
        index = site.root / "index"
        alone = f"XDG_CACHE_HOME={site.root}/there PIP_NO_INDEX=1 PIP_CONFIG_FILE={os.devnull}"
        for port, environment in ((2300, alone), (2301, f"{alone} PIP_FIND_LINKS={index}")):
            site.know(site.serve(port=port, SetEnv=environment), f"[{FAR}]:{port}")
        machine = Machine(configured(parse(f"ssh://{site.user}@{FAR}:2300")), print)
        machine.link.open()
        with pytest.raises(
            TargetError, match=r"could not be had here \(no wheels\), nor there \(pip: No matching distribution"
        ):
            by_index(machine.execute, "there", parcel, nothing)
        machine.close()
        machine = Machine(configured(parse(f"ssh://{site.user}@{FAR}:2301")), print)
        machine.link.open()
        python = by_index(machine.execute, "there", parcel, nothing)["python"]
        far = machine.execute(
            [python, "-c", "import netlab.records, pyroute2.config, ruamel.yaml; print(netlab.__file__)"]
        )
        assert far.stdout.read(1000).startswith(str(site.root / "there").encode()), far.said()
        machine.close()
        assert len(list((site.root / "there/netlab/far").iterdir())) == 1

    at_site(root, play)


def test_a_host_without_user_namespaces_names_the_switch(root: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("needs an ordinary user")

    def play(site: Site) -> None:
        site.know(site.serve(port=2222, namespaces=0), f"[{FAR}]:2222")
        with pytest.raises(NeedError, match=r"user\.max_net_namespaces is 0 "):
            at(f"ssh://{site.user}@{FAR}:2222", print).__enter__()

    at_site(root, play)
