#!/bin/bash
# N hosts on one switch, as fast as ip(8) makes them: namespaces in one batch, links in one, one batch inside each host.
# Prints the milliseconds of building and of the deleting commands, and the moment (CLOCK_REALTIME, ns) deleting began.
#
# IPv6 is set as netlab sets it: off on the switch side, without link-local addresses on the hosts' side. It does not
# wait until the links are up, sets no sysctl baseline and no offloads: netlab does. Root; run it where /run is private.
set -euo pipefail
hosts=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

began=$(date +%s%N)
{
    echo "netns add switch"
    for ((i = 0; i < hosts; i++)); do echo "netns add h$i"; done
} >"$scratch/namespaces"
ip -batch "$scratch/namespaces"
ip netns exec switch sysctl -qw net.ipv6.conf.default.disable_ipv6=1
{
    echo "link add br0 up type bridge mcast_snooping 0"
    for ((i = 0; i < hosts; i++)); do
        echo "link add p$i up master br0 type veth peer name eth0 netns h$i"
    done
} >"$scratch/links"
ip -n switch -batch "$scratch/links"
for ((i = 0; i < hosts; i++)); do
    printf '%s\n' "link set eth0 addrgenmode none" "addr add 10.0.$((i / 250)).$((i % 250 + 1))/16 dev eth0" \
        "link set lo up" "link set eth0 up" | ip -n "h$i" -batch -
done
built=$(date +%s%N)

{
    echo "netns del switch"
    for ((i = 0; i < hosts; i++)); do echo "netns del h$i"; done
} >"$scratch/deletions"
deleting=$(date +%s%N)
ip -batch "$scratch/deletions"
deleted=$(date +%s%N)
echo "{\"build_ns\": $((built - began)), \"teardown_ns\": $((deleted - deleting)), \"teardown_began_ns\": $deleting}"
