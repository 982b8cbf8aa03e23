"""Plots for a run directory, by matplotlib: the extra `plot`, imported when something is drawn and never before.

Rules: no display and no global state (no pyplot): a Figure is made, saved, and dropped. PNG to look at, SVG to zoom
into and to edit; the SVG keeps its text as text. Colours tell apart without red and green alone (Okabe and Ito).
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.outputs._lanes import Lane, told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDINGS = ("png", "svg")
DOTS_PER_INCH = 150
ROOM = 1.3
"""How much wider than its time the plot is: what is told of each lane stands at its right."""
INK, FAINT, RULE = "#222222", "#8a8a8a", "#e3e3e3"
NOTICED, BLIND, RESET, FAULT, HEALED = "#0072B2", "#c9c9c9", "#D55E00", "#D55E00", "#009E73"
CYCLE = (NOTICED, RESET, HEALED, "#CC79A7", "#E69F00", "#56B4E9", INK)
"""Of groups that are compared, in their order."""
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "svg.fonttype": "none",
    "svg.hashsalt": "netlab",
    "text.parse_math": False,
}
"""`parse_math` off: a label with two dollar signs is a label."""


def lack() -> str:
    """What is missing for a plot, with its remedy; "" for nothing."""
    if importlib.util.find_spec("matplotlib") is None:
        return "matplotlib is not installed; pip install 'netlab-faults[plot]'"
    return ""


def write(file: str, folder: Path, draw: Callable[[], Figure]) -> list[str]:
    """Draw, and save the figure in each format; the line that says so, or what is missing. Raises: OSError."""
    if lacking := lack():
        return [f"no plot of {file}: {lacking}, then netlab judge --files {folder}"]
    import matplotlib

    names = [f"{file}.{ending}" for ending in ENDINGS]
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a character no font here has is drawn as a box
        figure = draw()
        for name in names:
            metadata = {"Date": None} if name.endswith(".svg") else None
            figure.savefig(folder / name, dpi=DOTS_PER_INCH, metadata=metadata, facecolor="white")
    return [f"{' and '.join(names)} hold the plot of {file}"]


def chart(title: str, across: str, up: str, height: float = 5.2) -> tuple[Figure, Axes]:
    """An empty figure with a title, and axes that say what they measure and are faint otherwise."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    axes = figure.add_subplot()
    axes.set_xlabel(across, color=FAINT, loc="left")
    axes.set_ylabel(up, color=FAINT, loc="bottom")
    axes.tick_params(axis="both", length=0, colors=FAINT)
    axes.grid(color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure, axes


def mark(axes: Axes, at: float, text: str, level: int = 0, healed: bool = False) -> None:
    """A line across the axes at this time, with its text above them; `level` puts the text higher."""
    colour = HEALED if healed else FAULT
    axes.axvline(at, color=colour, linewidth=1.6, linestyle="--" if healed else "-")
    axes.annotate(
        text,
        (at, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, 4 + 12 * level),
        textcoords="offset points",
        color=colour,
        fontsize=9,
    )


def legend(axes: Axes) -> None:
    """What the colours stand for, out of the way."""
    axes.legend(frameon=False, fontsize=9, labelcolor=INK, loc="best")


def lanes(found: Sequence[Lane], faults: Sequence[tuple[int, str, bool]], zero_ns: int, title: str) -> Figure:
    """One lane for each way to notice: its segments as ticks, the moment it noticed, and the fault across all."""
    end_s = max(lane.watched_ns for lane in found) / 1e9
    begin_s = -0.12 * end_s
    figure, axes = chart(title, "seconds since the fault", "", 1.5 + 0.62 * len(found))
    _frame(axes, found, begin_s, end_s)
    for place, lane in enumerate(found):
        _bar(axes, place, lane, end_s)
        _ticks(axes, place, lane, zero_ns, begin_s)
    _marks(axes, faults, end_s)
    return figure


def _frame(axes: Axes, found: Sequence[Lane], begin_s: float, end_s: float) -> None:
    """The axes: time at the bottom, a lane's name at its left, nothing that is not needed."""
    axes.set_xlim(begin_s, end_s * ROOM)
    axes.set_xticks([at for at in axes.get_xticks() if begin_s <= at <= end_s])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_yticks(range(len(found)), [lane.label for lane in found], color=INK)
    axes.annotate(
        "a tick is a segment: up sent, down received, thick an RST",
        (1, 0),
        xycoords="axes fraction",
        xytext=(0, -31),
        textcoords="offset points",
        ha="right",
        color=FAINT,
        fontsize=8.5,
    )
    axes.tick_params(axis="y", labelcolor=INK)
    axes.grid(visible=False, axis="y")


def _bar(axes: Axes, place: int, lane: Lane, end_s: float) -> None:
    """From the fault to the notice; open to the right where there was none."""
    until_s = lane.watched_ns / 1e9
    colour = NOTICED if lane.by else BLIND
    axes.barh(place, until_s, height=0.34, color=colour, alpha=0.22 if lane.by else 0.45, linewidth=0)
    spent = "1 segment" if lane.spent == 1 else f"{lane.spent} segments"
    if lane.noticed_ns is None:
        axes.plot(until_s, place, marker=">", markersize=7, color=FAINT)
        text, note = "did not notice", spent
    else:
        axes.plot(until_s, place, marker="o", markersize=9, color=colour, markeredgecolor="white")
        text, note = f"{told(lane.noticed_ns)}  {_short(lane.by)}", spent
    gap = 0.016 * end_s
    axes.text(until_s + gap, place - 0.02, text, va="bottom", color=INK if lane.by else FAINT, fontweight="bold")
    axes.text(until_s + gap, place + 0.06, note, va="top", color=FAINT, fontsize=8.5)


def _ticks(axes: Axes, place: int, lane: Lane, zero_ns: int, begin_s: float) -> None:
    """The lane's segments until its notice: those its host sent up, those it received down, an RST in its colour."""
    sender = next((segment.from_ for segment in lane.segments), None)  # who opened the connection
    last_s = lane.watched_ns / 1e9
    for segment in lane.segments:
        at_s = (segment.time_ns - zero_ns) / 1e9
        if begin_s <= at_s <= last_s:
            up = segment.from_ == sender
            reset = "R" in segment.flags
            axes.vlines(
                at_s,
                place - (0.30 if up else 0),
                place + (0 if up else 0.30),
                color=RESET if reset else INK,
                linewidth=2.4 if reset else 1.3,
            )


def _marks(axes: Axes, faults: Sequence[tuple[int, str, bool]], end_s: float) -> None:
    """A line across all lanes for each fault and healing; those too close together share their text's line."""
    level, last_s = 0, float("-inf")
    for at_ns, text, healed in faults:
        at_s = at_ns / 1e9
        if at_s <= end_s:
            level = level + 1 if at_s - last_s < 0.25 * end_s else 0
            mark(axes, at_s, text, level, healed)
            last_s = at_s


def _short(text: str) -> str:
    """A program's line, cut to what fits beside its lane."""
    return text if len(text) <= 22 else text[:21] + "…"
