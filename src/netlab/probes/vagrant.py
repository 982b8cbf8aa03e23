"""Whether labs can run in a Vagrant VM: the way of macOS and Windows, and of a kernel of one's own."""

from __future__ import annotations

import shutil

from netlab.probes import Finding, Probe


class Vagrant(Probe):
    """Looks for the command and for programs that run VMs. Vagrant takes seconds to answer anything, so it is not asked
    which of its plugins are installed: `netlab vm up` does."""

    question = "Is there Vagrant, for labs in a VM (--on vagrant:)?"
    group = "targets"

    def probe(self) -> Finding:
        """Look on the PATH, and where such programs are installed."""
        from netlab.targets._vagrant_providers import PROVIDERS, installed, remedy

        where = shutil.which("vagrant")
        if where is None:
            return Finding("no", "not on the PATH", remedy())
        plugins = {provider.plugin for provider in PROVIDERS.values()}
        found = installed(plugins)
        if not found:
            return Finding("no", f"{where}, and nothing that it could run a VM on", remedy())
        return Finding("yes", f"{where}, with {', '.join(found)}")
