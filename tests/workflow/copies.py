"""The workflow in another folder, on a configuration that takes seconds; and whether two of its runs are the same."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import torch
import yaml
from matplotlib import image

from tests.conftest import ROOT

PARTS = ("Snakefile", "config.yaml", "workflow", "envs", "simulate", "learn", "analysis")

# Everything that the default run has, as small as it goes: 2 configurations to train, 1 to validate, 1 to test on.
TINY = {
    "pathvars": {"results": "results"},
    "temperatures": [1.2],
    "samples": 4,
    "runs": 4,
    "times": [0.15, "1 tau_alpha"],
    "liquid": {"particles": 160},
    "machine": {"device": "cpu"},
    "equilibration": {"melt_time": 1, "cooling_time": 1, "relaxation_times": 5, "allow_unequilibrated": True},
    "relaxation": {"samples": 1, "duration": 3},
    "networks": {"pairs": {"layers": 1, "members": 2, "steps": 4}, "bapst2020": {"recipe": "published", "epochs": 4}},
    "baselines": ["energy", "ridge"],
    "shells": {"shells": [1], "deltas": [0.1], "particles": 10},
}


def copy(folder: Path) -> Path:
    """Put the workflow and its tiny configuration into a new folder."""
    folder.mkdir(parents=True)
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    return folder


def command(more: str = "") -> tuple[list[str], dict[str, str]]:
    """Return what `make` calls, with this interpreter's programs first in PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = "snakemake --cores 2 --rerun-incomplete --show-failed-logs --configfile tiny.yaml"
    call = ["bash", "-c", f". workflow/unlock.sh; exec python -P -m {run} {more}"]
    return call, os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"}


def files(results: Path) -> list[Path]:
    """Return every file of a run, but for what says how long jobs took, relative to the results."""
    found = (path.relative_to(results) for path in results.rglob("*") if path.is_file())
    return sorted(path for path in found if path.parts[0] not in ("logs", "benchmarks"))


def content(path: Path) -> dict:
    """Return what a file says, by name, but for when, where and how fast it was made."""
    if path.suffix == ".h5":
        return _hdf5(path)
    if path.suffix == ".pt":
        found = torch.load(path, weights_only=True)
        found.pop("provenance")
        return {"rest": repr(found), **{name: array.numpy() for name, array in found["weights"].items()}}
    if path.name.endswith(".provenance.json"):
        return {"command": json.loads(path.read_text())["command"]}
    if path.suffix == ".svg":
        return {"text": re.sub("<dc:description>.*?</dc:description>", "", path.read_text(), flags=re.S)}
    if path.suffix == ".png":
        return {"pixels": image.imread(path)}
    if path.suffix == ".html":
        # The report carries the provenance of figures and files.
        return {"figures": len(re.findall("<figure", path.read_text()))}
    return {"bytes": path.read_bytes()}


def _hdf5(path: Path) -> dict:
    found = {}

    def add(name: str, item) -> None:
        for key, value in item.attrs.items():
            if key != "provenance":
                found[f"{name}@{key}"] = json.loads(value) if key == "settings" else value
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path, "r") as file:
        add("", file)
        file.visititems(add)
    return found


def differences(first: Path, second: Path) -> list[str]:
    """Return in which files and arrays two runs' results differ, to the last bit; empty where they are the same."""
    if files(first) != files(second):
        return [f"only in one: {path}" for path in sorted(set(files(first)) ^ set(files(second)))]
    found = []
    for path in files(first):
        one, other = content(first / path), content(second / path)
        if one.keys() != other.keys():
            found.append(f"{path}: {sorted(one.keys() ^ other.keys())} in one only")
        found += [f"{path}: {name}" for name in one.keys() & other.keys() if not _equal(one[name], other[name])]
    return found


def _equal(one, other) -> bool:
    if isinstance(one, np.ndarray | np.generic) and isinstance(other, np.ndarray | np.generic):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return one == other
