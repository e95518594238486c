"""Predicted against measured propensity: every A particle of the held-out configurations, one panel per time.

python -m analysis.figures.scatter results/T0.700/graphs.h5 MODEL/predictions.h5 [...] --output FIGURE.svg
"""

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.liquid import propensity_field as fields
from simulate.liquid.statistics import correlation
from simulate.stage import command

BINS = 60


def pooled(configurations: list[fields.Fields]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the times (M,), measured and predicted propensity (M, P) of the A particles of all configurations."""
    truth = np.concatenate([c.truth[:, c.types == 0] for c in configurations], axis=1)
    prediction = np.concatenate([c.prediction[:, c.types == 0] for c in configurations], axis=1)
    return configurations[0].time, truth, prediction


def histogram(truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges (BINS + 1,) common to both axes and the counts (BINS, BINS), first axis the measured values.

    The range leaves out one particle in a thousand on either side.
    """
    low, high = np.percentile(np.concatenate([truth, prediction]), (0.1, 99.9))
    edges = np.linspace(low, high, BINS + 1)
    return edges, np.histogram2d(truth, prediction, bins=(edges, edges))[0]


def draw(time: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> Figure:
    """Return the figure: density of particles over (measured, predicted), the diagonal, and Pearson's r over all."""
    columns = min(len(time), 2)
    rows = -(-len(time) // columns)
    figure, axes = style.subplots(rows, columns, height=rows * style.COLUMN / columns)
    for axis in axes.flat[len(time) :]:
        axis.remove()
    for axis, t, x, y in zip(axes.flat, time, truth, prediction, strict=False):
        edges, counts = histogram(x, y)
        axis.pcolormesh(edges, edges, np.ma.masked_equal(counts, 0).T, norm="log", rasterized=True)
        axis.plot(edges[[0, -1]], edges[[0, -1]], color="black", linewidth=0.6, linestyle="--")
        axis.set(aspect="equal", xlim=edges[[0, -1]], ylim=edges[[0, -1]])
        axis.locator_params(nbins=4)
        axis.set_title(rf"$t = {style.number(t)}\,\tau$")
        axis.text(0.05, 0.95, f"$r = {correlation(x, y):.2f}$", transform=axis.transAxes, va="top")
    figure.supxlabel(r"propensity in the simulation $(\sigma)$", fontsize=9)
    figure.supylabel(r"predicted propensity $(\sigma)$", fontsize=9)
    return figure


def table(time: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> list[dict]:
    """Return one row per time and occupied bin: its centre and the number of particles in it."""
    rows = []
    for t, x, y in zip(time, truth, prediction, strict=True):
        edges, counts = histogram(x, y)
        centre = (edges[1:] + edges[:-1]) / 2
        rows += [
            {"time": t, "truth": centre[i], "prediction": centre[j], "n_particles": int(counts[i, j])}
            for i, j in np.argwhere(counts)
        ]
    return rows


def caption(configurations: list[fields.Fields]) -> str:
    """Return the caption."""
    temperature = configurations[0].temperature
    at = "" if np.isnan(temperature) else f" at T = {style.number(temperature)}"
    particles = sum(int((c.types == 0).sum()) for c in configurations)
    return (
        f"Predicted against measured propensity (the mean distance a particle moves within t) of all {particles:,} A "
        f"particles in {len(configurations)} held-out configurations{at}. Colour: number of "
        "particles, logarithmic, bright is many. Dashed: prediction equals measurement. r: Pearson correlation over "
        f"all these particles (PCC all). {style.UNITS}"
    )


def main() -> None:
    parser = style.parser("scatter", __doc__)
    parser.add_argument("graphs", help="graphs.h5 of one temperature")
    parser.add_argument("predictions", nargs="+", help="predictions.h5; several where each holds one time")
    arguments = parser.parse_args()
    configurations = fields.read_all(arguments.graphs, arguments.predictions)
    pairs = pooled(configurations)
    style.save(draw(*pairs), arguments.output, table(*pairs), caption(configurations))


if __name__ == "__main__":
    command.run(main)
