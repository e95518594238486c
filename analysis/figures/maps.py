"""Slices through a configuration: propensity from the simulation beside the predicted one, short and long time.

python -m analysis.figures.maps results/T0.700/graphs.h5 MODEL/predictions.h5 [...] --output FIGURE.svg
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from scipy.spatial import cKDTree

from analysis.figures import inputs, style
from analysis.liquid import propensity_field as fields
from simulate.liquid import box as periodic
from simulate.liquid.statistics import correlation
from simulate.stage import command

# Pixels along an edge of the slice.
RESOLUTION = 400
# Of the A particles, those that are dotted: the most mobile ones.
SHARE = 0.1


def nearest_particles(configuration: fields.Fields) -> np.ndarray:
    """Return the particle nearest to each pixel of the plane z = L_z / 2, periodic: indices (RESOLUTION, RESOLUTION).

    The first axis is y, the second x: this is the plane's cut through the Voronoi cells.
    """
    steps = (np.arange(RESOLUTION) + 0.5) / RESOLUTION
    y, x = np.meshgrid(steps * configuration.box[1], steps * configuration.box[0], indexing="ij")
    pixels = np.stack([x, y, np.full_like(x, configuration.box[2] / 2)], axis=-1)
    tree = cKDTree(periodic.wrap(configuration.positions, configuration.box), boxsize=configuration.box)
    return tree.query(pixels)[1]


def cell_centres(configuration: fields.Fields, cells: np.ndarray) -> np.ndarray:
    """Return the middle (x, y) of each particle's cut in `cells`, (N, 2), NaN for cells that the plane does not cut."""
    box = configuration.box[:2]
    positions = periodic.wrap(configuration.positions, configuration.box)[:, :2]
    pixels = (np.indices(cells.shape)[::-1] + 0.5) / RESOLUTION * box[:, None, None]
    # A cell may reach around the border, so offsets from its particle are averaged.
    offsets = periodic.minimum_image(pixels.reshape(2, -1).T - positions[cells.ravel()], box)
    count = np.bincount(cells.ravel(), minlength=len(positions))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.stack([np.bincount(cells.ravel(), axis, len(positions)) / count for axis in offsets.T], axis=1)
    return periodic.wrap(positions + mean, box)


def most_mobile(truth: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Return the A particles among the SHARE with the largest `truth` (N,): indices, largest first."""
    candidates = np.flatnonzero(types == 0)
    order = candidates[np.argsort(-truth[candidates], kind="stable")]
    return order[: max(1, round(SHARE * len(candidates)))]


def draw(configuration: fields.Fields, indices: list[int]) -> Figure:
    """Return the figure: a row per time, the simulation's field on the left, the predicted one on the right."""
    cells = nearest_particles(configuration)
    centres = cell_centres(configuration, cells)
    in_plane = np.isfinite(centres[:, 0])
    figure, axes = style.subplots(len(indices), 2, height=0.68 * len(indices) * style.COLUMN, sharex=True, sharey=True)
    for row, index in zip(axes, indices, strict=True):
        mobile = most_mobile(configuration.truth[index], configuration.types)
        dots = centres[mobile[in_plane[mobile]]]
        for axis, field in zip(row, (configuration.truth[index], configuration.prediction[index]), strict=True):
            limits = np.percentile(field[(configuration.types == 0) & in_plane], (2, 98))
            image = _slice(axis, configuration, field[cells], cells, limits)
            axis.plot(*dots.T, "o", color="white", markeredgecolor="black", markersize=2.4, markeredgewidth=0.5)
            bar = figure.colorbar(image, ax=axis, location="bottom", aspect=18, pad=0.03, extend="both")
            bar.ax.locator_params(nbins=3)
            bar.set_label(r"propensity $(\sigma)$")
        row[0].set_ylabel(rf"$t = {style.number(configuration.time[index])}\,\tau$" + "\n" + r"$y\;(\sigma)$")
    for axis, name in zip(axes[0], ("simulation", "predicted"), strict=True):
        axis.set_title(name)
    for axis in axes[-1]:
        axis.set_xlabel(r"$x\;(\sigma)$")
    return figure


def _slice(
    axis: Axes, configuration: fields.Fields, values: np.ndarray, cells: np.ndarray, limits: np.ndarray
) -> AxesImage:
    values = np.ma.masked_where(configuration.types[cells] == 1, values)
    image = axis.imshow(
        values,
        origin="lower",
        extent=(0, configuration.box[0], 0, configuration.box[1]),
        vmin=limits[0],
        vmax=limits[1],
        interpolation="nearest",
    )
    axis.set_facecolor("#D8D8D8")
    return image


def table(configuration: fields.Fields, indices: list[int]) -> list[dict]:
    """Return one row per time and particle whose cell the plane cuts."""
    cut = np.unique(nearest_particles(configuration))
    position = periodic.wrap(configuration.positions, configuration.box)[cut]
    rows = []
    for index in indices:
        columns = {
            "particle": cut,
            "type": ["AB"[species] for species in configuration.types[cut]],
            **dict(zip("xyz", position.T, strict=True)),
            "truth": configuration.truth[index, cut],
            "prediction": configuration.prediction[index, cut],
            "most_mobile": np.isin(cut, most_mobile(configuration.truth[index], configuration.types)).astype(int),
        }
        rows += [{"time": configuration.time[index], **row} for row in inputs.rows(columns)]
    return rows


def caption(configuration: fields.Fields, indices: list[int]) -> str:
    """Return the caption, with the correlation of the two fields at each time."""
    a = configuration.types == 0
    scores = ", ".join(
        f"{correlation(configuration.truth[i, a], configuration.prediction[i, a]):.2f} at t = "
        f"{style.number(configuration.time[i])} τ"
        for i in indices
    )
    return (
        f"Where the particles will move: the plane z = L/2 through a configuration that the network was not trained on "
        f"({configuration.place}). Colour: propensity, the mean distance that a particle moves within the time t, "
        "averaged over the isoconfigurational runs (simulation) and foretold from the positions at t = 0 alone "
        "(predicted), from the 2nd to the 98th percentile of each slice; every point of the plane takes the value of "
        "the nearest particle, grey where that is a B particle. Dots, the same in both: cells of A particles "
        f"that are among the {100 * SHARE:g} % most mobile of the box in the simulation. "
        f"Correlation of both fields over all A particles of this configuration: {scores}. {style.UNITS}"
    )


def main() -> None:
    parser = style.parser("maps", __doc__)
    parser.add_argument("graphs", help="graphs.h5 of one temperature")
    parser.add_argument("predictions", nargs="+", help="predictions.h5; several where each holds one time")
    parser.add_argument("--sample", help="name of the sample, as s0000 (the first predicted)")
    arguments = parser.parse_args()
    configuration = fields.read(arguments.graphs, arguments.predictions, arguments.sample)
    indices = sorted({0, len(configuration.time) - 1})
    figure = draw(configuration, indices)
    style.save(figure, arguments.output, table(configuration, indices), caption(configuration, indices))


if __name__ == "__main__":
    command.run(main)
