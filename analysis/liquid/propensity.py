"""The propensities of an isoconfigurational ensemble: run averages, their errors and their noise ceiling."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulate.files import layout, public, store
from simulate.liquid.kob_andersen import SPECIES
from simulate.liquid.statistics import ceiling, displacements, reliability, standard_error
from simulate.stage import command
from simulate.stage.command import InputError


@dataclass
class Propensity:
    """Run averages of one ensemble: arrays as the file of kind `propensity` holds them (M times, N particles)."""

    time: np.ndarray
    propensity: np.ndarray
    standard_error: np.ndarray
    reliability: dict[str, np.ndarray]

    @property
    def ceiling(self) -> dict[str, np.ndarray]:
        """Noise ceiling per species, (M,)."""
        return {name: ceiling(reliability) for name, reliability in self.reliability.items()}


def of_ensemble(start: np.ndarray, types: np.ndarray, time: np.ndarray, targets: Iterator[np.ndarray]) -> Propensity:
    """Return the propensities of an ensemble: the mean over runs of |r_i(t) - r_i(0)|.

    (Widmer-Cooper, Harrowell, Fynewever, Phys. Rev. Lett. 93, 135701 (2004).) `start` (N, 3), `types` (N,),
    `time` (M,), `targets` one array (R, N, 3) unwrapped per time, R >= 2.
    """
    propensity, error = [], []
    reliabilities: dict[str, list[float]] = {name: [] for name in SPECIES}
    for target in targets:
        moved = displacements(start, target)
        propensity.append(moved.mean(axis=0))
        error.append(standard_error(moved))
        for name, species in SPECIES.items():
            reliabilities[name].append(reliability(moved[:, types == species]))
    return Propensity(
        np.asarray(time, dtype=np.float64),
        np.array(propensity),
        np.array(error),
        {name: np.array(values) for name, values in reliabilities.items()},
    )


def of_published(time: np.ndarray, propensity: np.ndarray) -> Propensity:
    """Return propensities (M, N) published without their runs: how noisy they are is not known."""
    unknown = {name: np.full(len(time), np.nan) for name in SPECIES}
    return Propensity(np.asarray(time, float), propensity, np.full(propensity.shape, np.nan), unknown)


def read(path: str | Path, time: float | None = None) -> tuple[Propensity, np.ndarray, dict]:
    """Return the propensities of an ensemble file, its types, and the settings it carries with `n_runs` (or None).

    `time` is that of a BOTAN file, which does not carry it (NaN where not given), or the one of a GlassBench file.
    Raises InputError for fewer than two runs, and where arrays are missing or do not fit together.
    """
    path = Path(path)
    if path.suffix not in public.SUFFIXES:
        return _read_ours(path)
    command.check_file(path)
    found = public.ensemble(path, None if time is None else [time])
    types, settings = found.start.types, {"temperature": found.start.temperature}
    if found.propensity is not None:
        return of_published(found.time, found.propensity), types, settings | {"n_runs": None}
    targets = np.asarray(found.targets)
    n_runs = _checked_runs(targets.shape[1], path)
    result = of_ensemble(found.start.positions, types, found.time, iter(targets))
    return result, types, settings | {"n_runs": n_runs}


def _read_ours(path: Path) -> tuple[Propensity, np.ndarray, dict]:
    name = "trajectory_target_positions"
    with store.opened(path, "isoconfigurational") as file:
        found = store.arrays(file, ("types", "positions", "time"), ())
        if "propensity" in file:
            told = store.arrays(file, ("propensity",), ())["propensity"]
            return of_published(found["time"], told), found["types"], {**store.described(file)[0], "n_runs": None}
        if name not in file:
            raise InputError(f"{path}: no array {name!r}; it holds {', '.join(file)}")
        n_runs = _checked_runs(file[name].shape[1], path)
        settings, _ = store.described(file)
        # One time after the other: the whole array may be larger than memory.
        each = (layout.finite(name, targets, f"{path}: time {index}") for index, targets in enumerate(file[name]))
        result = of_ensemble(found["positions"], found["types"], found["time"], each)
    return result, found["types"], {**settings, "n_runs": n_runs}


def _checked_runs(n_runs: int, path: Path) -> int:
    if n_runs < 2:
        raise InputError(f"{path}: {n_runs} run, expected at least 2: one run has no noise ceiling")
    return n_runs


def write(path: str | Path, result: Propensity, types: np.ndarray, settings: dict, seed: int | None = None) -> None:
    """Write a file of kind `propensity`."""
    arrays = {
        "types": types,
        "time": result.time,
        "propensity": result.propensity,
        "standard_error": result.standard_error,
    }
    arrays |= {f"reliability_{name}": values for name, values in result.reliability.items()}
    arrays |= {f"ceiling_{name}": values for name, values in result.ceiling.items()}
    store.write(path, "propensity", arrays, settings, seed=seed)
