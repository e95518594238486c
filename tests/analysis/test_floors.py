"""The room's floors: what commands are made of knows no command, no import runs up, and none runs in a circle."""

import ast
from graphlib import TopologicalSorter

import pytest

from tests.conftest import ROOT

# From the ground up; "" holds the commands.
FLOORS = ("liquid", "accounts", "ranges", "perturbation", "figures", "page", "")
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted((ROOT / "analysis").rglob("*.py"))
    if path.name != "__init__.py"
}


def imports(module):
    """Return the modules of the room that one imports."""
    found = set()
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & FILES.keys()


def floor(module):
    _, *folder, _ = module.split(".")
    return FLOORS.index("".join(folder))


@pytest.mark.parametrize("module", FILES)
def test_no_import_runs_up(module):
    assert {other for other in imports(module) if floor(other) > floor(module)} == set()


def test_no_import_runs_in_a_circle():
    list(TopologicalSorter({module: imports(module) for module in FILES}).static_order())


def test_a_file_directly_in_the_room_is_a_command():
    for module, path in FILES.items():
        if floor(module) == len(FLOORS) - 1:
            assert "command.run(main)" in path.read_text(encoding="utf-8"), module
