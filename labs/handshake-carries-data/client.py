"""A client that speaks at once: its kernel keeps the third segment back for 0.2 s only. Argument: ipv4 or ipv6."""

import socket
import sys

SERVERS = {"ipv4": (socket.AF_INET, "10.77.0.1"), "ipv6": (socket.AF_INET6, "fd77::1")}

family, address = SERVERS[sys.argv[1]]
connection = socket.socket(family)
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
connection.connect((address, 9000))
connection.sendall(b"hello")
connection.recv(1)  # it stays until the lab is over
