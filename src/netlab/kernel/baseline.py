"""The baseline: what every host's network stack is set to, whatever machine the lab runs on.

Rules: it holds what differs between machines or kernels although the lab does not say so, and what speaks at moments
that nobody chose; each line has its reason. A lab's own sysctls come after it and win. What cannot be set here (a
kernel without IPv6, a sysctl an older kernel lacks) is reported, not raised: the record holds it.

All namespaces of a build start out equal, so the first one is compared with the baseline and only the differences are
written to each: a dozen writes for a host instead of eighty.

Source: `tcp_sk_init` in net/ipv4/tcp_ipv4.c and `devinet_init_net` in net/ipv4/devinet.c say what a new namespace takes
from the host's (congestion control, buffer sizes, and all of net.ipv4.conf), Documentation/networking/ip-sysctl.rst
what each means and its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from netlab.errors import KernelError
from netlab.kernel import sysctl
from netlab.kernel.namespaces import Namespace

OWN_TABLE = {
    # Namespaces made from inside this one have a hash of TCP sockets each. In the machine's common one every read of a
    # socket table walks all buckets, here 262144 and half a millisecond, past everybody's sockets; from Linux 6.1 on.
    # Source: `tcp_set_hashinfo` in net/ipv4/tcp_ipv4.c, `inet_diag_dump_icsk` in net/ipv4/inet_diag.c.
    "net.ipv4.tcp_child_ehash_entries": "4096",
}

TCP = {
    **OWN_TABLE,
    # A new namespace takes the host's (bbr, cubic); reno is in every kernel, and the only one never restricted to the
    # host's namespace (TCP_CONG_NON_RESTRICTED, net/ipv4/tcp_cong.c). Source: RFC 5681.
    "net.ipv4.tcp_congestion_control": "reno",
    # A new namespace takes the host's; administrators tune them. These are the kernel's on a machine with 1 GiB or more
    # (`tcp_init` in net/ipv4/tcp.c). They decide the windows and how much fits in flight.
    "net.ipv4.tcp_rmem": "4096 131072 6291456",
    "net.ipv4.tcp_wmem": "4096 16384 4194304",
    # Follows from the machine's memory (`tcp_sk_init`).
    "net.ipv4.tcp_max_syn_backlog": "1024",
    # What is seen in a SYN. ECN 2: accepted where a peer asks for it, which no host of a lab does by itself.
    "net.ipv4.tcp_ecn": "2",
    "net.ipv4.tcp_timestamps": "1",
    "net.ipv4.tcp_sack": "1",
    "net.ipv4.tcp_window_scaling": "1",
    "net.ipv4.tcp_fastopen": "1",
    # An earlier connection must not change how a later one begins.
    "net.ipv4.tcp_no_metrics_save": "1",
    # The kernel's defaults, which claims about listen() and SYN floods rest on.
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv4.tcp_abort_on_overflow": "0",
    # Not the kernel's default (0, which means 8 tries: minutes). An orphaned socket keeps its
    # namespace alive until the kernel gives it up; with 1 that is about 0.6 s, even where netlab was SIGKILLed and
    # could not destroy it. A lab about orphans sets its own. Source: `tcp_orphan_retries` in net/ipv4/tcp_timer.c.
    "net.ipv4.tcp_orphan_retries": "1",
    "net.core.somaxconn": "4096",
    # A program without root may listen below 1024: its user namespace has no rights over the host's ports (ip(7)).
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ip_local_port_range": "32768 60999",
}

IPV4_CONF = {
    # All taken from the host's namespace, where Docker forwards, systemd filters by reverse path (rp_filter 2) and
    # administrators tune ARP. These are the kernel's own defaults (`ipv4_devconf` in net/ipv4/devinet.c).
    "rp_filter": "0",
    "accept_source_route": "0",
    "accept_local": "0",
    "accept_redirects": "1",
    "send_redirects": "1",
    "secure_redirects": "1",
    "arp_accept": "0",
    "arp_announce": "0",
    "arp_evict_nocarrier": "1",
    "arp_filter": "0",
    "arp_ignore": "0",
    "arp_notify": "0",
    "drop_gratuitous_arp": "0",
    "ignore_routes_with_linkdown": "0",
    "log_martians": "0",
    "promote_secondaries": "0",
    "proxy_arp": "0",
    "route_localnet": "0",
}

IPV6_CONF = {
    # Off where the host was booted with ipv6.disable_ipv6=1.
    "disable_ipv6": "0",
    # An address is usable at once (1.5 s later otherwise); a lab does not give one address twice.
    "accept_dad": "0",
    # Nothing learned from router advertisements, and none solicited: a host has the addresses the lab gives it.
    "accept_ra": "0",
    # 1: the kernel makes no link-local address by itself; topology.py gives one to each NIC that speaks IPv6, without
    # duplicate address detection. A NIC that speaks IPv4 only then sends no neighbour discovery and no MLD report.
    "addr_gen_mode": "1",
    # MLD reports follow a new address after up to a second, at random (RFC 3810 section 9.11). In milliseconds, rounded
    # up to a jiffy: they come out while the lab is built or just after, not in the middle of a later step.
    "mldv2_unsolicited_report_interval": "4",
}

EACH_NIC = "NIC"
"""Stands for a NIC's name in the baseline of NICs."""

