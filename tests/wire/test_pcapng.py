"""The capture file, read back by its own reader and by tshark."""

from __future__ import annotations

import io
from pathlib import Path

from netlab.wire import pcapng
from netlab.wire.spool import Packet
from tests.wire.frames import ACK, PSH, RST, SYN, packets, path, segment
from tests.wire.tshark import fields, needs_tshark

NOW = 1_795_184_265_111_053_346
POINTS = ["a.nic", "s:a.nic", "s:b.nic", "b.nic", "idle.nic"]
PACKETS = packets(
    *path(NOW, segment(SYN, seq=10)),
    *path(NOW + 1000, segment(PSH | ACK, payload=b"hello")),
    *path(NOW + 2_000_000_000, segment(RST, seq=4_000_000_000)),
)


def written(markers: list[pcapng.Marker], chosen: list[Packet] = PACKETS) -> bytes:
    file = io.BytesIO()
    assert pcapng.write(chosen, POINTS, markers, file.write, "Linux 6.18") == len(chosen)
    return file.getvalue()


def test_what_was_written_is_read_back_with_comments_or_without() -> None:
    for markers in ([], [(NOW, "one"), (NOW, "two"), (NOW + 10**12, "three")]):
        assert list(pcapng.read(io.BytesIO(written(markers)))) == PACKETS


def test_a_cut_packet_keeps_its_true_length() -> None:
    cut = [PACKETS[0]._replace(data=PACKETS[0].data[:33], length=900)]
    assert list(pcapng.read(io.BytesIO(written([], cut)))) == cut


def test_it_writes_piece_by_piece() -> None:
    pieces: list[int] = []
    big = [PACKETS[0]._replace(number=n, data=bytes(1500)) for n in range(1, 3001)]
    pcapng.write(big, POINTS, [], lambda piece: pieces.append(len(piece)))
    assert len(pieces) >= 4 and max(pieces) < 2 * pcapng.FLUSH


@needs_tshark
def test_tshark_sees_the_same_packets_at_the_same_points_and_times(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcapng"
    path.write_bytes(written([]))
    rows = fields(
        path, "frame.number", "frame.interface_name", "frame.time_epoch", "frame.len", "frame.packet_flags_direction"
    )
    for packet, (number, point, time, length, direction) in zip(PACKETS, rows, strict=True):
        assert (int(number), point, int(length)) == (packet.number, packet.point, packet.length)
        assert int(time.replace(".", "")) == packet.time_ns
        assert int(direction, 0) == (2 if packet.direction == "out" else 1)


@needs_tshark
def test_tshark_shows_each_marker_on_the_first_packet_at_or_after_it(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcapng"
    path.write_bytes(
        written([(NOW + 1, "second"), (NOW, "at the first"), (NOW - 5, "before all"), (NOW + 10**12, "too late")])
    )
    comments = {number: comment for number, comment in fields(path, "frame.number", "frame.comment") if comment}
    assert comments == {"1": "before all,at the first", "2": "second", "12": "after this packet: too late"}


@needs_tshark
def test_a_capture_without_packets_opens_and_keeps_its_story(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcapng"
    path.write_bytes(written([(NOW, "unplug server.nic-a")], []))
    assert fields(path, "frame.number") == []
    assert b"unplug server.nic-a" in path.read_bytes()
