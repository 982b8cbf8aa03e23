"""Faults: what can go wrong with a host or a link, one fault a file, each with its healing.

        inject(ground) ──▶ state ──▶ heal(ground, state)

Rules: a fault is a frozen dataclass like a step; what it found before it struck is the `state` that `inject` returns
and `heal` gets back, so that healing restores what was there and nothing else, reads it back, and raises where it
differs. `inject` returns when the fault is in effect, `heal` when traffic really flows again. A fault changes nothing
outside the run's own namespaces. Kernel modules are imported inside the methods. Faults never import each other.

`_template.py` is the fault that does nothing: copy it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from netlab.fields import STRICT, doc
from netlab.registry import Registry

if TYPE_CHECKING:
    from netlab.agent.ground import Ground
    from netlab.impairment import Impairment
    from netlab.presets import Way

__all__ = ["FAULTS", "STRICT", "Fault", "doc"]


@dataclass(frozen=True, kw_only=True)
class Fault(ABC):
    """Something that goes wrong, and comes right again."""

    word: ClassVar[str]
    healing: ClassVar[str]
    """The verb that heals it, "replug". `- replug: TARGET` heals the newest one on that target; `- heal: ID` any."""
    target: ClassVar[str]
    """The name of the field that says what it hits; a bare scalar goes there too."""
    example: ClassVar[str] = ""
    """Entries of `steps` that inject and heal it, as YAML."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """Words of probes/ that must pass before a lab with this fault can run, whatever its fields say."""
    colour: ClassVar[str] = "red"
    """Its colour in timelines and reports."""
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    @property
    def hits(self) -> str:
        """What it hits, as the lab file names it: "server.nic-a"."""
        return str(getattr(self, self.target))

    @property
    def needs_besides(self) -> frozenset[str]:
        """Words of probes/ that it needs as its fields are."""
        return frozenset()

    @property
    def cables(self) -> tuple[str, ...]:
        """NICs whose cables it will impair: they must be built so that they can be (see kernel/plan.py)."""
        return ()

    @property
    def asks(self) -> dict[tuple[str, Way], Impairment]:
        """What it asks of each direction of such a cable, so that what makes no sense together is told before a run."""
        return {}

    @abstractmethod
    async def inject(self, ground: Ground) -> Any:
        """Strike; return what heal needs to put everything back. Raises: KernelError, StepError."""

    @abstractmethod
    async def heal(self, ground: Ground, state: Any) -> None:
        """Put back what was there, and check that it is. Raises: KernelError, StepError."""


FAULTS: Registry[Fault] = Registry("netlab.faults", Fault)


def healings() -> dict[str, str]:
    """Healing verb to fault word: {"replug": "unplug", "resume": "pause", …}."""
    return {fault.healing: word for word, fault in FAULTS.all().items()}
