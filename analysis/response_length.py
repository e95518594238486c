"""The length over which a network's prediction responds to its surroundings, from the answers of analysis.shells.

    python -m analysis.response_length RESPONSES.h5 ... --output OUT.csv

All files are of one network (`analysis.shells --responses`), one or more shells each. A row per time and curve: the
length xi of change = c exp(-x / xi). The curves:

removal, gap, gradient   root mean square change of the prediction against shell; x in edges, or in sigma_AA (metric)
sensitivity              root mean square |d prediction_i / d r_j| against the distance r_ij; x in sigma_AA

`length_error`: standard deviation over a bootstrap of configurations, then of the marked particles in each; `misfit`:
the root mean square distance of log(change) from the line: the curve is an exponential only where it is small.
`control`: empty, or why the network had nothing to learn. `box_limit`: from where on there is no answer: the shell at
which the surroundings of half of the marked particles wrap around the box (edges), or L/2. It is the length of the
network, not a measured correlation length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.liquid.decay import decay
from simulate.files import store, tables
from simulate.liquid import statistics
from simulate.stage import command, options
from simulate.stage.command import InputError

COLUMNS = (
    "temperature", "control", "seed", "time", "kind", "unit", "delta", "length", "length_error", "fit_from", "fit_to",
    "n_points", "misfit", "n_particles", "box_limit",
)  # fmt: skip
ARRAYS = ("time", "full", "configuration", "wraps_from", "kind", "shell", "delta", "changed")
# The sensitivity is fitted from the first neighbours on; below this part of its maximum it is rounding.
FIRST, SMALLEST = 1.0, 1e-6


@dataclass
class Curve:
    """One quantity against x (S,): squares and counts (S, M, P) of M times and P marked particles, summed over P."""

    kind: str
    unit: str
    delta: float
    x: np.ndarray
    squares: np.ndarray
    counts: np.ndarray
    box_limit: float

    def at(self, weights: np.ndarray) -> np.ndarray:
        """Return the root mean square (S, M), marked particles counted `weights` (P,) times; NaN without any."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt((self.squares @ weights) / (self.counts @ weights))


def fitted(curve: Curve) -> np.ndarray:
    """Return which points (S, M) of a curve are fitted.

    Shells known for fewer than half as many marked particles as the best known one, cut down by the box, are left
    out; of a sensitivity, distances below `FIRST` and all from where it first is rounding only.
    """
    known = (curve.counts > 0).sum(axis=2)
    used = (known >= 0.5 * known.max()) & (known > 0)
    if curve.kind == "sensitivity":
        size = curve.at(np.ones(curve.counts.shape[2]))
        used &= curve.x[:, None] >= FIRST
        used &= np.logical_and.accumulate(~(size < SMALLEST * np.nanmax(size, axis=0, initial=0)), axis=0)
    return used


def lengths(
    curve: Curve, configuration: np.ndarray, time: np.ndarray, n_resamples: int = statistics.RESAMPLES
) -> list[dict]:
    """Return one row per time, with the columns of the file but the network's. `configuration` (P,): where each is."""
    used = fitted(curve)
    whole = curve.at(np.ones(len(configuration)))
    resampled = [curve.at(weights) for weights in statistics.resamples(configuration, n_resamples)]
    rows = []
    for index, t in enumerate(time):
        fit = decay(curve.x, whole[:, index], used[:, index])
        again = np.array([decay(curve.x, sizes[:, index], used[:, index]).length for sizes in resampled])
        # A resample that does not fall has no length: the error is then unknown, not small.
        rows.append(
            {
                "time": t,
                "kind": curve.kind,
                "unit": curve.unit,
                "delta": curve.delta,
                **fit._asdict(),
                "length_error": again.std() if np.isfinite(again).all() else np.nan,
                "n_particles": int((curve.counts[:, index] > 0).any(axis=0).sum()),
                "box_limit": curve.box_limit,
            }
        )
    return rows


def read(paths: Sequence[str | Path]) -> tuple[list[Curve], np.ndarray, np.ndarray]:
    """Return the curves of one network, the configuration (P,) of each marked particle, and the times (M,).

    Raises InputError where the files are not of the same marked particles and times.
    """
    files = [store.read(path, "responses", ARRAYS) for path in paths]
    first = files[0]
    points: dict[tuple[str, str, str], dict[float, np.ndarray]] = {}
    for path, file in zip(paths, files, strict=True):
        for name in ("time", "full", "configuration"):
            if file[name].shape != first[name].shape or not np.allclose(file[name], first[name], rtol=1e-3):
                raise InputError(
                    f"{path}: its {name} differs from {paths[0]}, expected one network and the same marked particles"
                )
        unit = "sigma" if file.settings["metric"] else "edges"
        for kind, shell, delta, changed in zip(*(file[name] for name in ARRAYS[4:]), strict=True):
            change = changed if kind == b"gradient" else changed - file["full"]
            points.setdefault((kind.decode(), unit, str(delta)), {})[float(shell)] = change
    wraps_from = [file["wraps_from"] for file in files if not file.settings["metric"]]
    limits = {"sigma": first.settings["half_box"], "edges": float(np.median(wraps_from[0])) if wraps_from else np.nan}
    curves = [_curve(kind, unit, delta, of, limits[unit]) for (kind, unit, delta), of in points.items()]
    curves += [_sensitivity(file) for file in files if "squares" in file.arrays]
    return curves, first["configuration"], first["time"]


def _curve(kind: str, unit: str, delta: str, changes: dict[float, np.ndarray], box_limit: float) -> Curve:
    x = np.array(sorted(changes))
    change = np.array([changes[shell] for shell in x])
    return Curve(kind, unit, float(delta), x, np.nan_to_num(change**2), np.isfinite(change).astype(float), box_limit)


def _sensitivity(file: store.Contents) -> Curve:
    squares = file["squares"].transpose(1, 0, 2)
    x = (np.arange(len(squares)) + 0.5) * file.settings["bin_width"]
    counts = np.broadcast_to(file["pairs"][:, None], squares.shape).astype(float)
    return Curve("sensitivity", "sigma", np.nan, x, squares, counts, file.settings["half_box"])


def main() -> None:
    parser = options.Parser(prog="python -m analysis.response_length", description=__doc__.splitlines()[0])
    parser.add_argument("responses", nargs="+", help="files of analysis.shells --responses (.h5), of one network")
    parser.add_argument("--output", required=True, help=".csv to write")
    arguments = parser.parse_args()
    curves, configuration, time = read(arguments.responses)
    settings = store.read(arguments.responses[0], "responses").settings
    about = {"temperature": settings["temperature"]}
    about |= {name: settings["model"].get(name, "") for name in ("control", "seed")}
    rows = [row for curve in curves for row in lengths(curve, configuration, time)]
    tables.write(arguments.output, COLUMNS, (about | row for row in rows))
    for row in rows:
        print(f"t = {row['time']:g}, {row['kind']}: {row['length']:.3g} +- {row['length_error']:.2g} {row['unit']}")


if __name__ == "__main__":
    command.run(main)
