# Where the workflow itself lies: it may be called from another folder, by address, or as a module of another workflow.
import importlib.util
import os
import sys
from pathlib import Path

import yaml
from snakemake.utils import update_config

PACKAGES = ("simulate", "learn", "analysis")


HERE = workflow.current_basedir
# By address only the rules come: the code is then that of the installed packages.
WITH_CODE = isinstance(HERE, os.PathLike)
FOLDER = Path(HERE).parent.parent if WITH_CODE else None


def source(name):
    """A file of the workflow; relative where it lies below the working directory."""
    if not WITH_CODE:
        return workflow.source_path(f"../../{name}")
    path = FOLDER / name
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def code(*names):
    """Modules as input: an edit of them reruns the rule."""
    return [source(name) for name in names] if WITH_CODE else []


def make_importable():
    """Let `python -m simulate...` find the packages beside the Snakefile, or else the installed ones."""
    if not WITH_CODE:
        if importlib.util.find_spec("simulate") is None:
            sys.exit(
                "error: python: the workflow's packages are not installed, expected them where only its rules come"
            )
        return
    # Python looks into the working directory first.
    hiding = [] if Path.cwd() == FOLDER else [name for name in PACKAGES if Path(name, "__init__.py").exists()]
    if hiding:
        sys.exit(
            f"error: {Path(hiding[0]).absolute()}: hides the workflow's package of that name, expected another name"
        )
    sys.path.insert(0, str(FOLDER))
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path not in ("", str(FOLDER))]
    os.environ.update(PYTHONPATH=os.pathsep.join([str(FOLDER), *others]))


def complete(given):
    """A module's configuration says only what differs from config.yaml, like a --configfile."""
    whole = yaml.safe_load(Path(source("config.yaml")).read_text())
    update_config(whole, given)
    given.update(whole)


make_importable()
if not workflow.modifier.is_main_snakefile():
    complete(config)
