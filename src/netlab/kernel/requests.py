"""The requests netlab makes of rtnetlink about links that exist: up, down, addresses, neighbours, routes, tables.

Rules: pure functions, values in, a Request out. What is needed once per host is a Shape: pyroute2 encodes it once (60
to 170 µs), each further one is patched bytes (2 µs).

Source: rtnetlink(7); include/uapi/linux/{if_link,if_addr,neighbour,rtnetlink}.h.
"""

from __future__ import annotations

import struct
from functools import cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from netlab.kernel.messages import NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, Shape, encode, u32
from netlab.kernel.netlink import Request

RTM_NEWLINK, RTM_GETLINK = 16, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30
RTM_NEWQDISC, RTM_GETQDISC = 36, 38
IFF_UP = 0x1
IFA_F_NODAD = 0x02
NUD_PERMANENT = 0x80
AF_INET, AF_INET6 = 2, 10
RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST, RTN_LOCAL = 254, 4, 1, 2
RTEXT_FILTER_SKIP_STATS = 1 << 3

Interface = IPv4Interface | IPv6Interface
IpAddress = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MARKS = {
    name: 0x5A5A_5A00 + n for n, name in enumerate(("index", "peer_index", "master", "fd", "mtu", "peer_mtu", "flags"))
}
"""Numbers that stand for fields in an encoded shape; they occur nowhere else in it."""
MAC_MARK = "5a:5b:5c:5d:5e:5f"
_ADDRESS_MARKS = {
    4: ("90.165.195.60", "91.166.196.61"),
    6: ("5aa5:c33c:6996:9669:1234:5678:9abc:def1", "6bb5:c33c:6996:9669:1234:5678:9abc:def2"),
}


def family(version: int) -> int:
    """AF_INET or AF_INET6."""
    return AF_INET if version == 4 else AF_INET6


def packed_mac(mac: str) -> bytes:
    """The six bytes of "02:00:00:00:00:0a"."""
    return bytes.fromhex(mac.replace(":", ""))


def set_up(index: int, interface: str) -> Request:
    """Set a link administratively up."""
    return Request("set up", interface, _admin_shape().fill(index=u32(index), flags=u32(IFF_UP)))


def set_down(index: int, interface: str) -> Request:
    """Set a link administratively down."""
    return Request("set down", interface, _admin_shape().fill(index=u32(index), flags=u32(0)))


@cache
def _admin_shape() -> Shape:
    data = encode(ifinfmsg(), RTM_NEWLINK, 0, index=MARKS["index"], flags=MARKS["flags"], change=IFF_UP)
    return Shape(data, index=u32(MARKS["index"]), flags=u32(MARKS["flags"]))


def change_link(operation: str, index: int, interface: str, attrs: list[tuple[str, Any]]) -> Request:
    """Change a link's attributes; its flags stay."""
    return Request(operation, interface, encode(ifinfmsg(), RTM_NEWLINK, 0, index=index, attrs=attrs))


def set_master(index: int, interface: str, master: int) -> Request:
    """Make a link a port of a bridge."""
    return change_link(f"make it a port of bridge {master}", index, interface, [("IFLA_MASTER", master)])


def get_link(index: int, interface: str) -> Request:
    """Ask for one link, without its statistics."""
    return Request("read the link", interface, _get_link_shape().fill(index=u32(index)))


@cache
def _get_link_shape() -> Shape:
    attrs = [("IFLA_EXT_MASK", RTEXT_FILTER_SKIP_STATS)]
    data = encode(ifinfmsg(), RTM_GETLINK, 0, index=MARKS["index"], attrs=attrs)
    return Shape(data, index=u32(MARKS["index"]))


def address(interface: str, index: int, ip: Interface) -> Request:
    """Give a link an address; an IPv6 one without duplicate address detection: it is usable at once."""
    fields = {"index": u32(index), "address": ip.packed}
    if ip.version == 4:
        fields["local"] = ip.packed
    shape = _address_shape(ip.version, ip.network.prefixlen)
    return Request(f"give the address {ip}", interface, shape.fill(**fields))


