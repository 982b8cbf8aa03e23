"""Imports go one way (docs/architecture.md): this reads them from the source and holds them to it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "netlab"
MODULES = sorted(SOURCE.rglob("*.py"))
PLUGIN_FOLDERS = ("steps", "faults", "expectations", "outputs", "probes", "targets")
SLOW = ("pyroute2", "paramiko", "pydantic", "ruamel", "asyncio", "rich", "typer", "yaml")


def imports(path: Path, top_only: bool = False) -> Iterator[str]:
    """Every module name that a file imports; with `top_only` not those inside functions or for type checkers."""
    tree = ast.parse(path.read_text())
    nodes = list(tree.body) if top_only else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(path: Path) -> str:
    """The package of netlab that a file belongs to: "kernel", "steps", or "" for a top module."""
    relative = path.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_the_kernel_package_imports_pyroute2(path: Path) -> None:
    if part(path) != "kernel":
        assert not [name for name in imports(path) if name.split(".")[0] == "pyroute2"]


@pytest.mark.parametrize("folder", PLUGIN_FOLDERS)
def test_plugins_of_a_folder_do_not_import_each_other(folder: str) -> None:
    for path in (SOURCE / folder).glob("[a-z]*.py"):
        others = {other.stem for other in (SOURCE / folder).glob("[a-z]*.py")} - {path.stem}
        named = {name.split(".")[2] for name in imports(path) if name.startswith(f"netlab.{folder}.")}
        assert not named & others, f"{path} imports {named & others}"


@pytest.mark.parametrize("package", ["wire", "judge", "expectations", "outputs", "lab", "steps", "faults"])
def test_what_must_run_anywhere_imports_no_kernel_at_its_top(package: str) -> None:
    for path in (SOURCE / package).rglob("*.py"):
        bad = [name for name in imports(path, top_only=True) if name.startswith(("netlab.kernel", "netlab.agent"))]
        assert not bad, f"{path} imports {bad}"


@pytest.mark.parametrize("package", ["wire", "judge", "kernel", "agent", "steps", "faults", "expectations", "lab"])
def test_nothing_below_imports_the_command_line(package: str) -> None:
    for path in (SOURCE / package).rglob("*.py"):
        assert not [name for name in imports(path) if name.startswith(("netlab.cli", "netlab.orchestrator"))], path


@pytest.mark.parametrize(
    "module",
    ["netlab", "netlab.session", "netlab.agent.launcher", "netlab.records", "netlab.targets", "netlab.remote.choice"],
)
def test_nothing_slow_on_the_way_to(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {SLOW!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
