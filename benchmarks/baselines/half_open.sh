#!/bin/bash
# The half-open experiment with nothing around it: ip, ss and two Python sockets. No capture, no check, no cleanup if it
# is killed. Needs root. Prints JSON: where its milliseconds went.
set -eu
id=nlbase$$
now() { date +%s%N; }
began=$(now)
ip netns add ${id}net
ip -n ${id}net link add br0 up type bridge
for i in 1 2; do
  ip netns add $id$i
  ip -n ${id}net link add p$i up master br0 type veth peer name eth0 netns $id$i
  ip -n $id$i addr add 10.0.0.$i/24 dev eth0
  ip -n $id$i link set lo up
  ip -n $id$i link set eth0 up
done
ip netns exec ${id}2 sysctl -qw net.ipv4.tcp_orphan_retries=1
dir=$(mktemp -d)
mkfifo "$dir/server" "$dir/heard" "$dir/client" "$dir/go"
ip netns exec ${id}2 python3 -c "
import socket, time
listener = socket.create_server(('10.0.0.2', 5000)); open('$dir/server', 'w').write('ready\n')
connection, _ = listener.accept(); connection.recv(9); open('$dir/heard', 'w').write('hello\n'); time.sleep(99)" &
server=$!
read -r _ <"$dir/server"
ip netns exec ${id}1 python3 -c "
import socket
connection = socket.create_connection(('10.0.0.2', 5000)); connection.send(b'hello')
open('$dir/go').read(); connection.send(b'world')
try: result = connection.recv(9)
except OSError as error: result = type(error).__name__
open('$dir/client', 'w').write(str(result) + '\n')" &
client=$!
read -r _ <"$dir/heard"
ip -n ${id}2 link set eth0 down
kill -9 $server
wait $server 2>/dev/null || true
killed=$(now)
while [ -n "$(ip netns exec ${id}2 ss -Htan state fin-wait-1)" ]; do :; done
gone=$(now)
ip -n ${id}2 link set eth0 up
echo go >"$dir/go"
read -r result <"$dir/client"
wait $client
for i in 1 2 net; do ip netns del $id$i; done
rm -rf "$dir"
ended=$(now)
echo "{\"result\": \"$result\", \"orphan_ms\": $(((gone - killed) / 1000000)), \"total_ms\": $(((ended - began) / 1000000))}"
