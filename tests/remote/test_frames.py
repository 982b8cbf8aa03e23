"""Frames: whatever the pieces in which they come, and whatever comes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab.remote.frames import LINE, PIECE, Frame, FrameError, Frames

WORDS = st.text(min_size=1)
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))
FIELDS = st.dictionaries(WORDS.filter(lambda word: word not in ("say", "bytes")), VALUES, max_size=3)
FRAMES = st.lists(st.builds(Frame, WORDS, FIELDS, st.binary(max_size=100)), max_size=5)


@settings(max_examples=30)
@given(FRAMES, st.data())
def test_frames_come_out_as_they_went_in_however_they_are_cut(said: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(frame.encoded() for frame in said)
    frames, at = Frames(), 0
    heard: list[Frame] = []
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        heard += frames.feed(stream[at : at + size])
        at += size
    assert heard == said
    assert frames.between


@given(st.binary())
def test_anything_else_is_a_frame_error(stream: bytes) -> None:
    frames = Frames()
    try:
        for frame in frames.feed(stream):
            assert Frame(frame.say, frame.fields, frame.data).encoded()
    except FrameError:
        return


def test_sizes_are_bounded() -> None:
    assert len(list(Frames().feed(Frame("piece", {}, bytes(PIECE)).encoded()))) == 1
    with pytest.raises(FrameError, match="at most"):
        list(Frames().feed(b'{"say": "piece", "bytes": %d}\n' % (PIECE + 1)))
    with pytest.raises(FrameError, match="a line of more than"):
        list(Frames().feed(bytes(LINE + 1)))
