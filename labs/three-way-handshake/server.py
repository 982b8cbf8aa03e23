"""A server that does nothing but accept(), as plainly as a program can: the call blocks. Argument: ipv4 or ipv6."""

import socket
import sys

FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}

listener = socket.create_server(("", 9000), family=FAMILIES[sys.argv[1]])
print("accept() …", flush=True)
connection, _ = listener.accept()
print("accept() returned", flush=True)
connection.recv(1)  # it stays until the lab is over
