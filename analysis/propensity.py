"""Propensities of one isoconfigurational ensemble, and how far their noise lets anything predict them.

    python -m analysis.propensity ENSEMBLE OUT.h5

ENSEMBLE is our isoconfigurational.h5, or a public file as it is (.pickle of Bapst et al., .npz of BOTAN).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulate import published
from simulate.files import layout, store
from simulate.liquid.kob_andersen import SPECIES
from simulate.liquid.statistics import ceiling, displacements, reliability, standard_error
from simulate.stage import command, options
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


def read(path: str | Path, time: float | None = None) -> tuple[Propensity, np.ndarray, dict]:
    """Return the propensities of an ensemble file, its types, and the settings it carries with `n_runs`.

    `time` is that of a BOTAN file, which does not carry it (NaN where not given).
    Raises InputError for fewer than two runs, and where arrays are missing or do not fit together.
    """
    path = Path(path)
    if path.suffix not in (".npz", ".pickle", ".pkl"):
        return _read_ours(path)
    command.check_file(path)
    ensemble = published.read_botan(path, time) if path.suffix == ".npz" else published.read_deepmind(path)
    n_runs = _checked_runs(ensemble.targets.shape[1], path)
    result = of_ensemble(ensemble.positions, ensemble.types, ensemble.time, iter(ensemble.targets))
    return result, ensemble.types, {"temperature": ensemble.temperature, "n_runs": n_runs}


def _read_ours(path: Path) -> tuple[Propensity, np.ndarray, dict]:
    name = "trajectory_target_positions"
    with store.opened(path, "isoconfigurational") as file:
        found = store.arrays(file, ("types", "positions", "time"), ())
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


def main() -> None:
    parser = options.Parser(prog="python -m analysis.propensity", description=__doc__.splitlines()[0])
    parser.add_argument("ensemble", help="isoconfigurational.h5, or a public .pickle or .npz")
    parser.add_argument("output", help="the propensity file to write (.h5)")
    parser.add_argument("--time", type=options.positive, help="time of a BOTAN .npz, whose file does not carry it")
    arguments = parser.parse_args()
    if arguments.time is not None and Path(arguments.ensemble).suffix != ".npz":
        raise InputError(f"--time: {arguments.ensemble} carries its own times; expected a BOTAN .npz")
    result, types, settings = read(arguments.ensemble, arguments.time)
    write(arguments.output, result, types, settings)
    for index, time in enumerate(result.time):
        ceilings = ", ".join(f"{name} {values[index]:.3f}" for name, values in result.ceiling.items())
        print(f"t = {time:g}: {settings['n_runs']} runs, noise ceiling {ceilings}")


if __name__ == "__main__":
    command.run(main)
