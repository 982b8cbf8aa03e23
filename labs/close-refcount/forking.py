"""A forking server with the classic mistake: the parent does not close its copy of the connection."""

import os
import signal
import socket

dual = socket.has_dualstack_ipv6()
family = socket.AF_INET6 if dual else socket.AF_INET
listener = socket.create_server(("", 9000), family=family, dualstack_ipv6=dual)
connection, _ = listener.accept()

child = os.fork()
if child == 0:
    connection.sendall(b"echo: " + connection.recv(4096))
    connection.close()
    print("child: closed", flush=True)
    os._exit(0)

os.waitpid(child, 0)
# Here belongs connection.close(): the descriptor of the parent keeps the connection open.
signal.pause()
