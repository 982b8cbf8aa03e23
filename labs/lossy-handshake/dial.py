"""Opens as many connections to server:9000 at once as its first argument says, and tells how long each one took.

python3 dial.py 20 ipv4
"""

import select
import signal
import socket
import sys
import time

count, family = int(sys.argv[1]), socket.AF_INET6 if sys.argv[2] == "ipv6" else socket.AF_INET
address = socket.getaddrinfo("server", 9000, family, socket.SOCK_STREAM)[0][4]

poll = select.poll()
waiting = {}
for _ in range(count):
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    connection.connect_ex(address)
    waiting[connection.fileno()] = (connection, time.monotonic())
    poll.register(connection, select.POLLOUT)
print(f"dialling {count} times", flush=True)

connected = []
while waiting:
    for descriptor, _ in poll.poll():
        poll.unregister(descriptor)
        connection, began = waiting.pop(descriptor)
        error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            sys.exit(f"connect: errno {error}")
        connected.append(connection)
        print(f"connected after {time.monotonic() - began:.2f} s", flush=True)
print(f"all {count} are connected", flush=True)
signal.pause()  # the connections stay until the lab ends
