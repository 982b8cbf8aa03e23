"""The kernel's side of netlab: namespaces, links, addresses, sysctls, nftables, the kernel's witnesses.

Rules: only this package imports pyroute2, and only the supervisor imports this package. Its functions block (each for
milliseconds) and are called from the supervisor's one thread, since entering a namespace is a property of the thread;
only `topology.build` has a second one help it, which is gone when it returns.

pyroute2 is used for its message classes. Importing any of them runs `pyroute2/__init__.py` first, which loads the whole
library (NDB, IPDB, plan9, multiprocessing: 130 ms); the classes alone take 15 ms. So this package puts pyroute2's bare
package module in place, whose `__init__` runs when somebody asks for a name that only it defines (PEP 562).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PYROUTE2 = "pyroute2"


def defer_package_init(package: str = PYROUTE2) -> None:
    """Let submodules of `package` be imported without running its `__init__`, until a name of its own is asked for."""
    spec = None if package in sys.modules else importlib.util.find_spec(package)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    module.__dict__["__getattr__"] = lambda name: _late_attribute(module, spec, name)
    sys.modules[package] = module


def _late_attribute(module: ModuleType, spec: ModuleSpec, name: str) -> Any:
    """What `module.name` is: a submodule, or else whatever the package's `__init__` makes it."""
    if name.startswith("__"):
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
    if importlib.util.find_spec(f"{module.__name__}.{name}") is not None:
        return importlib.import_module(f"{module.__name__}.{name}")
    del module.__dict__["__getattr__"]
    assert spec.loader is not None
    spec.loader.exec_module(module)
    return getattr(module, name)


defer_package_init()
