"""A client that says what it sees: python3 client.py HOST PORT. Each line it reads is sent, and the answer awaited."""

import socket
import sys
import time
from errno import errorcode

connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print("connected", flush=True)
for line in sys.stdin:
    asked = time.monotonic()
    try:
        connection.sendall(line.encode())
        answer = connection.recv(4096).decode().rstrip()
    except OSError as error:
        sys.exit(f"{errorcode.get(error.errno, 'error')} after {time.monotonic() - asked:.1f} s: {error.strerror}")
    if not answer:
        sys.exit(f"end of file after {time.monotonic() - asked:.1f} s: the server has closed")
    print(f"answer: {answer}", flush=True)
