"""An echo server: every line that comes goes back. One client after the other: python3 server.py PORT."""

import socket
import sys

listener = socket.create_server(("", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
print("listening", flush=True)
while True:
    connection, _ = listener.accept()
    try:
        while data := connection.recv(4096):
            connection.sendall(data)
        print("the client has closed", flush=True)
    except OSError as error:
        print(f"the client is gone: {error.strerror}", flush=True)
    connection.close()
