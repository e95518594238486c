"""How heterogeneous a propensity field is, measured and predicted: distribution, susceptibility, spatial correlation.

    python -m analysis.heterogeneity graphs.h5 OUT.h5 --predictions predictions.h5 ... [--table OUT.csv]

Over the predicted (test) configurations and A particles. Every quantity is given of both fields, `_true` and
`_predicted`; those of the table and C(r) also with a standard error, `_error`, by the jackknife over configurations.
chi_4(t) of the trajectories themselves is in relaxation.h5 (analysis.relaxation).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis.liquid import propensity_field as fields
from analysis.liquid.decay import decay
from learn.data import dataset
from simulate.files import store, tables
from simulate.liquid.box import minimum_image
from simulate.liquid.statistics import jackknife_error, susceptibility
from simulate.stage import command, options
from simulate.stage.command import InputError

BIN_WIDTH = 0.2
# Distance from which on the correlation is fitted: that of the first neighbours.
FIRST = 1.0
# Values of propensity over its mean.
HISTOGRAM_EDGES = np.linspace(0, 5, 101)
SUMMARY = ("mean", "relative_width", "susceptibility", "correlation_length")


def spatial_covariance(
    positions: np.ndarray, box: np.ndarray, values: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return sum of dv_i dv_j over the pairs i < j by distance bin, (M, B), and their number (B,).

    `values` (M, N), dv_i = v_i minus the mean of the configuration, so that the sum over all pairs is -1/2 of the sum
    of dv_i^2: at large distances the covariance is slightly negative, as in any closed box.
    """
    deviation = values - values.mean(axis=1, keepdims=True)
    total, count = np.zeros((len(values), len(edges) - 1)), np.zeros(len(edges) - 1, dtype=int)
    # Row by row: all distances of 4096 particles at once need 400 MB.
    for i in range(len(positions) - 1):
        distance = np.linalg.norm(minimum_image(positions[i + 1 :] - positions[i], box), axis=1)
        inside = (distance >= edges[0]) & (distance < edges[-1])
        bins = np.searchsorted(edges, distance[inside], side="right") - 1
        count += np.bincount(bins, minlength=len(count))
        for time, row in enumerate(deviation):
            total[time] += row[i] * np.bincount(bins, row[i + 1 :][inside], minlength=len(count))
    return total, count


def correlation_length(r: np.ndarray, correlation: np.ndarray, smallest: float = 0.02) -> float:
    """Return xi of C(r) = c exp(-r / xi), least squares of log C from FIRST to where C falls below `smallest`.

    NaN where fewer than four bins are left or C does not fall.
    """
    far = r >= FIRST
    fit = decay(r, correlation, far & ~np.logical_or.accumulate(far & ~(correlation > smallest)))
    return fit.length if fit.n_points >= 4 and np.isfinite(fit.length) else np.nan


class Part(NamedTuple):
    """One field of one configuration: values (M, N_A); noise: the mean squared standard error (M,), zero for a
    prediction; covariance (M, B) summed over pairs and their number (B,), of `spatial_covariance`.
    """

    values: np.ndarray
    noise: np.ndarray
    covariance: np.ndarray
    n_pairs: np.ndarray


