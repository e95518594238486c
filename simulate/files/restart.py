"""Restart files: a long stage's state beside its output, so that a killed stage goes on where it was.

`OUTPUT.restart` is written whole or not at all, is declared to no workflow, and is removed once the output stands.
It carries the settings it was made with; under other settings it is ignored. It is not written at every restart point:
a job at paper scale passes a hundred thousand of them.
"""

import hashlib
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from simulate.files import provenance, store
from simulate.stage.command import InputError, Interrupted, stop_requested

KIND = "restart"
# At least so many seconds lie between two writings of a restart file: no more than that is lost to a kill.
INTERVAL = 20.0
_last: dict[Path, float] = {}


def path(output: str | Path) -> Path:
    """Return the restart file that belongs to an output."""
    output = Path(output)
    return output.with_name(output.name + ".restart")


def save(output: str | Path, settings: Mapping, arrays: Mapping[str, np.ndarray], where: str) -> None:
    """Replace the restart file of `output`, unless it is recent; `where` names the point for people.

    Raises Interrupted, with the file written, where the process has been asked to stop.
    """
    file, stop = path(output), stop_requested()
    if stop or time.monotonic() - _last.get(file, -INTERVAL) >= INTERVAL:
        store.write(file, KIND, {**arrays, "seconds": np.array(provenance.elapsed())}, _key(settings))
        _last[file] = time.monotonic()
    if stop:
        raise Interrupted(f"stopped at {where}; {path(output)} is written: the same command goes on from there")


def load(output: str | Path, settings: Mapping) -> dict[str, np.ndarray] | None:
    """Return the arrays of a restart file made with the same settings and package versions, or None."""
    file = path(output)
    if not file.exists():
        return None
    try:
        contents = store.read(file, KIND)
    except InputError as error:
        print(f"restart file ignored: {error}", file=sys.stderr, flush=True)
        return None
    other = _difference(contents.settings, json.loads(json.dumps(_key(settings))))
    if other:
        print(f"{file}: ignored, it was made with other settings ({other})", file=sys.stderr, flush=True)
        return None
    provenance.carry_on(float(contents.arrays.pop("seconds", 0.0)))
    print(f"going on from {file}", file=sys.stderr, flush=True)
    return contents.arrays


def remove(output: str | Path) -> None:
    """Remove the restart file, once the output stands."""
    path(output).unlink(missing_ok=True)


def fingerprint(*arrays: np.ndarray) -> str:
    """Return a hash of arrays: the start of a run, as one of its settings."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _key(settings: Mapping) -> dict:
    versions = provenance.versions()
    return {**settings, "numpy": versions.get("numpy"), "openmm": versions.get("openmm")}


def _difference(found: Mapping, expected: Mapping) -> str:
    differing = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
    return ", ".join(differing)
