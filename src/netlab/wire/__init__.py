"""What was on the wire, from bytes alone: frames, segments, and the capture file. See the modules.

    spool.py      the file the capture process writes: frames in the order of time, numbered
    clock.py      CLOCK_REALTIME to CLOCK_MONOTONIC, and whether the clock was set meanwhile
    decode.py     one frame's headers
    describe.py   a frame that is not TCP, in one line
    segments.py   many sightings, one segment
    pcapng.py     the capture file for Wireshark

Rules: pure. Bytes in, records out, on any operating system; nothing here imports the kernel or a plugin folder.
"""
