"""Whose socket was it: sorts the machine's tracepoint events into this run's and everybody else's.

A tracepoint carries addresses, not a namespace, and runs side by side may have the same ones. What no two sockets
share is the cookie, and the run knows its own cookies (sock_diag, SO_COOKIE, and a message of each socket destroyed in
its namespaces). So:

    set_state, send_reset ── sk ──▶ a Life of that sk ◀── sk, cookie ── destroy_sock, receive_reset
                                        cookie ──▶ host of this run, or nobody's business

Rules:
- Kernel addresses (`sk`) are reused: a Life ends with tcp_destroy_sock. Only tcp_send_reset may come after that, while
  its caller still holds the socket.
- A reset without a socket (NO_SOCKET, TIME-WAIT) belongs to the run whose socket takes it on the same CPU right after,
  or else to the run whose host counted it (TcpOutRsts). Where more fit than the host counted, all are kept with
  `candidates` > 1, which makes their reason unknown.
- What cannot be this run's is dropped, never shown.

Pure: events in, records out. Source: include/trace/events/tcp.h; tcp_v4_send_reset, tcp_send_active_reset (the first
is traced before its RST is sent, the second after); sock_gen_cookie.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from netlab.kernel import lives
from netlab.kernel.lives import RIGHT_AFTER_NS, Life
from netlab.kernel.traceformat import Traced
from netlab.records import TCP_STATES, Address, Event, ResetSent, SocketInfo

__all__ = ["Attribution"]

LIMIT = 20_000
"""Ended lives that nobody claimed yet, and resets without a socket: more are forgotten, the oldest first."""

AT_ONCE_NS = 1_000_000
"""From a reset's making to its taking where nothing comes in between: some 50 µs."""

SYN_SENT, SYN_RECV, TIME_WAIT, CLOSE, LISTEN, NEW_SYN_RECV = 2, 3, 6, 7, 10, 12
BIRTHS = {(LISTEN, SYN_RECV), (CLOSE, SYN_SENT), (CLOSE, LISTEN)}
"""Changes of state that are a socket's first, as a rule: at a known address they tell that the one before is gone."""


@dataclass
class _Sent:
    """A tcp_send_reset: of a socket, or (`life` None) of none."""

    event: Traced
    life: Life | None
    taken_by: Life | None = None
    """The socket that took it, where that is certain."""


