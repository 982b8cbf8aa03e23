"""How jitter is distributed: the tables that netem draws from.

Rules: pure. A table holds the quantiles of a distribution with mean 0 and standard deviation 1, at evenly spaced
chances, scaled by 8192; netem draws one of them and multiplies it by the jitter, so the jitter is the deviation. What
16 bits do not hold, beyond four deviations, is cut off, and the rest is moved and stretched until mean and deviation
are 0 and 1 again.

    uniform        as without a table: from minus to plus the jitter, which is no deviation here
    normal         the inverse of the normal distribution function
    pareto         (1 - u)^(-1/3): Pareto's, of shape 3, the least whole one with a deviation
    paretonormal   a quarter of the normal's quantile and three of Pareto's

Source: net/sched/sch_netem.c:tabledist() and get_dist_table(); NETEM_DIST_SCALE in include/uapi/linux/pkt_sched.h;
N. L. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate Distributions, volume 1 (1994), chapters 13 and 20.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import cache
from statistics import NormalDist, fmean, pstdev

SCALE = 8192
MOST = 32767 / SCALE
SIZE = 4096
"""How many quantiles; at most 16384 (NETEM_DIST_MAX)."""
PARETO_SHAPE = 3
CLOSE = 1e-6

_normal = NormalDist().inv_cdf


def _pareto(u: float) -> float:
    mean, deviation = 1.5, math.sqrt(0.75)
    return float(((1 - u) ** (-1 / PARETO_SHAPE) - mean) / deviation)


_QUANTILES: dict[str, Callable[[float], float]] = {
    "uniform": lambda u: 2 * u - 1,
    "normal": _normal,
    "pareto": _pareto,
    "paretonormal": lambda u: _normal(u) / 4 + _pareto(u) * 3 / 4,
}


@cache
def table(name: str) -> bytes:
    """The distribution of this name, as TCA_NETEM_DELAY_DIST carries it."""
    chances = [(n + 0.5) / SIZE for n in range(SIZE)]
    quantiles = [_QUANTILES[name](u) for u in chances]
    values = quantiles if name == "uniform" else _standard(quantiles)
    return struct.pack(f"={SIZE}h", *(round(value * SCALE) for value in values))


def _standard(values: list[float]) -> list[float]:
    """Within what 16 bits hold, with mean 0 and deviation 1."""
    while True:
        values = [max(-MOST, min(MOST, value)) for value in values]
        mean, deviation = fmean(values), pstdev(values)
        if abs(mean) < CLOSE and abs(deviation - 1) < CLOSE:
            return values
        values = [(value - mean) / deviation for value in values]
