"""A lab played elsewhere: the near end sends it, a far end on the target plays it, the run directory comes home.

    near end                                             far end (python -m netlab.remote.far)
    near      one conversation, from this process        far       the relay: heartbeats, silence, the end of everything
    choice    where a lab runs, when nobody says         janitor   a folder that goes with the far end, whatever dies
    home      what arrives, as files                     player    what is warm, and forks a run for each request
    many      many labs, one after the other
                       frames   what is said between them
                       folder   the lab's folder as a stream

    near → far   hello {netlab, protocol}
                 run {definition, target}, piece+ (a tar of the lab's folder), sent
                 alive, every few seconds; interrupt (Ctrl-C)
    far → near   hello {netlab, protocol}
                 begun; started, phase, step, done: the run's progress
                 file {name, size}, piece* (its bytes); … ; ended
                 error {…}, in the place of any answer: an error of netlab, as its class (errors.to_json)
                 alive, every few seconds

Rules: targets (netlab/targets) start a far end and carry its streams; everything that is said is here. One run at a
time; several may follow each other. Either side that hears nothing for SILENCE_S takes the other for gone: the far end
then ends its run and removes what it wrote, as it does when its standard input ends; the near end says what was lost.
Neither trusts the other's bytes: sizes are bounded, names are checked, what is shown is made printable. What lies in
memory is bounded, too: files are streamed in pieces. The near end runs on any operating system.
"""

from __future__ import annotations

__all__ = ["ALIVE_S", "INTERRUPTED", "PROTOCOL", "SILENCE_S"]

PROTOCOL = 1
"""Raised with each change of what is said."""
ALIVE_S = 4.0
"""How often each side says that it is there."""
SILENCE_S = 20.0
"""After how long without a word the other side is taken for gone: five heartbeats were lost."""
INTERRUPTED = "interrupted"
"""The `type` of the error of a run that Ctrl-C ended before there was a record."""