class Attribution:
    """Collects events in the order of time, and claims of cookies in any order; `settle` says what is this run's."""

    def __init__(self, owners: dict[str, str]) -> None:
        self.owners = owners
        self.hosts: dict[int, str] = {}
        """Cookie to host: this run's sockets."""
        self.forgotten = 0
        self._latest: dict[int, Life] = {}
        self._mine: list[Life] = []
        self._unclaimed: OrderedDict[int, Life] = OrderedDict()
        self._sent: deque[_Sent] = deque()
        self._recent: dict[tuple[int, int], deque[_Sent]] = {}
        """By the CPU they were made on and the port they were sent from."""

    # --- collecting ---

    def claim(self, host: str, cookies: Iterable[int]) -> None:
        """These sockets are this host's."""
        for cookie in cookies:
            self.hosts[cookie] = host
            life = self._unclaimed.pop(cookie, None)
            if life is not None:
                self._mine.append(life)

    def add(self, events: Iterable[Traced]) -> None:
        """The next events, in the order of time."""
        for event in events:
            if event.name == "tcp_send_reset":
                self._add_sent(event)
                continue
            life = self._life(event)
            if event.name == "tcp_destroy_sock":
                self._end(life, event)
                continue
            life.events.append(event)
            if event.name == "tcp_receive_reset":
                life.cookie = event.cookie
                self._link(life, event)

    def _life(self, event: Traced) -> Life:
        life = self._latest.get(event.sk)
        born = event.name == "inet_sock_set_state" and (event.old, event.new) in BIRTHS
        if life is None or life.ended or (born and life.events):
            if life is not None and not life.ended and life.cookie in self.hosts:
                self._mine.append(life)  # its destruction was not told
            life = self._latest[event.sk] = Life()
        return life

    def _end(self, life: Life, event: Traced) -> None:
        life.cookie, life.ended, life.cpu = event.cookie, True, event.cpu
        if event.cookie in self.hosts:
            self._mine.append(life)
        elif life.events:
            self._unclaimed[event.cookie] = life
            if len(self._unclaimed) > LIMIT:
                self._unclaimed.popitem(last=False)

    def _add_sent(self, event: Traced) -> None:
        socketless = event.sk == 0 or event.old in (TIME_WAIT, NEW_SYN_RECV)
        life = None if socketless else self._latest.get(event.sk)
        if life is None and not socketless:
            life = self._latest[event.sk] = Life()
        if life is not None:
            life.events.append(event)
        sent = _Sent(event, life)
        recent = self._remembered(event)
        if not event.answers:  # traced after its RST was sent: what took an RST meanwhile may have taken this one
            for other in recent:
                if _same_path(other.event, event):
                    other.taken_by = None
        recent.append(sent)
        if self._concerns_us(event) or life is not None:
            self._sent.append(sent)
            if len(self._sent) > LIMIT:
                self._sent.popleft()
                self.forgotten += 1

    def _remembered(self, event: Traced) -> deque[_Sent]:
        """The resets right before this one of the same CPU and port; what is older is forgotten."""
        horizon = event.time_ns - RIGHT_AFTER_NS
        if len(self._recent) > LIMIT:
            self._recent = {key: sent for key, sent in self._recent.items() if sent[-1].event.time_ns >= horizon}
        recent = self._recent.setdefault((event.cpu, event.local.port), deque())
        while recent and recent[0].event.time_ns < horizon:
            recent.popleft()
        return recent

    def _concerns_us(self, event: Traced) -> bool:
        return event.local.ip in self.owners or _anybodys(event.local.ip)

    def _link(self, taker: Life, event: Traced) -> None:
        """The one reset without a socket that can just have arrived here; none if two can."""
        fits = [sent for sent in self._recent.get((event.cpu, event.remote.port), ()) if _arrives_at(sent.event, event)]
        if len(fits) == 1 and fits[0].life is None and fits[0].taken_by is None:
            fits[0].taken_by = taker

    # --- settling ---

    def unclaimed(self) -> list[Life]:
        """Ended sockets with an address of this run that nobody claimed: another run's, or news still under way."""
        return [
            life
            for life in self._unclaimed.values()
            if any(event.local.ip in self.owners or _anybodys(event.local.ip) for event in life.events)
        ]

    def alive(self) -> list[Life]:
        """Sockets that were not destroyed yet, of anybody."""
        return [life for life in self._latest.values() if not life.ended]

    def claim_alive(self, tables: dict[str, list[SocketInfo]]) -> int:
        """Find the lives of what the hosts' tables still hold; says how many stay unknown, since two fit.

        A row of this run has a life among those alive, so the only one with its ends and its state is it; but a row
        whose life was found already has no other: what looks like it is another run's.
        """
        found = {life.cookie for life in (*self._mine, *self.alive())}
        lives: dict[tuple[Address, Address], list[Life]] = {}
        for life in self.alive():
            for ends in life.tuples() if not life.cookie else ():
                lives.setdefault(ends, []).append(life)
        unclear = 0
        for host, rows in tables.items():
            self.claim(host, [row.cookie for row in rows])
            for row in rows:
                if row.cookie in found:
                    continue
                fits = [life for life in lives.get((row.local, row.remote), []) if life.state() in (None, row.state)]
                if len(fits) == 1:
                    fits[0].cookie = row.cookie
                unclear += len(fits) > 1
        return unclear

    def disputed_hosts(self) -> set[str]:
        """Hosts whose TcpOutRsts `settle` wants to know."""
        return {host for sent in self._sent if self._unresolved(sent) and (host := self._owner(sent))}

    def settle(self, made: dict[str, int]) -> list[Event]:
        """This run's events by time. `made`: how many RSTs a host made since the start, where that is known."""
        certain = {life.cookie for life in self._mine}  # a guess by addresses gives way to what a destruction told
        mine = self._mine + [life for life in self.alive() if life.cookie in self.hosts and life.cookie not in certain]
        events: list[Event] = []
        for life in mine:
            events += lives.states(life, self.hosts[life.cookie])
            events += lives.received(life, self.hosts[life.cookie])
        events += self._resets(made)
        return sorted(events, key=lambda event: event.time_ns)

    def _resets(self, made: dict[str, int]) -> Iterator[ResetSent]:
        known: dict[str, int] = {}
        open_: dict[str, list[_Sent]] = {}
        anywhere = 0
        for sent in self._sent:
            host = self._owner(sent)
            if self._unresolved(sent):
                open_.setdefault(host or "", []).append(sent)
                anywhere += host is None
            elif host is not None and self._ours(sent):
                known[host] = known.get(host, 0) + 1
                yield _reset_sent(sent, host, 1)
        for host, rivals in open_.items():
            if host:
                yield from self._rivals(host, rivals, anywhere, made.get(host), known.get(host, 0))

    def _rivals(
        self, host: str, rivals: list[_Sent], anywhere: int, made: int | None, known: int
    ) -> Iterator[ResetSent]:
        """Resets that fit this host by their address alone: its counter says how many of them are its own.

        All of them, or none: certain. Fewer, or more (then some event is missing): any of them could be another run's.
        """
        own = None if made is None else made - known
        if own is not None and own <= 0:
            return
        spare = 1 if own is None else abs(len(rivals) + anywhere - own)
        for sent in rivals:
            yield _reset_sent(sent, host, 1 + spare)

    def _ours(self, sent: _Sent) -> bool:
        if sent.life is not None:
            return sent.life.cookie in self.hosts
        return sent.taken_by is not None and sent.taken_by.cookie in self.hosts

    def _unresolved(self, sent: _Sent) -> bool:
        """Neither known to be this run's nor known to be somebody else's."""
        if sent.life is not None:
            return not sent.life.cookie and self._concerns_us(sent.event)
        return sent.taken_by is None

    def _owner(self, sent: _Sent) -> str | None:
        """The host whose reset this is, or would be."""
        if sent.life is not None and sent.life.cookie in self.hosts:
            return self.hosts[sent.life.cookie]
        return self.owners.get(sent.event.local.ip)


# --- events to records ---


def _anybodys(ip: str) -> bool:
    """An address that every namespace has: loopback, link-local, a wildcard."""
    address = ip_address(ip)
    return address.is_loopback or address.is_link_local or address.is_unspecified


def _arrives_at(sent: Traced, taken: Traced) -> bool:
    """The reset's path ends where this one was taken, right after.

    A listening socket's reset does not say where it went: any that was just made could be it.
    """
    ago_ns = taken.time_ns - sent.time_ns
    if sent.remote.port == 0:
        return ago_ns <= AT_ONCE_NS and sent.local.port == taken.remote.port
    return ago_ns <= RIGHT_AFTER_NS and (sent.local, sent.remote) == (taken.remote, taken.local)


def _same_path(one: Traced, other: Traced) -> bool:
    return (one.local, one.remote) == (other.local, other.remote)


def _reset_sent(sent: _Sent, host: str, candidates: int) -> ResetSent:
    event = sent.event
    state = TCP_STATES.get(event.old, "none")
    cookie = sent.life.cookie or None if sent.life is not None and candidates == 1 else None
    reason = event.reason
    return ResetSent(event.time_ns, event.local, event.remote, state, reason, event.cpu, cookie, candidates, host)
