"""A client that does nothing but connect(), as plainly as a program can: the call blocks. Argument: ipv4 or ipv6."""

import socket
import sys

SERVERS = {"ipv4": (socket.AF_INET, "10.77.0.1"), "ipv6": (socket.AF_INET6, "fd77::1")}

family, address = SERVERS[sys.argv[1]]
connection = socket.socket(family)
print("connect() …", flush=True)
connection.connect((address, 9000))
print("connect() returned", flush=True)
connection.recv(1)  # it stays until the lab is over
