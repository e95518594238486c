"""Who may import whom: data < training < models < commands, no circle; what needs no torch; `fast` is not needed."""

import ast
import os
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("data", "training", "models")


def imports() -> dict[str, set[str]]:
    """Return, for every module of the room, the modules of the room that it imports when it is loaded."""
    paths = sorted((ROOT / "learn").rglob("*.py"))
    name = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths}
    found: dict[str, set[str]] = {}
    for path in paths:
        tree = ast.parse(path.read_text())
        named = set()
        for node in tree.body:
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                named |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        # A package is named by every import from it: only names that are no module in it count as its own.
        packages = {module for module in named if any(other.startswith(f"{module}.") for other in named)}
        found[name[path]] = (named & set(name.values())) - packages - {name[path]}
    return found


def floor(module: str) -> int:
    part = module.split(".")[1] if "." in module else "data"
    return FLOORS.index(part) if part in FLOORS else len(FLOORS)


def test_no_import_runs_up_and_none_in_a_circle():
    found = imports()
    for module, others in found.items():
        for other in others - {"learn.models"}:
            assert floor(other) <= floor(module), f"{module} imports {other}"
    # Every order that this gives imports what it needs first; a circle has none.
    assert list(TopologicalSorter(found).static_order())


def test_names_of_models_need_no_torch():
    code = "import sys, learn.models; print(sorted({'torch', 'openmm', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_everything_works_without_what_is_written_for_speed(tmp_path):
    """The folder is gone: the room's tests but its own pass, training included."""
    for part in ("simulate", "learn", "analysis", "tests", "benchmarks", "docs", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    shutil.rmtree(tmp_path / "learn/models/bapst2020/fast")
    (tmp_path / "tests/learn/test_fast.py").unlink()
    names = ("bapst2020", "train", "checkpoint", "predict", "evaluate", "import_checkpoint", "add_a_model")
    tests = [f"tests/learn/test_{name}.py" for name in names]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(command, cwd=tmp_path, env=clean, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
