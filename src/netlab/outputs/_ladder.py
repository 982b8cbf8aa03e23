"""Moments as lines: a ladder between two hosts, or a list where there are more, or only one.

         ms   no.  client                   │            the wire            │ server
      1.204        connect server:9000      │                                │
      1.251     1                           │─ S seq 0 ─────────────────────▶│
      9.300      ━━ ✗ unplug server.nic-a (remove) ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━

Rules: one moment, one line, at most WIDTH columns; the host that speaks first stands at the left. A long run is
abbreviated where it says least, and the line says how much was left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from netlab.outputs._moment import Moment
from netlab.outputs._text import WIDTH, Line, cut
from netlab.outputs._timeline import TEXT_ROOM

CELL = 24
WIRE = TEXT_ROOM + 5
GUTTER = 15
MOST_LINES = 160
RUN_KEPT = 3
"""Of a long row of segments that carry data or acknowledge it, as many are shown at its start and at its end."""

BANDS = {"tracked": "╌", "fault": "━", "healing": "━", "step": "╌", "trouble": "━"}
"""Moments of no one host, and what their line is drawn with."""


def drawn(moments: list[Moment], addresses: Mapping[str, str]) -> list[Line]:
    """The timeline, header first. `addresses` says which host owns an address: they are shown with the hosts."""
    shown = abbreviated(moments)
    actors = _actors(moments)
    if len(actors) != 2:
        return [_list_header(), *(_listed(moment) for moment in shown)]
    left, right = actors
    return [_header(*(_titled(host, addresses) for host in actors)), *(_rung(moment, left, right) for moment in shown)]


def _actors(moments: list[Moment]) -> list[str]:
    """The hosts that do something, the first sender first."""
    wire = [host for moment in moments if moment.kind == "segment" for host in (moment.host, moment.peer)]
    quiet = [moment.host for moment in moments if moment.kind not in BANDS]
    return [host for host in dict.fromkeys([*wire, *quiet]) if host is not None]


def abbreviated(moments: list[Moment], most: int = MOST_LINES) -> list[Moment]:
    """The moments, or those that say most where there are more than `most`."""
    if len(moments) <= most:
        return moments
    shown: list[Moment] = []
    for dull, row in groupby(moments, key=_dull):
        some = list(row)
        shown += _ends(some, RUN_KEPT, RUN_KEPT, "segments") if dull else some
    return shown if len(shown) <= most else _ends(shown, most * 2 // 3, most // 3, "lines")


def _dull(moment: Moment) -> bool:
    """An everyday segment: data or an acknowledgment that arrived in time."""
    flags = moment.text.removeprefix("[").partition("] ")[2] or moment.text
    everyday = flags.split(" ", 1)[0] in (".", "P.")
    return moment.kind == "frame" or (moment.kind == "segment" and everyday and not (moment.late or moment.remark))


def _ends(row: list[Moment], first: int, last: int, noun: str) -> list[Moment]:
    left_out = len(row) - first - last
    if left_out <= 1:
        return row
    note = Moment(row[first].time_ns, "step", f"{left_out} {noun} left out; the capture has them all", style="dim")
    return [*row[:first], note, *row[-last:]]


def _gutter(moment: Moment) -> str:
    packet = str(moment.packet) if moment.packet else ""
    return f"{moment.time_ns / 1e6:9.3f} {packet:>4} "


def _titled(host: str, addresses: Mapping[str, str]) -> str:
    """The host with its address: "client 10.77.0.2"."""
    return " ".join([host, *(ip for ip, owner in addresses.items() if owner == host)][:2])


def _header(left: str, right: str) -> Line:
    gutter = f"{'ms':>9} {'no.':>4} "
    return ((f"{gutter}{cut(left, CELL):{CELL}} │{'':{WIRE}}│ {cut(right, CELL)}", "bold"),)


def _rung(moment: Moment, left: str, right: str) -> Line:
    gutter = (_gutter(moment), "dim")
    if moment.kind in BANDS or moment.host not in (left, right):
        return gutter, (_band(moment), moment.style)
    at_left = moment.host == left
    if moment.kind in ("segment", "frame") and moment.peer != moment.host:
        cells = (moment.remark, moment.late) if at_left else (moment.late, moment.remark)
        wire = _arrow(moment, at_left)
    else:
        cells = (moment.text, "") if at_left else ("", moment.text)
        wire = " " * WIRE
    one, other = (cut(cell, CELL) for cell in cells)
    return (
        gutter,
        (f"{one:{CELL}} ", moment.style),
        ("│", "dim"),
        (wire, moment.style),
        ("│ ", "dim"),
        (other, moment.style),
    )


def _band(moment: Moment) -> str:
    stroke = BANDS.get(moment.kind, " ")
    room = WIDTH - GUTTER - 6
    text = cut(moment.text, room)
    return f"{stroke * 2} {text} ".ljust(WIDTH - GUTTER, stroke)


def _arrow(moment: Moment, rightwards: bool) -> str:
    """The segment on its way; one that was lost breaks off."""
    stroke = "─" if moment.kind == "segment" else "╌"
    text = cut(moment.text, TEXT_ROOM)
    if rightwards:
        line = f"{stroke} {text} "
        return f"{line}{stroke}✗".ljust(WIRE) if moment.lost else f"{line.ljust(WIRE - 1, stroke)}▶"
    line = f" {text} {stroke}"
    return f"✗{stroke}{line}".rjust(WIRE) if moment.lost else f"◀{line.rjust(WIRE - 1, stroke)}"


def _list_header() -> Line:
    return ((f"{'ms':>9} {'no.':>4} where", "bold"),)


def _listed(moment: Moment) -> Line:
    gutter = (_gutter(moment), "dim")
    if moment.kind in BANDS:
        return gutter, (_band(moment), moment.style)
    where = moment.host or "?"
    if moment.kind in ("segment", "frame"):
        where += f" {'✗' if moment.lost else '→'} {moment.peer or '?'}"
    notes: Iterable[str] = (moment.text, moment.remark, moment.late)
    text = cut("  ".join(note for note in notes if note), WIDTH - GUTTER - 26)
    return gutter, (f"{cut(where, 25):26}", ""), (text, moment.style)
