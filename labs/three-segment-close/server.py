"""A server that reads one connection to its end, and closes it at once, as most servers do."""

import socket

dual = socket.has_dualstack_ipv6()
family = socket.AF_INET6 if dual else socket.AF_INET
with socket.create_server(("", 9000), family=family, dualstack_ipv6=dual) as listener:
    connection, _ = listener.accept()

while data := connection.recv(4096):
    print(data.decode(), flush=True)
connection.close()  # nothing comes between the end of the stream and this, so that the FIN can carry the ACK
print("the end; I close, too", flush=True)
