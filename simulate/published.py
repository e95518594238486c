"""The two public data formats of isoconfigurational ensembles, read as they are.

- Bapst et al., Nature Physics 16, 448 (2020): one pickle per configuration (`read_deepmind`).
- Shiba et al., J. Chem. Phys. 158, 084503 (2023), "BOTAN": one .npz per configuration (`read_botan`).

A pickle can run code when it is opened, so it is opened by a loader that admits numpy arrays and plain containers only.
"""

import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core import multiarray

from simulate.files import layout, provenance, store
from simulate.stage import command, options
from simulate.stage.command import InputError

# The number density at which the BOTAN configurations were made; their files do not carry the box.
BOTAN_DENSITY = 1.2


@dataclass
class Ensemble:
    """An isoconfigurational ensemble: one configuration and where its runs went.

    positions (N, 3), types (N,) 0 = A 1 = B, box (3,), time (M,), targets (M, R, N, 3) unwrapped,
    temperature or None, is_values (M,) the F_s at each time, where the file has them.
    """

    positions: np.ndarray
    types: np.ndarray
    box: np.ndarray
    time: np.ndarray
    targets: np.ndarray
    temperature: float | None = None
    is_values: np.ndarray | None = None


class _ArraysOnly(pickle.Unpickler):
    """Unpickles numpy arrays, numpy scalars and plain containers; refuses every other global."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name in ("_reconstruct", "scalar"):
            return getattr(multiarray, name)
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def load_pickle(path: str | Path) -> Any:
    """Return the object of a pickle that holds numpy arrays and plain containers only.

    Raises InputError where it asks for anything else, or is damaged.
    """
    provenance.note_input(path)
    try:
        with open(path, "rb") as file:
            return _ArraysOnly(file).load()
    except OSError:
        raise
    except Exception as error:  # A damaged pickle raises nearly anything.
        raise InputError(
            f"{path}: refused: expected a whole pickle of numpy arrays and plain containers only ({error})"
        ) from None


def read_deepmind(path: str | Path) -> Ensemble:
    """Read one configuration of Bapst et al.: ten times, those at which F_s takes the `is_values`.

    The times are returned in increasing order, `is_values` in the same order (0.9 first, 1/e between 0.4 and 0.3).
    """
    content = load_pickle(path)
    names = ("positions", "types", "box", "time", "time_indices", "is_values", "trajectory_target_positions")
    if not isinstance(content, dict) or any(name not in content for name in names):
        raise InputError(f"{path}: expected a dictionary with {', '.join(names)}")
    try:
        time = np.asarray(content["time"], dtype=np.float64)[np.asarray(content["time_indices"], dtype=int)]
        order = np.argsort(time)
        runs = content["trajectory_target_positions"]
        targets = np.stack([np.asarray(runs[index], dtype=np.float32) for index in order])
        metadata = content.get("metadata")
        temperature = metadata.get("temperature") if isinstance(metadata, dict) else None
        ensemble = Ensemble(
            positions=np.asarray(content["positions"], dtype=np.float64),
            types=layout.types(content["types"], str(path)),
            box=layout.box(content["box"], str(path)),
            time=time[order],
            targets=targets,
            temperature=None if temperature is None else float(temperature),
            is_values=np.asarray(content["is_values"], dtype=np.float64)[order],
        )
    except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        raise InputError(f"{path}: arrays do not fit together: {error}") from None
    return _checked(ensemble, path)


def read_botan(path: str | Path, time: float | None = None) -> Ensemble:
    """Read one configuration of the BOTAN set: 32 runs at one time, which its file does not carry.

    `time` is that time (NaN where not given). The temperature is read from the file's name
    (`isoconfig_N4096T0.44_1_tc07.npz`); the box is cubic at number density 1.2.
    """
    layout.archive(path)
    provenance.note_input(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {name: file[name] for name in ("types", "initial_positions", "positions") if name in file}
    except Exception as error:  # A damaged archive raises nearly anything, a hostile one asks for all memory.
        raise InputError(f"{path}: expected a whole .npz of plain arrays ({error})") from None
    missing = {"types", "initial_positions", "positions"} - set(content)
    if missing:
        raise InputError(f"{path}: expected arrays types, initial_positions, positions; no {sorted(missing)[0]!r}")
    named = re.search(r"T(\d+\.\d+)", Path(path).name)
    types = layout.types(content["types"], str(path))
    edge = (types.size / BOTAN_DENSITY) ** (1 / 3)
    try:
        start, targets = content["initial_positions"].astype(np.float64), content["positions"].astype(np.float32)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: expected arrays of numbers ({error})") from None
    ensemble = Ensemble(
        positions=start,
        types=types,
        box=np.full(3, edge),
        time=np.array([np.nan if time is None else time]),
        targets=targets[np.newaxis],
        temperature=float(named.group(1)) if named else None,
    )
    return _checked(ensemble, path)


def _checked(ensemble: Ensemble, path: str | Path) -> Ensemble:
    n, times = ensemble.types.size, len(ensemble.time)
    if ensemble.types.shape != (n,) or n == 0:
        raise InputError(f"{path}: types have shape {ensemble.types.shape}, expected (N,) with N > 0")
    if ensemble.positions.shape != (n, 3):
        raise InputError(f"{path}: positions have shape {ensemble.positions.shape}, expected ({n}, 3)")
    if ensemble.targets.ndim != 4 or (ensemble.targets.shape[0], *ensemble.targets.shape[2:]) != (times, n, 3):
        raise InputError(f"{path}: runs have shape {ensemble.targets.shape}, expected ({times}, runs, {n}, 3)")
    layout.finite("positions", ensemble.positions, str(path))
    layout.finite("trajectory_target_positions", ensemble.targets, str(path))
    return ensemble


def converted(
    path: str | Path, temperature: float | None, time: float | None, is_values: list[float] | None
) -> Ensemble:
    """Return a public file's ensemble at a known temperature, at the times where F_s takes `is_values` (None: all).

    `time` is that of a BOTAN file. Raises InputError where the temperature or the time is unknown, the temperature is
    another than the one the file or its name carries, or a value is absent or no other than the one before.
    """
    botan = Path(path).suffix == ".npz"
    ensemble = read_botan(path, time) if botan else read_deepmind(path)
    if botan and time is None:
        raise InputError(f"{path}: the file does not carry its time, expected --time")
    known = ensemble.temperature
    # Names carry three decimals.
    if known is not None and temperature is not None and abs(known - temperature) > 5e-4:
        raise InputError(f"{path}: temperature {known:g}, as the file or its name says, expected {temperature:g}")
    ensemble.temperature = temperature if known is None else known
    if ensemble.temperature is None:
        raise InputError(f"{path}: the file does not carry its temperature, expected --temperature")
    if is_values is not None:
        if ensemble.is_values is None:
            raise InputError(f"{path}: --is-values: the file does not carry values of F_s")
        absent = [value for value in is_values if not np.isclose(ensemble.is_values, value, atol=5e-3).any()]
        if absent:
            raise InputError(f"{path}: no time with F_s = {absent[0]}, expected one of {ensemble.is_values.round(4)}")
        chosen = np.unique([np.abs(ensemble.is_values - value).argmin() for value in is_values])
        if len(chosen) < len(is_values):
            raise InputError(f"{path}: --is-values: {is_values}, expected values that each have a time of their own")
        ensemble.time, ensemble.targets = ensemble.time[chosen], ensemble.targets[chosen]
        ensemble.is_values = ensemble.is_values[chosen]
    return ensemble


def main() -> None:
    parser = options.Parser(prog="simulate.published", description="A public file as a sample and an ensemble of ours.")
    parser.add_argument("input", help="a .pickle of Bapst et al. or an .npz of the BOTAN set")
    parser.add_argument("--sample", required=True, help="output: the configuration")
    parser.add_argument("--ensemble", required=True, help="output: its isoconfigurational runs")
    parser.add_argument("--temperature", type=options.positive, help="where file and name carry none, else theirs")
    parser.add_argument("--time", type=options.positive, help="of a BOTAN file's runs")
    parser.add_argument("--is-values", type=options.positive, nargs="+", help="only the times with these F_s")
    arguments = parser.parse_args()
    found = converted(arguments.input, arguments.temperature, arguments.time, arguments.is_values)
    settings = options.settings(arguments, leave_out=("sample", "ensemble")) | {"temperature": found.temperature}
    if arguments.is_values is not None:
        settings["is_values"] = sorted(arguments.is_values, reverse=True)
    start = {"positions": found.positions, "types": found.types, "box": found.box}
    store.write(arguments.sample, "sample", start, settings)
    runs = {**start, "time": found.time, "trajectory_target_positions": found.targets}
    if found.is_values is not None:
        runs["is_values"] = found.is_values
    store.write(arguments.ensemble, "isoconfigurational", runs, settings)


if __name__ == "__main__":
    command.run(main)
