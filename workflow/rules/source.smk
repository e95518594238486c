# Where the workflow itself lies: it may be called from another folder, by address, or as a module of another workflow.
import ast
import functools
import importlib.util
import os
import shlex
import sys
from pathlib import Path

import yaml
from snakemake.utils import update_config

PACKAGES = ("simulate", "learn", "analysis")


HERE = workflow.current_basedir
# By address only the rules come: the code is then that of the installed packages.
WITH_CODE = isinstance(HERE, os.PathLike)
FOLDER = Path(HERE).parent.parent if WITH_CODE else None
# Not as a module of another workflow, whose own rules are left alone.
if WITH_CODE:
    MAIN = Path(workflow.basedir).resolve() == FOLDER.resolve()
else:
    MAIN = HERE.get_path_or_uri(secret_free=True) == f"{workflow.basedir}/workflow/rules"


def source(name):
    """A file of the workflow; relative where it lies below the working directory."""
    if not WITH_CODE:
        return workflow.source_path(f"../../{name}")
    path = FOLDER / name
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


# What changes no number of what is made from trained models: how files are kept, commands parsed, networks trained.
NOT_FOLLOWED = ("simulate.files", "simulate.stage", "learn.train", "learn.training")


def code(*modules):
    """Commands as input: an edit of one, or of what it imports of ours, reruns the rule.

    For what is made from trained models only: simulations and trainings, and what they are made from, name no code.
    """
    return lambda wildcards: sorted({file for module in modules for file in followed(module)}) if WITH_CODE else []


@functools.cache
def followed(module):
    """The files of a module and of those that it imports, with the data beside them."""
    found, waiting = {}, [module]
    while waiting:
        name = waiting.pop()
        place = FOLDER / name.replace(".", "/")
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if name in found or not file.is_file() or name.startswith(NOT_FOLLOWED):
            continue
        found[name] = [file, *(data for kind in ("html", "js", "csv") for data in file.parent.glob(f"*.{kind}"))]
        waiting += named(file)
    return {source(file.relative_to(FOLDER)) for files in found.values() for file in files}


def named(file):
    """The modules that a file imports, or names as "package.module:class"."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(PACKAGES):
            yield node.value.partition(":")[0]


def make_importable():
    """Let jobs and this process import the packages beside the Snakefile, or else the installed ones."""
    if not WITH_CODE:
        if importlib.util.find_spec("simulate") is None:
            sys.exit(
                "error: python: the workflow's packages are not installed, expected them where only its rules come"
            )
        return ""
    if set("{}:\n") & set(str(FOLDER)):
        sys.exit(f"error: {FOLDER}: expected a folder without braces, colons and line breaks in its name")
    # Links to the packages alone: a random.py beside the Snakefile would hide Python's.
    packages = str(FOLDER / "workflow/packages")
    sys.path.insert(0, packages)
    # A module system's packages belong to another Python; those that another workflow needs stay.
    others = [] if MAIN else [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    os.environ.update(PYTHONPATH=os.pathsep.join(dict.fromkeys([packages, *others])))
    # Snakemake takes it from the jobs of conda environments.
    return f"export PYTHONPATH={shlex.quote(packages)}; "


def complete(given):
    """A module's configuration says only what differs from config.yaml, like a --configfile."""
    whole = yaml.safe_load(Path(source("config.yaml")).read_text(encoding="utf-8"))
    update_config(whole, given)
    given.update(whole)


IMPORTABLE = make_importable()
# What a notebook, a locale or a user's own packages have set ends no job.
os.environ.update(MPLBACKEND="agg", PYTHONUTF8="1", PYTHONNOUSERSITE="1", PYTHONOPTIMIZE="")
if not MAIN:
    complete(config)