def describe(parts: Sequence[Part], r: np.ndarray) -> dict[str, np.ndarray]:
    """Return what characterises a field over configurations: arrays over M times; `r` (B,) are the distances.

    C(r) is divided by the variance within configurations less the noise. (Noise common to neighbours, from runs in
    which they move together, stays in C(r); it falls as 1 / runs.) The distribution is that of propensity / mean, noise
    included. The susceptibility N var(mean propensity of a configuration) / <propensity>^2 is the structural part of
    the fluctuations of the dynamics (Berthier and Jack, Phys. Rev. E 76, 041509 (2007)).
    """
    means = np.array([part.values.mean(axis=1) for part in parts])
    mean = means.mean(axis=0)
    variance = np.mean([part.values.var(axis=1) - part.noise for part in parts], axis=0)
    scaled = np.concatenate([part.values / mean[:, None] for part in parts], axis=1)
    count = np.sum([part.n_pairs for part in parts], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.sum([part.covariance for part in parts], axis=0) / count / variance[:, None]
    density = [np.histogram(row, HISTOGRAM_EDGES)[0] / (len(row) * np.diff(HISTOGRAM_EDGES)) for row in scaled]
    return {
        "mean": mean,
        "relative_width": scaled.std(axis=1),
        "susceptibility": susceptibility(means, parts[0].values.shape[1]) / mean**2,
        "correlation": correlation,
        "correlation_length": np.array([correlation_length(r, row) for row in correlation]),
        "density": np.array(density),
    }


def with_errors(parts: Sequence[Part], r: np.ndarray) -> dict[str, np.ndarray]:
    """Return what describes a field, with jackknife errors of the quantities in `SUMMARY` and the correlation.

    NaN for fewer than three configurations: two leave one each, whose spread does not tell the variance between them.
    """
    found = describe(parts, r)
    left_out = [
        describe([*parts[:index], *parts[index + 1 :]], r) for index in range(len(parts) if len(parts) > 2 else 0)
    ]
    for name in (*SUMMARY, "correlation"):
        each = np.array([rest[name] for rest in left_out])
        found[f"{name}_error"] = jackknife_error(each) if left_out else np.full(found[name].shape, np.nan)
    return found


def compare(graphs: str | Path, predictions: Sequence[str | Path]) -> dict[str, np.ndarray]:
    """Return the arrays of the file: time (M,), r (B,), bins of the distribution, and `with_errors` of both fields.

    Raises InputError where the files do not belong together.
    """
    read = fields.read_all(graphs, predictions)
    edges = np.arange(0, min(one.box.min() for one in read) / 2 + 1e-9, BIN_WIDTH)
    parts: dict[str, list[Part]] = {"true": [], "predicted": []}
    with command.progress(len(read), "heterogeneity", "sample") as bar:
        for one in read:
            chosen = one.types == 0
            if not chosen.any():
                raise InputError(f"{graphs}: {one.sample} has no A particles")
            both = np.concatenate([one.truth[:, chosen], one.prediction[:, chosen]])
            total, pairs = spatial_covariance(one.positions[chosen], one.box, both, edges)
            noise = (one.standard_error[:, chosen] ** 2).mean(axis=1)
            halves = zip(np.split(both, 2), (noise, 0 * noise), np.split(total, 2), strict=True)
            for name, (values, error, covariance) in zip(parts, halves, strict=True):
                parts[name].append(Part(values, error, covariance, pairs))
            bar.update()
    r = (edges[1:] + edges[:-1]) / 2
    n_pairs = np.sum([part.n_pairs for part in parts["true"]], axis=0)
    arrays = {"time": read[0].time, "r": r, "n_pairs": n_pairs, "density_edges": HISTOGRAM_EDGES}
    for name, of in parts.items():
        arrays |= {f"{quantity}_{name}": values for quantity, values in with_errors(of, r).items()}
    return arrays


def table(arrays: dict[str, np.ndarray], temperature: float) -> list[dict]:
    """Return one row per time and field, with the quantities of SUMMARY and their errors."""
    return [
        {"temperature": temperature, "time": time, "field": field}
        | {f"{name}{end}": arrays[f"{name}{end}_{field}"][index] for end in ("", "_error") for name in SUMMARY}
        for index, time in enumerate(arrays["time"])
        for field in ("true", "predicted")
    ]


def main() -> None:
    parser = options.Parser(prog="python -m analysis.heterogeneity", description=__doc__.splitlines()[0])
    parser.add_argument("graphs", help="graphs.h5")
    parser.add_argument("output", help="OUT.h5")
    parser.add_argument("--predictions", nargs="+", required=True, help="predictions.h5 of one or more times")
    parser.add_argument("--table", help="one row per time and field (.csv)")
    arguments = parser.parse_args()
    arrays = compare(arguments.graphs, arguments.predictions)
    temperature = dataset.settings(arguments.graphs)["temperature"]
    store.write(arguments.output, "heterogeneity", arrays, {"temperature": temperature, "bin_width": BIN_WIDTH})
    if arguments.table:
        rows = table(arrays, temperature)
        tables.write(arguments.table, list(rows[0]), rows)
    for index, time in enumerate(arrays["time"]):
        widths = ", ".join(f"{f}: width {arrays[f'relative_width_{f}'][index]:.3f}" for f in ("true", "predicted"))
        print(f"t = {time:g}: {widths} of the mean")


if __name__ == "__main__":
    command.run(main)
