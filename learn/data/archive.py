"""Reduced configurations in one compact file: what is learned from and scored on, without the runs themselves.

A file of kind `archive` holds configurations of one temperature and is never rewritten: more of them go to another.
At the top: `time` (M,), attribute `temperature`, the settings of the stages, and in the group `relaxation` what the
set's relaxation runs gave (`RELAXATION`; K lags). Every other group is one configuration, named as its sample, with
attributes `identity` (its split follows from that, as everywhere), `n_runs`, `seed`, what is known of its
equilibrium (`EVIDENCE`), `provenance` (by stage: platform, commit, versions, seconds; JSON), and the arrays

    types (N,)  box (3,)  positions (N, 3) in the box  inherent_positions (N, 3) near them, float32
    halves (2, M, N)        mean displacement |r_i(t) - r_i(0)| over the first R // 2 runs, and over the rest
    standard_error (M, N)   of their mean, the propensity
    overlap (M, R)          share of the A particles that have moved less than 0.3 sigma, of every run
    F_s (M,)                of A particles at k = 7.25, mean over the runs
    reliability_A, reliability_B (M,)   of the propensity (`simulate.liquid.statistics.reliability`)

What all particles of a run have in common is independent between the halves, so that the mean of their product holds
no noise. Displacements are stored in 12 bits, linear between the least and the largest of a time, errors in 8 bits,
linear in their logarithm: both far below the standard error (tests/learn/test_archive.py).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from simulate.files import layout, store
from simulate.liquid.box import wrap
from simulate.liquid.kob_andersen import evaluate
from simulate.stage.command import InputError

KIND = "archive"
EVIDENCE = ("energy_drift", "F_s_since_quench", "rms_displacement", "crystalline_fraction")
RELAXATION = ("time", "F_s", "F_s_error", "msd", "tau_alpha", "tau_alpha_error", "F_s_first_half", "F_s_last_half")
PLAIN = ("types", "box", "overlap", "F_s", "reliability_A", "reliability_B")
BITS = {"halves": 12, "standard_error": 8}
PACKED = {"compression": "gzip", "compression_opts": 9, "shuffle": True}


def write(
    path: str | Path,
    samples: Mapping[str, Mapping],
    time: np.ndarray,
    temperature: float,
    relaxation: Mapping[str, np.ndarray],
    settings: Mapping,
) -> None:
    """Write configurations by name: the arrays of a group, plain, and beside them its attributes.

    Raises FileExistsError where the file is there: archives are never rewritten.
    """
    if Path(path).exists():
        raise FileExistsError(f"{path}: is there already; archives are never rewritten, expected a new name")
    with store.create(path, KIND, settings) as file:
        file["time"], file.attrs["temperature"] = time, temperature
        for key in RELAXATION:
            file[f"relaxation/{key}"] = relaxation[key]
        for name, sample in samples.items():
            group = file.create_group(name)
            inside = wrap(sample["positions"], sample["box"])
            quenched = sample["inherent_positions"] + (inside - sample["positions"])
            for key, array in (("positions", inside), ("inherent_positions", quenched)):
                group.create_dataset(key, data=array.astype(np.float32), **PACKED)
            for key in PLAIN:
                group[key] = sample[key]
            _quantise(group, "halves", sample["halves"])
            _quantise(group, "standard_error", np.log(np.maximum(sample["standard_error"], 1e-6)))
            for key in ("identity", "n_runs", "seed", *EVIDENCE):
                group.attrs[key] = sample[key]
            group.attrs["provenance"] = json.dumps(sample["provenance"])


def _quantise(group: h5py.Group, name: str, values: np.ndarray) -> None:
    """Store values (..., M, N) as integers, each time (M,) between its least and its largest value."""
    others = tuple(axis for axis in range(values.ndim) if axis != values.ndim - 2)
    low, high = values.min(axis=others), values.max(axis=others)
    step = np.maximum(high - low, 1e-12) / (2 ** BITS[name] - 1)
    numbers = np.rint((values - low[:, None]) / step[:, None])
    kept = group.create_dataset(name, data=numbers.astype("u2" if BITS[name] > 8 else "u1"), **PACKED)
    kept.attrs["low"], kept.attrs["step"] = low, step


def _restore(group: h5py.Group, name: str) -> np.ndarray:
    with store.reading(group.file.filename):
        kept = group[name]
        low, step = (np.asarray(kept.attrs[key], dtype=np.float64) for key in ("low", "step"))
        return kept[()] * step[:, None] + low[:, None]


class Contents(NamedTuple):
    """What an archive holds: its temperature, times (M,), and the names of its configurations."""

    temperature: float
    time: np.ndarray
    names: list[str]


def contents(path: str | Path) -> Contents:
    """Return what an archive holds. Raises InputError for a file that is none."""
    with store.opened(path, KIND) as file:
        names = [name for name in file if "identity" in file[name].attrs]
        return Contents(float(file.attrs["temperature"]), file["time"][()], names)


def read(path: str | Path, name: str) -> dict[str, Any]:
    """Return the arrays of one configuration, with `time`, `temperature`, its attributes and what follows from both.

    propensity (M, N): mean over all runs; inherent_energy (N,), computed again.
    Raises InputError where the configuration is missing or damaged.
    """
    with store.opened(path, KIND) as file:
        if name not in file or "identity" not in file[name].attrs:
            raise InputError(f"{path}: no configuration {name!r}; it holds {', '.join(file)}")
        group = file[name]
        layout.check(f"{path}: {name}", group, layout.ARCHIVED)
        found: dict[str, Any] = store.arrays(group, (*PLAIN, "positions", "inherent_positions"), ())
        found |= {"halves": _restore(group, "halves"), "standard_error": np.exp(_restore(group, "standard_error"))}
        found |= {"time": file["time"][()], "temperature": np.array(file.attrs["temperature"])}
        found |= {key: np.array(group.attrs[key]) for key in ("n_runs", "seed", *EVIDENCE)}
        found |= {"identity": group.attrs["identity"], "provenance": json.loads(group.attrs["provenance"])}
    if len(found["F_s"]) != len(found["time"]):
        raise InputError(f"{path}: {name}: {len(found['F_s'])} times, expected {len(found['time'])}")
    found |= {key: found[key].astype(np.float64) for key in ("positions", "inherent_positions")}
    found["inherent_energy"] = evaluate(found["inherent_positions"], found["types"], found["box"]).energies
    first = found["n_runs"] // 2 / found["n_runs"]
    return found | {"propensity": first * found["halves"][0] + (1 - first) * found["halves"][1]}


def relaxation(path: str | Path) -> dict[str, np.ndarray]:
    """Return what the set's relaxation runs gave (`RELAXATION`)."""
    with store.opened(path, KIND) as file:
        return store.arrays(file["relaxation"], RELAXATION, ())


def settings(path: str | Path) -> dict:
    """Return the settings of the stages that made the configurations, by stage."""
    with store.opened(path, KIND) as file:
        return json.loads(file.attrs["settings"])
