"""The one owner of a device's root qdisc: what several askers want of one direction of a link, merged and applied.

    nothing asked       what the device had before (a port of the fabric: noqueue)
    only bandwidth      tbf
    anything else       netem; with bandwidth, a tbf as its child: packets queue for the rate after their delay

Rules: whoever wants an impairment asks its Shaper, by a key of its own; nobody else touches the root qdisc. A qdisc
that is there is changed, not replaced, and one that is not wanted any more is opened (no delay, no limit), so that what
was under way arrives as it would have; it goes when it is empty (`settled`). Only a tbf that must give way to a netem
takes what waits in it along, and that is counted as dropped. What the kernel tells is compared with what was asked.

Packets that netem sends out of turn (`reorder`) do not pass its child: they are not held to the bandwidth.

Source: net/sched/sch_netem.c:netem_dequeue(), netem_change(); net/sched/sch_tbf.c:tbf_change(); net/sched/sch_api.c.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace

from netlab.errors import KernelError
from netlab.impairment import Impairment, check, merge
from netlab.kernel import link, netem, qdiscs, rows, tbf
from netlab.kernel.drops import Drops
from netlab.kernel.namespaces import Namespace
from netlab.kernel.netlink import Request
from netlab.kernel.qdiscs import ROOT, Qdisc, Statistics
from netlab.kernel.rows import Row

NETEM, TBF, CHILD = 0x4E45 << 16, 0x5442 << 16, 0x5443 << 16
"""Handles of a root netem, a root tbf and a netem's tbf; like none that the kernel gives by itself (from 0x8000 on)."""
NETEM_CLASS = NETEM | 1
"""Where a netem's child is. Source: net/sched/sch_netem.c:netem_find()."""

NOTHING = Impairment()