@cache
def _address_shape(version: int, prefixlen: int) -> Shape:
    mark, other = _ADDRESS_MARKS[version]
    attrs = [("IFA_ADDRESS", mark)] + ([("IFA_LOCAL", other)] if version == 4 else [])
    data = encode(
        ifaddrmsg(),
        RTM_NEWADDR,
        NLM_F_CREATE | NLM_F_EXCL,
        family=family(version),
        prefixlen=prefixlen,
        flags=IFA_F_NODAD if version == 6 else 0,
        index=MARKS["index"],
        attrs=attrs,
    )
    marks = {"address": _packed(mark)} | ({"local": _packed(other)} if version == 4 else {})
    return Shape(data, index=u32(MARKS["index"]), **marks)


def neighbour(interface: str, index: int, ip: IpAddress, mac: str) -> Request:
    """Bind an address to a MAC for good: no ARP and no neighbour discovery for it."""
    data = _neighbour_shape(ip.version).fill(index=u32(index), address=ip.packed, mac=packed_mac(mac))
    return Request(f"bind the neighbour {ip} to {mac}", interface, data)


@cache
def _neighbour_shape(version: int) -> Shape:
    mark = _ADDRESS_MARKS[version][0]
    attrs = [("NDA_DST", mark), ("NDA_LLADDR", MAC_MARK)]
    data = encode(
        ndmsg(),
        RTM_NEWNEIGH,
        NLM_F_CREATE | NLM_F_REPLACE,
        family=family(version),
        ifindex=MARKS["index"],
        state=NUD_PERMANENT,
        attrs=attrs,
    )
    return Shape(data, index=u32(MARKS["index"]), address=_packed(mark), mac=packed_mac(MAC_MARK))


def route(to: Network, via: IpAddress, index: int, interface: str) -> Request:
    """Add a route by a next hop on this link; `to` may be 0.0.0.0/0 or ::/0."""
    fields = {"gateway": via.packed, "index": u32(index)}
    if to.prefixlen:
        fields["to"] = to.network_address.packed
    shape = _route_shape(to.version, to.prefixlen)
    return Request(f"add the route {to} via {via}", interface, shape.fill(**fields))


@cache
def _route_shape(version: int, prefixlen: int) -> Shape:
    mark, gateway = _ADDRESS_MARKS[version]
    attrs: list[tuple[str, Any]] = [("RTA_GATEWAY", gateway), ("RTA_OIF", MARKS["index"])]
    marks = {"gateway": _packed(gateway), "index": u32(MARKS["index"])}
    if prefixlen:
        attrs.append(("RTA_DST", mark))
        marks["to"] = _packed(mark)
    data = encode(
        rtmsg(),
        RTM_NEWROUTE,
        NLM_F_CREATE | NLM_F_EXCL,
        family=family(version),
        dst_len=prefixlen,
        table=RT_TABLE_MAIN,
        proto=RTPROT_STATIC,
        type=RTN_UNICAST,
        attrs=attrs,
    )
    return Shape(data, **marks)


def get_route(ip: IPv6Address) -> Request:
    """Ask how this host reaches an IPv6 address: the answer's rtm_type is RTN_LOCAL once the address is its own."""
    return Request(f"look up {ip}", "", _get_route_shape().fill(to=ip.packed))


@cache
def _get_route_shape() -> Shape:
    mark = _ADDRESS_MARKS[6][0]
    data = encode(rtmsg(), RTM_GETROUTE, 0, family=AF_INET6, dst_len=128, attrs=[("RTA_DST", mark)])
    return Shape(data, to=_packed(mark))


def dump(kind: int, what: str) -> Request:
    """Ask for a whole table: RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH, RTM_GETQDISC.

    The body is zeros, of the table's own header size: "all families, all links".
    """
    size = {RTM_GETADDR: 8, RTM_GETROUTE: 12, RTM_GETNEIGH: 12, RTM_GETQDISC: 20}[kind]
    return Request(f"read {what}", "", struct.pack("=IHHII", 16 + size, kind, 0, 0, 0) + bytes(size))


def _packed(address: str) -> bytes:
    return (IPv4Address if "." in address else IPv6Address)(address).packed


def _encode_common_shapes() -> None:
    """What most builds need, encoded with the import: the supervisor imports before it is asked to build."""
    for shape in (_admin_shape(), _get_link_shape(), _address_shape(4, 24), _address_shape(6, 64)):
        assert shape.data


_encode_common_shapes()
