"""The conda environments of the rules hold what their commands import."""

import ast
import re
from importlib import metadata
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_project import environment

ROOMS = {"simulate", "learn", "analysis"}
# Imported where there; the code says what it does without.
OPTIONAL = {"tensorboard", "triton"}
RULE = re.compile(r"^ *rule (\w+):\n(.*?)(?=^ *rule |\Z)", re.MULTILINE | re.DOTALL)
DISTRIBUTIONS = metadata.packages_distributions()


# What the one rule of all figures calls.
FIGURES = [f"analysis.figures.{path.stem}" for path in (ROOT / "analysis/figures").glob("[a-z]*.py")]


def rules() -> dict[str, tuple[str, list[str]]]:
    """Return the environment file and the modules of every rule that calls some."""
    found = {}
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for name, body in RULE.findall(path.read_text()):
            modules = FIGURES if name == "figure" else re.findall(r"python -P -m ([\w.]+)", body)
            conda = re.search(r'conda:\s+"\.\./\.\./envs/([\w.]+)"', body)
            if name == "settings":
                # Prints the configuration, by the shell alone.
                assert "python" not in body
                continue
            assert modules, f"{path.name}: {name} calls no module"
            assert conda, f"{path.name}: {name} has no environment"
            found[name] = (conda[1], modules)
    return found


def plain(name: str) -> str:
    """Return the name of a distribution as package indexes compare it."""
    return name.lower().replace("_", "-")


def module_file(name: str) -> Path | None:
    for path in (ROOT.joinpath(*name.split(".")).with_suffix(".py"), ROOT.joinpath(*name.split("."), "__init__.py")):
        if path.exists():
            return path
    return None


def names(path: Path) -> set[str]:
    """Return every module that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def third_party(module: str) -> set[str]:
    """Return the distributions that a module of ours needs, through all that it imports."""
    seen, pending, needed = set(), [module], set()
    while pending:
        name = pending.pop()
        if name.split(".")[0] not in ROOMS:
            needed.add(name.split(".")[0])
        elif name not in seen and (path := module_file(name)):
            seen.add(name)
            pending += names(path)
    return {plain(DISTRIBUTIONS[name][0]) for name in needed - OPTIONAL if name in DISTRIBUTIONS}


@pytest.mark.parametrize("rule", rules())
def test_environment_holds_what_the_rule_imports(rule):
    file, modules = rules()[rule]
    needed = set().union(*map(third_party, modules))
    missing = needed - {plain(name) for name in environment(ROOT / "envs" / file)}
    assert not missing, f"{rule} needs {missing} in envs/{file}"
