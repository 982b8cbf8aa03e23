"""Whether the kernel can be watched making and taking resets: tracepoints through perf_event_open."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._trial import in_child, why


class Tracepoints(Probe):
    """Reads the formats of the TCP tracepoints, and opens one of them on one CPU: freeing each one costs 20 ms."""

    question = "Can the kernel's TCP tracepoints be read?"
    group = "witnesses"

    def probe(self) -> Finding:
        """Try in a child; what is opened is freed with its descriptor."""
        return in_child(_trace)


def _trace() -> Finding:
    from netlab.errors import NeedError
    from netlab.kernel import perf, tracepoints

    remedy = "run as root for the kernel's own reasons; without, counters and the socket table stand in for them"
    try:
        layouts = tracepoints.formats()
        perf.Ring(perf.online_cpus()[0], [layouts[0].id], {}, pages=8).close()
    except NeedError as error:
        return Finding("no", str(error).removeprefix("tracepoints: "), remedy)
    except OSError as error:
        return Finding("no", f"perf_event_open: {why(error)}", remedy)
    return Finding("yes", ", ".join(event.replace("/", ":") for event in tracepoints.EVENTS))