class Shaper:
    """What happens to the packets that leave by one device."""

    def __init__(self, namespace: Namespace, index: int, name: str) -> None:
        self.namespace = namespace
        self.index = index
        self.name = name
        self.asked: dict[str, Impairment] = {}
        """What is asked for now, by asker, the latest last."""
        self._wanted = NOTHING
        self._netem: netem.Netem | None = None
        self._tbf: tbf.Tbf | None = None
        """What is there now; the tbf is the netem's child where there is one."""
        self._before: list[Row] = []
        """The qdiscs that somebody else had put there."""
        self._past = Statistics()
        """What qdiscs of ours did that are gone."""
        self.drops = Drops()
        """Why packets were dropped; current after `statistics`."""

    @property
    def _root(self) -> int:
        """The handle of our root qdisc; 0 for none."""
        return NETEM if self._netem else TBF if self._tbf else 0

    def ask(self, key: str, impairment: Impairment) -> None:
        """Impair from now on, besides what others ask; again by the same key replaces what was asked.

        Returns when it is in effect, read back. Raises: KernelError; what was asked before is in effect again then.
        """
        before = dict(self.asked)
        self.asked.pop(key, None)
        self.asked[key] = impairment
        try:
            self._apply()
        except KernelError:
            self.asked = before
            self._apply()
            self.settled()
            raise

    def withdraw(self, key: str) -> None:
        """Ask no longer: what others ask stays. Packets under way arrive as they would have; new ones may overtake.

        Where nothing is asked any more and nothing is under way, the device has again what it had before; else it has
        once `settled` says so. Raises: KernelError.
        """
        del self.asked[key]
        self._apply()
        self.settled()

    def settled(self) -> bool:
        """Whether the device has again what it had before, given back now if nothing is under way: for `until`.

        False as long as something is asked. Raises: KernelError.
        """
        if self._wanted != NOTHING:
            return False
        if self._root:
            found = self._read()
            if found[self._root].statistics.backlog_packets:
                return False
            self._keep_past(found)
            self.namespace.route.batch([qdiscs.remove(self.index, self.name, self._root)])
            self._netem = self._tbf = None
            self._give_back()
        return True

    def statistics(self) -> Statistics:
        """What was done to the packets since the first asker. Raises: KernelError."""
        return _sum(self._past, self._statistics(self._read())) if self._root else self._past

    # --- one wanted impairment, one or two qdiscs ---

    def _apply(self) -> None:
        """Have in effect what all askers want together, and read it back."""
        wanted = merge(list(self.asked.values()))
        try:
            check(wanted)
        except ValueError as error:
            raise self._error(errno.EINVAL, str(error)) from error
        if self._root:
            self._read()
        self._wanted = wanted
        bucket = self._bucket(wanted)
        if wanted.needs_netem or self._netem is not None:
            self._apply_netem(wanted, bucket)
        if bucket is not None:
            self._apply_tbf(bucket)
        self._verify()

    def _bucket(self, wanted: Impairment) -> tbf.Tbf | None:
        """The token bucket there must be; one that nobody wants any more is opened, and empties at once."""
        if wanted.bandwidth is not None:
            return tbf.tbf(wanted.bandwidth, link.read(self.namespace, self.index).mtu)
        return tbf.OPEN if self._tbf is not None and (self._netem is not None or not wanted.needs_netem) else None

    def _apply_netem(self, wanted: Impairment, bucket: tbf.Tbf | None) -> None:
        """The limit that we choose never shrinks: more packets may be under way from before."""
        target = netem.netem(wanted, bucket.limit // netem.SMALLEST if wanted.bandwidth and bucket else 0)
        if self._netem is not None and wanted.limit is None:
            target = replace(target, limit=max(target.limit, self._netem.limit))
        options, message = netem.options(target), netem.NetemMessage()
        if self._netem is not None:
            self._do(qdiscs.change(message, "netem", options, self.index, self.name, NETEM))
        else:
            self._put_root(qdiscs.put(message, "netem", options, self.index, self.name, NETEM))
            self._tbf = None
        self._netem = target

    def _apply_tbf(self, target: tbf.Tbf) -> None:
        options, message = tbf.options(target), tbf.TbfMessage()
        handle, parent = (CHILD, NETEM_CLASS) if self._netem is not None else (TBF, ROOT)
        if self._tbf is not None:
            self._do(qdiscs.change(message, "tbf", options, self.index, self.name, handle, parent))
        elif self._netem is not None:
            self._do(qdiscs.put(message, "tbf", options, self.index, self.name, handle, parent))
        else:
            self._put_root(qdiscs.put(message, "tbf", options, self.index, self.name, handle, parent))
        self._tbf = target

    def _put_root(self, request: Request) -> None:
        """Put our root in place of what is there, and remember that."""
        if self._root:
            found = self._read()
            self._do(request)
            self._keep_past(found)
        else:
            before = rows.qdiscs(self.namespace, self.index)
            self._do(request)
            self._before = before
        self.drops.begin(self._wanted)

    def _do(self, request: Request) -> None:
        self.namespace.route.batch([request])

    def _give_back(self) -> None:
        """What was there before us, and nothing else. Raises: KernelError where it is not the same."""
        self.namespace.route.batch([row.request(self.name) for row in self._before])
        found = rows.qdiscs(self.namespace, self.index)
        if found != self._before:
            before, after = (", ".join(map(str, each)) or "none" for each in (self._before, found))
            raise self._error(errno.EBUSY, f"there was {before} before, and now there is {after}")

    # --- what the kernel tells ---

    def _read(self) -> dict[int, Qdisc]:
        """The device's qdiscs, by their handles. Raises: KernelError where our root is not there any more."""
        found = {qdisc.handle: qdisc for qdisc in qdiscs.read(self.namespace.route, self.index)}
        if self._root not in found:
            raise self._error(errno.ENOENT, "somebody else removed our qdisc; ask netlab to, by its faults")
        whole = found[self._root].statistics.dropped
        bucket = whole if self._root == TBF else found[CHILD].statistics.dropped if CHILD in found else 0
        self.drops.read(whole - bucket, bucket, self._wanted)
        return found

    def _verify(self) -> None:
        if not self._root:
            return
        wrong = "; ".join(self._differences(self._read()))
        if wrong:
            raise self._error(errno.EOPNOTSUPP, f"this kernel made something else of it: {wrong}")

    def _differences(self, found: dict[int, Qdisc]) -> Iterator[str]:
        if self._netem is not None:
            yield from netem.differences(self._netem, netem.decode(found[NETEM].data))
        if self._tbf is not None:
            handle = CHILD if self._netem is not None else TBF
            if handle in found:
                yield from tbf.differences(self._tbf, tbf.decode(found[handle].data))
            else:
                yield "its token bucket is not there"

    def _statistics(self, found: dict[int, Qdisc]) -> Statistics:
        """The root's: it counts what its child drops and holds, too, but not how often that waited for tokens."""
        overlimits = found[CHILD].statistics.overlimits if CHILD in found else 0
        root = found[self._root].statistics
        return root._replace(overlimits=root.overlimits + overlimits)

    def _keep_past(self, found: dict[int, Qdisc]) -> None:
        """Keep the numbers of qdiscs that go; what waits in them goes with them."""
        gone = self._statistics(found)
        lost = gone.dropped + gone.backlog_packets
        self.drops.causes["replaced"] += gone.backlog_packets
        self._past = _sum(self._past, gone._replace(dropped=lost, backlog_packets=0, backlog_bytes=0))

    def _error(self, number: int, hint: str) -> KernelError:
        return KernelError("impair what leaves", self.namespace.name, self.name, number, hint)


def _sum(one: Statistics, other: Statistics) -> Statistics:
    return Statistics(*(a + b for a, b in zip(one, other)))


__all__ = ["Shaper", "Statistics"]
