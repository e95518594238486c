"""The length over which a network's prediction responds to its surroundings, from the tables of analysis.shells.

    python -m analysis.response_length TABLE.csv [TABLE.csv ...] --output OUT.csv
        [--temperatures T ...] [--times t ...] [--graphs graphs.h5]

One row per table, time, kind and delta: the length xi of rms_change = c exp(-shell / xi), in the unit of the shells
(edges, or sigma_AA for metric ones). It is the length of the network, not a measured correlation length.
"""

import argparse
import csv
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from simulate import command, store
from simulate.command import InputError

COLUMNS = (
    "temperature", "time", "kind", "delta", "length", "length_error", "fit_from", "fit_to", "n_shells",
    "largest_shell", "box_limit",
)  # fmt: skip
NEEDED = ("kind", "shell", "delta", "n_particles", "rms_change")


@dataclass
class Decay:
    """A fitted decay length with its standard error, and the shells it was fitted to. NaN where nothing decays."""

    length: float
    error: float
    fit_from: float
    fit_to: float
    n_shells: int


def decay(shell: np.ndarray, change: np.ndarray, n_particles: np.ndarray) -> Decay:
    """Return xi of change = c exp(-shell / xi), by weighted least squares of log(change) (S,) on `shell`.

    A root mean square over n particles is taken to be known to 1 / sqrt(2 n) (exact for Gaussian changes); where the
    points scatter more than that about the line, the error is enlarged by sqrt(chi^2 / degrees of freedom). Shells with
    fewer than half of the largest n, cut down by the box, are left out. Two shells at least; infinite if
    the change does not fall.
    """
    used = (change > 0) & (n_particles >= 0.5 * n_particles.max(initial=0)) & (n_particles > 0)
    x, y, n = shell[used], np.log(change[used]), n_particles[used]
    if len(x) < 2:
        return Decay(np.nan, np.nan, np.nan, np.nan, len(x))
    weight = 2.0 * n
    centre = np.average(x, weights=weight)
    spread = (weight * (x - centre) ** 2).sum()
    slope = (weight * (x - centre) * y).sum() / spread
    residual = y - np.average(y, weights=weight) - slope * (x - centre)
    excess = (weight * residual**2).sum() / (len(x) - 2) if len(x) > 2 else 1.0
    error = np.sqrt(max(1.0, excess) / spread)
    limits = float(x.min()), float(x.max()), len(x)
    if slope >= 0:
        return Decay(np.inf, np.nan, *limits)
    return Decay(-1 / slope, error / slope**2, *limits)


def read(path: str | Path) -> list[dict]:
    """Return the rows of a table of analysis.shells, numbers as float.

    Raises InputError where a column is missing or holds something else than a number.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{path}: no column {missing[0]!r}, expected a table of analysis.shells")
        try:
            return [{k: v if k == "kind" else float(v or "nan") for k, v in row.items()} for row in reader]
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None


def lengths(rows: list[dict]) -> list[dict]:
    """Return one row per time, kind and delta, with the columns of the file (but temperature and box limit)."""

    def curve(row: dict) -> tuple[str, str, str]:
        return str(row.get("time", "nan")), row["kind"], str(row["delta"])

    found = []
    for _, group in groupby(sorted(rows, key=curve), key=curve):
        points = list(group)
        shell, change, n = (np.array([row[name] for row in points]) for name in ("shell", "rms_change", "n_particles"))
        fit = decay(shell, change, n)
        found.append(
            {
                "time": points[0].get("time", np.nan),
                "kind": points[0]["kind"],
                "delta": points[0]["delta"],
                "length": fit.length,
                "length_error": fit.error,
                "fit_from": fit.fit_from,
                "fit_to": fit.fit_to,
                "n_shells": fit.n_shells,
                "largest_shell": shell[n == n.max()].max(),
            }
        )
    return found


def box_limit(graphs: str | Path, metric: bool) -> float:
    """Return how far a shell may reach in the smallest box of a graphs.h5: L/2 in sigma, or L/2 over the cutoff."""
    from learn import dataset

    edges = [dataset.load(graphs, name).graph.box.min() for name in dataset.samples(graphs)]
    return min(edges) / 2 / (1 if metric else dataset.settings(graphs)["cutoff"])


def main() -> None:
    """Read the arguments, compute, write."""
    parser = argparse.ArgumentParser(prog="python -m analysis.response_length", description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", help="tables of analysis.shells (.csv)")
    parser.add_argument("--output", required=True, help=".csv to write")
    parser.add_argument("--temperatures", nargs="+", help="one per table")
    parser.add_argument("--times", nargs="+", help="one per table, where the table has no column of times")
    parser.add_argument("--graphs", help="graphs.h5 of the configurations: states the limit of the box")
    parser.add_argument("--metric", action="store_true", help="the shells are distances")
    arguments = parser.parse_args()
    labels = {"temperature": arguments.temperatures, "time": arguments.times}
    for name, given in labels.items():
        if given is not None and len(given) != len(arguments.tables):
            raise InputError(f"--{name}s: {len(given)} given for {len(arguments.tables)} tables")
    limit = box_limit(arguments.graphs, arguments.metric) if arguments.graphs else np.nan
    rows = []
    for index, path in enumerate(arguments.tables):
        given = {name: values[index] for name, values in labels.items() if values is not None}
        rows += [{"temperature": "", **row, **given, "box_limit": limit} for row in lengths(read(path))]
    with store.replacing(arguments.output) as path, open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(f"{row['kind']}: length {row['length']:.3g} +- {row['length_error']:.2g}, {row['n_shells']} shells")


if __name__ == "__main__":
    command.run(main)
