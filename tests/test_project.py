"""The project as a whole: pins agree, packages are ours, small stages start fast, rooms know whom they may."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from simulate.liquid import kob_andersen
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(requirement.split("==") for requirement in PROJECT["dependencies"])


# What conda-forge calls by another name.
ON_PYPI = {
    "freud": "freud-analysis",
    "matplotlib-base": "matplotlib",
    "pytorch": "torch",
    "pytorch_scatter": "torch-scatter",
}


def environment(path) -> dict[str, str]:
    """Return the packages of a conda file, by their names on PyPI, with their versions."""
    entries = [entry for entry in yaml.safe_load(path.read_text())["dependencies"] if entry != "pip"]
    pip = [requirement for entry in entries if isinstance(entry, dict) for requirement in entry["pip"]]
    found = dict(re.split("=+", entry) for entry in [*pip, *(entry for entry in entries if isinstance(entry, str))])
    return {ON_PYPI.get(name, name): version for name, version in found.items() if name != "python"}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_environments_pin_what_pyproject_pins(path):
    """To the second number: conda-forge builds the third ones it likes."""
    pinned = PINS | dict(requirement.split("==") for requirement in PROJECT["optional-dependencies"]["scatter"])
    for name, version in environment(path).items():
        assert pinned[name] == version or pinned[name].startswith(f"{version}."), name


def test_lock_agrees_with_pyproject():
    lock = dict(line.split("==") for line in (ROOT / "envs/lock.txt").read_text().splitlines())
    lock = {name.lower().replace("_", "-"): version for name, version in lock.items()}
    tests = dict(requirement.split("==") for requirement in PROJECT["optional-dependencies"]["test"])
    assert {name: lock[name.lower()] for name in PINS | tests} == PINS | tests


@pytest.mark.parametrize("name", ["simulate", "learn", "analysis"])
def test_packages_are_the_repositorys_own(name):
    assert importlib.import_module(name).__path__[0] == str(ROOT / name)


@pytest.mark.parametrize(
    "module",
    [
        "analysis.propensity",
        "analysis.metrics",
        "learn.graph",
        "learn.data.splits",
        "learn.models",
        "analysis.accounts.costs",
        "simulate.files.folder",
    ],
)
def test_small_stages_start_light(module):
    """Without the packages that take seconds to import."""
    code = f"import sys, {module}; sys.exit(bool({{'torch', 'openmm', 'mdtraj'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def imports(path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize(
    ("room", "unknown"),
    [
        ("simulate", {"learn", "analysis", "snakemake", "torch"}),
        ("learn", {"analysis", "snakemake"}),
        ("analysis", {"snakemake"}),
    ],
)
def test_rooms_know_only_whom_they_may(room, unknown):
    for path in (ROOT / room).rglob("*.py"):
        assert not imports(path) & unknown, path


@pytest.mark.parametrize(
    "path", sorted([ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]), ids=lambda path: path.name
)
def test_rules_import_neither_torch_nor_openmm(path):
    """Every cluster job reads the rules again. What they import is tested above; functions may where they must."""
    found = set(re.findall(r"^(?:import|from) (\w+(?:\.\w+)*)", path.read_text(), re.MULTILINE))
    assert not {name.split(".")[0] for name in found} & {"torch", "openmm"}
    assert {name for name in found if name.startswith(("simulate", "learn", "analysis"))} <= {
        "simulate.files",
        "simulate.stage.command",
        "learn.data.splits",
        "learn.models",
        "analysis.accounts.costs",
    }


def test_catalog_says_where_the_workflow_is():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["software-stack-deployment"]["conda"]
    for name in ("workflow/Snakefile", "config/README.md", "workflow/schemas/config.schema.yaml"):
        assert (ROOT / name).is_file()


def test_the_workflow_knows_how_far_the_potential_reaches():
    """The rules, which every job of a cluster reads again, import no simulation: they repeat this one number."""
    text = (ROOT / "workflow/rules/configuration.smk").read_text()
    (reach,) = re.findall(r"^POTENTIAL_CUTOFF = ([\d.]+)$", text, re.MULTILINE)
    assert float(reach) == kob_andersen.LONGEST_CUTOFF
