"""The requests that make links: bridges and veth pairs.

Rules: pure functions, values in, a Request out; both are Shapes, encoded while the module is imported.

Source: include/uapi/linux/if_link.h; drivers/net/veth.c; net/bridge/br_netlink.c.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from netlab.kernel.messages import NLM_F_CREATE, NLM_F_EXCL, Shape, encode, u32
from netlab.kernel.netlink import Request
from netlab.kernel.plan import Kind
from netlab.kernel.requests import IFF_UP, MAC_MARK, MARKS, RTM_NEWLINK, packed_mac

IFF_PROMISC = 0x100
_NAME_MARK, _PEER_MARK = "this-name-mark!", "peer-name-mark!"


def bridge(ifname: str, index: int, mac: str, kind: Kind) -> Request:
    """Make a bridge, up: no spanning tree, no forward delay, no multicast snooping.

    Its MAC is given: it would follow its ports', and be worked out anew for each. A `wire` forgets addresses at once,
    so that it hands every frame to its other port, and passes what 802.1D bridges keep (LLDP, EAPOL; but not STP, pause
    frames and LACP, which the kernel never passes: BR_GROUPFWD_RESTRICTED in net/bridge/br_private.h).

    A `cable` is a wire that listens in on what passes, so that copies leave it (`deliver_clone` in
    net/bridge/br_forward.c). Only the original belongs to its sender's socket: what waits in a queue of this cable's no
    longer counts as unsent there, as TCP small queues would have it (`tcp_small_queue_check` in net/ipv4/tcp_output.c).
    """
    shape = _bridge_shape(kind)
    return Request("make the bridge", ifname, shape.fill(name=ifname.encode(), index=u32(index), mac=packed_mac(mac)))


@cache
def _bridge_shape(kind: Kind) -> Shape:
    options: list[tuple[str, int]] = [
        ("IFLA_BR_FORWARD_DELAY", 0),
        ("IFLA_BR_STP_STATE", 0),
        ("IFLA_BR_MCAST_SNOOPING", 0),
    ]
    if kind != "switch":
        options += [("IFLA_BR_AGEING_TIME", 0), ("IFLA_BR_GROUP_FWD_MASK", 0xFFF8)]
    info = [("IFLA_INFO_KIND", "bridge"), ("IFLA_INFO_DATA", {"attrs": options})]
    attrs = [("IFLA_IFNAME", _NAME_MARK), ("IFLA_ADDRESS", MAC_MARK), ("IFLA_LINKINFO", {"attrs": info})]
    data = _new_link(MARKS["index"], attrs, IFF_UP | (IFF_PROMISC if kind == "cable" else 0))
    return Shape(data, name=_NAME_MARK.encode() + b"\0", index=u32(MARKS["index"]), mac=packed_mac(MAC_MARK))


@dataclass(frozen=True, kw_only=True)
class Veth:
    """A veth pair to make: this end here and up; its peer maybe in another namespace (`fd`), where it is down.

    A peer cannot be up from the start: `veth_open` refuses before the pair is joined (drivers/net/veth.c).
    """

    name: str
    index: int
    mtu: int
    master: int = 0
    """Index of the bridge this end is a port of; 0 for none."""
    peer: str
    peer_index: int
    peer_mtu: int
    mac: str | None = None
    """The peer's."""
    fd: int | None = None
    """The peer's namespace."""


def veth(pair: Veth) -> Request:
    """Make a veth pair."""
    fields = {
        "name": pair.name.encode(),
        "index": u32(pair.index),
        "mtu": u32(pair.mtu),
        "peer": pair.peer.encode(),
        "peer_index": u32(pair.peer_index),
        "peer_mtu": u32(pair.peer_mtu),
    }
    if pair.master:
        fields["master"] = u32(pair.master)
    if pair.mac is not None:
        fields["mac"] = packed_mac(pair.mac)
    if pair.fd is not None:
        fields["fd"] = u32(pair.fd)
    shape = _veth_shape(bool(pair.master), pair.mac is not None, pair.fd is not None)
    return Request("make the veth pair", pair.peer, shape.fill(**fields))


@cache
def _veth_shape(mastered: bool, addressed: bool, away: bool) -> Shape:
    """One queue each: veth would make as many as there are CPUs."""
    queues = [("IFLA_NUM_TX_QUEUES", 1), ("IFLA_NUM_RX_QUEUES", 1)]
    peer: list[tuple[str, Any]] = [("IFLA_IFNAME", _PEER_MARK), ("IFLA_MTU", MARKS["peer_mtu"]), *queues]
    attrs: list[tuple[str, Any]] = [("IFLA_IFNAME", _NAME_MARK), ("IFLA_MTU", MARKS["mtu"]), *queues]
    numbers = ["index", "peer_index", "mtu", "peer_mtu"]
    words = {"name": _NAME_MARK.encode() + b"\0", "peer": _PEER_MARK.encode() + b"\0"}
    if mastered:
        attrs.append(("IFLA_MASTER", MARKS["master"]))
        numbers.append("master")
    if addressed:
        peer.append(("IFLA_ADDRESS", MAC_MARK))
        words["mac"] = packed_mac(MAC_MARK)
    if away:
        peer.append(("IFLA_NET_NS_FD", MARKS["fd"]))
        numbers.append("fd")
    other = {"index": MARKS["peer_index"], "attrs": peer}
    kind = [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", other)]})]
    data = _new_link(MARKS["index"], [*attrs, ("IFLA_LINKINFO", {"attrs": kind})])
    return Shape(data, **{name: u32(MARKS[name]) for name in numbers}, **words)


def _new_link(index: int, attrs: list[tuple[str, Any]], state: int = IFF_UP) -> bytes:
    flags = NLM_F_CREATE | NLM_F_EXCL
    return encode(ifinfmsg(), RTM_NEWLINK, flags, index=index, flags=state, change=state, attrs=attrs)


for _shape in (_bridge_shape("switch"), _veth_shape(True, True, True)):  # what most builds need
    assert _shape.data
