"""Radial distribution functions g_AA, g_AB, g_BB, computed by mdtraj, with their first peaks.

    python -m analysis.radial_distribution FILE [FILE ...] --output OUT.h5

Averages over every frame of every FILE: configurations and trajectories that `simulate.files.formats` reads.
"""

from collections.abc import Iterable
from pathlib import Path

import mdtraj
import numpy as np

from simulate import trajectory
from simulate.files import formats, store
from simulate.liquid.box import wrap
from simulate.liquid.kob_andersen import SIGMA
from simulate.stage import command, options
from simulate.stage.command import InputError

PAIRS = {"AA": (0, 0), "AB": (0, 1), "BB": (1, 1)}
BIN_WIDTH = 0.01
# Of the fit to a first peak, to either side.
FIT_WIDTH = 0.04


def radial_distribution(
    frames: Iterable[np.ndarray], types: np.ndarray, box: np.ndarray, r_max: float, bin_width: float = BIN_WIDTH
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return bin centres r (K,) and g_ab (K,) by pair, averaged over `frames`, each (N, 3) in any image.

        g_ab(r) = n_ab(r) V / (P_ab (4 pi / 3) ((r + w/2)^3 - (r - w/2)^3))

    with n_ab the pairs in a bin of width w and P_ab all their pairs (Hansen and McDonald, sec. 2.5), so that an ideal
    gas has g = 1 at any N. `r_max` must not exceed half the shortest edge. A pair without two particles gives NaN.
    """
    n_bins = int(r_max / bin_width)
    whole = trajectory.topology(types)
    pairs = {name: whole.select_pairs(f"name {name[0]}", f"name {name[1]}") for name in PAIRS}
    found: dict[str, list] = {name: [] for name in PAIRS}
    # Frame by frame: mdtraj holds all pair distances of what it is given at once.
    for positions in frames:
        frame = trajectory.frames(wrap(positions, box)[np.newaxis], types, box, np.zeros(1))
        for name, group in pairs.items():
            bins = {"r_range": (0, n_bins * bin_width), "n_bins": n_bins}
            found[name].append(mdtraj.compute_rdf(frame, group, **bins)[1] if len(group) else np.full(n_bins, np.nan))
    return (np.arange(n_bins) + 0.5) * bin_width, {name: np.mean(values, axis=0) for name, values in found.items()}


def first_peak(r: np.ndarray, g: np.ndarray, sigma: float) -> tuple[float, float]:
    """Return position and height of the first peak: the highest point below 1.4 `sigma`.

    The maximum of a cubic fitted by least squares to the bins within FIT_WIDTH of the highest one. NaN where the
    function still rises towards 1.4 `sigma`: g_BB at low temperature has a shoulder there, no peak of its own.
    """
    near = r < 1.4 * sigma
    if not np.isfinite(g[near]).all() or g[near].max(initial=0) == 0:
        return np.nan, np.nan
    top = int(g[near].argmax())
    if r[top] > 1.4 * sigma - 2 * FIT_WIDTH:
        return np.nan, np.nan
    fitted = np.abs(r - r[top]) <= FIT_WIDTH
    if fitted.sum() < 5:
        return float(r[top]), float(g[top])
    cubic = np.polynomial.Polynomial.fit(r[fitted], g[fitted], 3)
    grid = np.linspace(r[fitted][0], r[fitted][-1], 1001)
    best = cubic(grid).argmax()
    return float(grid[best]), float(cubic(grid[best]))


def read(path: str | Path, species: formats.Species = None) -> tuple[list[np.ndarray], formats.Configuration]:
    """Return the frames (each (N, 3)) of a file, and its last one; `species` where names do not tell (`formats.read`).

    Raises InputError where it is neither a configuration nor a trajectory of constant particles and volume.
    """
    found = list(formats.frames(path, species))
    last = found[-1]
    if any(not np.allclose(one.box, last.box, rtol=0, atol=1e-4) for one in found):
        raise InputError(f"{path}: the box changes from frame to frame, expected constant volume")
    if any(not np.array_equal(one.types, last.types) for one in found):
        raise InputError(f"{path}: particles change from frame to frame, expected the same ones in one order")
    return [one.positions for one in found], last


def over_files(
    paths: list[str | Path], r_max: float | None, bin_width: float, species: formats.Species = None
) -> tuple[np.ndarray, dict[str, np.ndarray], dict]:
    """Return r (K,), the mean g_ab (K,) over all frames of all files by pair, and their density and temperature.

    The temperature is None where it is not known or not one.
    Raises InputError where the box is smaller than 2 `r_max` or no bin fits.
    """
    found, weights, temperatures, limit, r, density = [], [], set(), r_max, np.empty(0), np.nan
    with command.progress(len(paths), "radial distribution", "file") as bar:
        for path in paths:
            frames, last = read(path, species)
            half = last.box.min() / 2
            limit = limit or half
            if limit > half + 1e-9:
                raise InputError(f"{path}: half the box edge is {half:.3f}, expected at least r_max {limit:g}")
            if bin_width > limit:
                raise InputError(f"{path}: bins of {bin_width:g}, expected at most the largest distance, {limit:.3f}")
            r, g = radial_distribution(frames, last.types, last.box, limit, bin_width)
            found.append(g)
            weights.append(len(frames))
            temperatures.add(last.temperature)
            density = len(last.types) / last.box.prod()
            bar.update()
    mean = {name: np.average([g[name] for g in found], axis=0, weights=weights) for name in PAIRS}
    return r, mean, {"density": density, "temperature": temperatures.pop() if len(temperatures) == 1 else None}


def main() -> None:
    parser = options.Parser(prog="python -m analysis.radial_distribution", description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", help="configurations or trajectories")
    formats.add_species(parser)
    parser.add_argument("--output", required=True, help=".h5 to write")
    parser.add_argument("--r-max", type=options.positive, help="largest distance (default: half the box edge)")
    parser.add_argument(
        "--bin-width", type=options.positive, default=BIN_WIDTH, help="in sigma_AA (default %(default)s)"
    )
    arguments = parser.parse_args()
    r, g, about = over_files(arguments.files, arguments.r_max, arguments.bin_width, arguments.species)
    peaks = {name: first_peak(r, g[name], SIGMA[species]) for name, species in PAIRS.items()}
    arrays = {"r": r} | {f"g_{name}": values for name, values in g.items()}
    arrays |= {f"first_peak_{name}": np.array(peak) for name, peak in peaks.items()}
    settings = {"files": [str(path) for path in arguments.files], "bin_width": arguments.bin_width}
    store.write(arguments.output, "radial_distribution", arrays, settings | about)
    for name, (position, height) in peaks.items():
        print(f"g_{name}: first peak {height:.2f} at r = {position:.3f}")


if __name__ == "__main__":
    command.run(main)
