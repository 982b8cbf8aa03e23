"""Says "ping" on the connection it was given each time the milliseconds given are over, and reads what is echoed.

It does not wait for the echo: who is slow is the network, and not the pings. Those it had no time for are left out. Its
connection is its standard input and output, what it says goes to standard error: so inetd runs a service.
"""

import os
import select
import sys
import time

every_s = int(sys.argv[1]) / 1000

print("pinging", file=sys.stderr, flush=True)
following = time.monotonic()
while True:
    os.write(1, b"ping")
    following = max(following + every_s, time.monotonic())
    while (left := following - time.monotonic()) > 0:
        readable, _, _ = select.select([0], [], [], left)
        if readable and not os.read(0, 4096):
            sys.exit("the server has closed")
