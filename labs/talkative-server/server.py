"""A server that answers as soon as it has read the end of what the client had to say."""

import errno
import select
import socket

dual = socket.has_dualstack_ipv6()
family = socket.AF_INET6 if dual else socket.AF_INET
with socket.create_server(("", 9000), family=family, dualstack_ipv6=dual) as listener:
    connection, _ = listener.accept()

while data := connection.recv(4096):
    print(data.decode(), flush=True)
connection.send(b"world")  # at once, so that this segment is also the ACK of the client's FIN
print("world: sent", flush=True)

poll = select.poll()
poll.register(connection, 0)  # errors are always told
poll.poll()
try:
    connection.send(b"are you there?")
except OSError as error:
    print(f"are you there?: {errno.errorcode[error.errno or 0]}", flush=True)
