"""Whether labs can run on a host over SSH: paramiko, which speaks it."""

from __future__ import annotations

from netlab.probes import Finding, Probe


class Ssh(Probe):
    """Imports paramiko. Whether a host can be reached is told by `netlab run LAB --on ssh://HOST` itself."""

    question = "Can netlab speak SSH (--on ssh://HOST, vagrant:)?"
    group = "targets"

    def probe(self) -> Finding:
        """Import it."""
        try:
            import paramiko
        except ImportError as error:
            return Finding("no", f"import paramiko: {error}", "pip install paramiko beside netlab")
        return Finding("yes", f"paramiko {paramiko.__version__}")
