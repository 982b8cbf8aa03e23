"""forget: a router forgets connections that it tracks, and neither end is told.

client ──▶ [router: ✗ entry] ✗ ──▶ server
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from netlab.errors import StepError
from netlab.judge.tracking import AskedEntry, entry_text
from netlab.spec import Ref
from netlab.steps import Planned, Step, doc

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Forget(Step):
    """Flush a host's connection tracking table, or its entries of one TCP port: as if it had been restarted.

    What it forgot does not come back: there is no healing but a packet that begins a new entry.
    Source: conntrack(8), -F and -D; ctnetlink_del_conntrack() in net/netfilter/nf_conntrack_netlink.c.
    """

    shorthand = "host"
    needs = frozenset({"conntrack"})
    example = "- forget: {host: server, port: 9000}"

    host: Annotated[str, Ref("host")] = doc("The host, one with `nat` or `firewall`.")
    port: int | None = doc("Only TCP entries with this port at either end. Default: the whole table.", default=None)

    async def run(self, ground: Ground, planned: Planned) -> None:
        from netlab.kernel import conntrack

        asked = AskedEntry(host=self.host, state="none", port=self.port)
        before = ground.look_tracked([self.host])[self.host]
        namespace = ground.built.hosts[self.host]
        forgotten = conntrack.forget(namespace, lambda entry: self.port is None or bool(asked.selected([entry])))
        ground.look_tracked([self.host])
        if not forgotten:
            there = ", ".join(map(entry_text, before.entries)) or "no entry at all"
            raise StepError(f"forget {asked.host}: it tracks no such connection; there was {there}")
