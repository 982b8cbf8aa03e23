"""A small vocabulary for tests of the loader: words of its own, so that they do not change with netlab's."""

from __future__ import annotations

from netlab.expectations import Expectation
from netlab.faults import Fault
from netlab.lab.words import Words
from netlab.registry import Registry
from netlab.steps import Verb

SMALL = Words(
    Registry("tests.lab.words.steps", Verb),
    Registry("tests.lab.words.faults", Fault),
    Registry("tests.lab.words.expectations", Expectation),
)
