"""netlab: labs for network faults, with evidence.

    import netlab

    record = netlab.run("half-open", variant="down")       # play a lab file, get its judged record
    record.verdict, record.sentence, record.resets

    with netlab.open(topology) as lab:                      # the same vocabulary, step by step
        lab.do({"server": {"listen": 9000}})

    with netlab.target("ssh://user@host") as there:         # the same labs elsewhere
        there.run("half-open")

What is exported here is the public, typed API; it is imported when it is first used, so that `import netlab` and
`netlab --version` cost nothing. docs/architecture.md maps the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "run": "netlab.api",
    "run_all": "netlab.api",
    "claims": "netlab.api",
    "Outcome": "netlab.catalogue.outcome",
    "Row": "netlab.catalogue.claim",
    "target": "netlab.api",
    "OpenTarget": "netlab.api",
    "open": "netlab.api",
    "OpenLab": "netlab.api",
    "load": "netlab.lab",
    "Lab": "netlab.lab",
    "judge_run": "netlab.api",
    "RunRecord": "netlab.records",
    "Verdict": "netlab.records",
    "NetlabError": "netlab.errors",
    "LabError": "netlab.errors",
    "NeedError": "netlab.errors",
    "TargetError": "netlab.errors",
    "UsageError": "netlab.errors",
}

__all__ = [*_WHERE, "__version__"]

if TYPE_CHECKING:
    from netlab.api import OpenLab as OpenLab
    from netlab.api import OpenTarget as OpenTarget
    from netlab.api import claims as claims
    from netlab.api import judge_run as judge_run
    from netlab.api import open as open
    from netlab.api import run as run
    from netlab.api import run_all as run_all
    from netlab.api import target as target
    from netlab.catalogue.claim import Row as Row
    from netlab.catalogue.outcome import Outcome as Outcome
    from netlab.errors import (
        LabError as LabError,
    )
    from netlab.errors import (
        NeedError as NeedError,
    )
    from netlab.errors import (
        NetlabError as NetlabError,
    )
    from netlab.errors import (
        TargetError as TargetError,
    )
    from netlab.errors import (
        UsageError as UsageError,
    )
    from netlab.lab import Lab as Lab
    from netlab.lab import load as load
    from netlab.records import RunRecord as RunRecord
    from netlab.records import Verdict as Verdict


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'netlab' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_WHERE[name]), name)
