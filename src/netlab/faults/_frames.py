"""What faults on the wire ask of frames: that they are as a wire would carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlab.errors import StepError

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


def refuse_offloads(ground: Ground, attempt: str, verb: str) -> None:
    """Raises: StepError, where a host leaves to its NIC what would have made its frames what a wire carries."""
    unfinished = [name for name, host in ground.topology.hosts.items() if host.offloads]
    if unfinished:
        raise StepError(
            f"{attempt}: {', '.join(unfinished)} leaves checksums and segmentation to its NIC, so that what "
            f"is on the wire cannot {verb}; leave `offloads` out"
        )