NEIGHBOUR = {
    # Of each NIC: taken from tables that are the host's. How long a learned neighbour holds, and how it is asked for.
    "base_reachable_time_ms": "30000",
    "delay_first_probe_time": "5",
    "gc_stale_time": "60",
    "mcast_solicit": "3",
    "retrans_time_ms": "1000",
    "ucast_solicit": "3",
    "unres_qlen_bytes": "212992",
}


def wanted() -> dict[str, str]:
    """Every sysctl of the baseline, by name.

    Forwarding comes first: writing it resets others (`inet_forward_change` in net/ipv4/devinet.c). Of net.ipv6.conf
    only the defaults count: its "all" does not reach interfaces made later, but for accept_dad, where both must be 0.
    """
    values = {"net.ipv4.ip_forward": "0", "net.ipv6.conf.all.forwarding": "0", **TCP}
    for which in ("all", "default"):
        values |= {f"net.ipv4.conf.{which}.{name}": value for name, value in IPV4_CONF.items()}
    del values[
        "net.ipv4.conf.default.accept_source_route"
    ]  # "all" at 0 forbids it alone, and the kernel's default is 1
    values["net.ipv6.conf.all.accept_dad"] = IPV6_CONF["accept_dad"]
    return values | {f"net.ipv6.conf.default.{name}": value for name, value in IPV6_CONF.items()}


def prepare_to_make_hosts() -> None:
    """Set what the first host takes from the calling thread's namespace, as the others take it from the one before.

    Where this kernel lacks it, the hosts lack it too, and their report says so.
    """
    with suppress(KernelError):
        for name, value in OWN_TABLE.items():
            sysctl.write_inside(name, value, "the run's own")


@dataclass(frozen=True)
class Plan:
    """What has to be written to a fresh namespace of this machine."""

    writes: Mapping[str, str]
    """What differs from the baseline and can be set."""
    report: Mapping[str, str]
    """The whole baseline, with what could not be set as "reno: why"."""

    def apply(self, namespace: Namespace, nic: str = "") -> None:
        """Write it (of a plan for NICs: to this NIC); the calling thread must be inside. Raises: KernelError."""
        for name, value in self.writes.items():
            sysctl.write_inside(_of(nic, name), value, namespace.name)


def plan(namespace: Namespace, values: Mapping[str, str], nic: str = "") -> Plan:
    """Try the values in one fresh namespace, which has them afterwards; the calling thread must be inside.

    Of values for NICs (`neighbour_values`): on one fresh NIC.
    """
    writes: dict[str, str] = {}
    report: dict[str, str] = {}
    for name, value in values.items():
        try:
            if sysctl.read_inside(_of(nic, name), namespace.name) != value:
                sysctl.write_inside(_of(nic, name), value, namespace.name)
                writes[name] = value
            report[name] = value
        except KernelError as error:
            report[name] = f"{value}: not set, {error.hint}"
    return Plan(writes, report)


def _of(nic: str, name: str) -> str:
    """The sysctl of one NIC; a dot in a NIC's name is written as a slash, as in sysctl(8)."""
    return name.replace(EACH_NIC, nic.replace(".", "/")) if nic else name


def neighbour_values() -> dict[str, str]:
    """The baseline of each NIC's neighbour tables, by name, with NIC for its name."""
    return {
        f"net.{family}.neigh.{EACH_NIC}.{name}": value
        for family in ("ipv4", "ipv6")
        for name, value in NEIGHBOUR.items()
    }


def fabric_values() -> dict[str, str]:
    """What makes the fabric's namespace carry frames and never speak or filter, by name.

    A loaded br_netfilter shows bridged frames to iptables and reassembles fragments in every namespace unless told
    otherwise (net/bridge/br_netfilter_hooks.c).
    """
    filters = ("iptables", "ip6tables", "arptables")
    return {
        "net.ipv6.conf.default.disable_ipv6": "1",
        **{f"net.bridge.bridge-nf-call-{table}": "0" for table in filters},
    }
