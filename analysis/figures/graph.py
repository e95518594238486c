"""One configuration as the graph that the network sees, with the shells of one particle coloured.

python -m analysis.figures.graph results/T0.700/graphs.h5 [--sample s0000 --particle 12] --output FIGURE.svg
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures import inputs, style
from analysis.liquid import propensity_field as fields
from analysis.perturbation import surroundings
from learn.data import dataset
from learn.data.graph import Graph
from simulate.liquid import box as periodic
from simulate.stage import command, options
from simulate.stage.command import InputError

# Diameters at which the discs are drawn: smaller than the particles, so that the edges show.
DIAMETER = np.array([0.5, 0.36])
THICKNESS = 1.5
# Shells told apart by colour; those beyond are grey.
COLOURED = 4


def around(configuration: fields.Fields, centre: int) -> np.ndarray:
    """Return the positions (N, 3) relative to particle `centre`, each at its nearest periodic image."""
    return periodic.minimum_image(configuration.positions - configuration.positions[centre], configuration.box)


def nearest_to_plane(configuration: fields.Fields) -> int:
    """Return the A particle whose slice holds the most particles: a well-filled picture, the same in every run."""
    z = periodic.wrap(configuration.positions, configuration.box)[:, 2]
    offset = periodic.minimum_image(z[:, None] - z[None, :], configuration.box[2])
    counts = np.where(configuration.types == 0, (np.abs(offset) < THICKNESS / 2).sum(axis=0), -1)
    return int(np.argmax(counts))


def draw(configuration: fields.Fields, graph: Graph, shells: np.ndarray, centre: int) -> Figure:
    """Return the figure: the slice |z| < THICKNESS / 2 around `centre`, discs coloured by shell, edges between them."""
    relative = around(configuration, centre)
    inside = np.abs(relative[:, 2]) < THICKNESS / 2
    figure, ((axis,),) = style.subplots(1, 1, height=style.COLUMN)
    colours = [style.VERMILION, *style.ordered(COLOURED), *[style.GREY] * max(shells.max() - COLOURED, 0)]
    _draw_edges(axis, graph, relative, inside, shells, colours)
    chosen = np.flatnonzero(inside & (shells >= 0))
    diameter = DIAMETER[configuration.types[chosen]]
    discs = EllipseCollection(
        widths=diameter,
        heights=diameter,
        angles=np.zeros(len(chosen)),
        units="xy",
        offsets=relative[chosen, :2],
        transOffset=axis.transData,
        facecolors=[colours[shells[i]] for i in chosen],
        edgecolors="black",
        linewidths=0.4,
        zorder=3,
    )
    axis.add_collection(discs)
    half = configuration.box[:2] / 2
    axis.set(xlim=(-half[0], half[0]), ylim=(-half[1], half[1]), aspect="equal")
    axis.set(xlabel=r"$x - x_i\;(\sigma)$", ylabel=r"$y - y_i\;(\sigma)$")
    _legend(axis, shells, inside, colours)
    return figure


def _draw_edges(
    axis: Axes, graph: Graph, relative: np.ndarray, inside: np.ndarray, shells: np.ndarray, colours: list
) -> None:
    """Draw the edges within the slice that do not cross the picture's border, coloured by their outer shell."""
    kept = inside[graph.senders] & inside[graph.receivers] & (graph.senders < graph.receivers)
    pairs = np.stack([graph.senders[kept], graph.receivers[kept]], axis=1)
    ends, outer = relative[pairs], shells[pairs].max(axis=1)
    short = np.abs(ends[:, 0] - ends[:, 1]).max(axis=1) < 2.5
    lines = LineCollection(
        ends[short][:, :, :2], colors=[colours[shell] for shell in outer[short]], linewidths=0.5, alpha=0.45, zorder=1
    )
    axis.add_collection(lines)


def _legend(axis: Axes, shells: np.ndarray, inside: np.ndarray, colours: list) -> None:
    last = shells[inside].max()
    labels = ["$i$", *(f"$h = {shell}$" for shell in range(1, min(last, COLOURED) + 1))]
    if last > COLOURED:
        labels.append(rf"$h \geq {COLOURED + 1}$")
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, markeredgecolor="black", markeredgewidth=0.4)
        for colour in colours[: len(labels)]
    ]
    spacing: dict[str, Any] = {"ncols": len(labels), "handletextpad": -0.3, "columnspacing": 0.5}
    axis.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.45, 1), **spacing)


def table(configuration: fields.Fields, shells: np.ndarray, centre: int) -> list[dict]:
    """Return one row per particle of the configuration: type, position relative to the centre, shell."""
    columns = {
        "particle": range(len(shells)),
        "type": ["AB"[species] for species in configuration.types],
        **dict(zip("xyz", around(configuration, centre).T, strict=True)),
        "shell": shells,
    }
    return inputs.rows(columns)


def caption(configuration: fields.Fields, shells: np.ndarray, centre: int) -> str:
    """Return the caption, with the number of particles in every shell."""
    counts = ", ".join(f"{(shells == h).sum()} at h = {h}" for h in range(1, shells.max() + 1))
    return (
        f"One configuration as the graph that the network sees ({configuration.place}): a slice {THICKNESS:g} σ thick "
        f"around particle i = {centre} (red). Edges join "
        "particles closer than the cutoff of the graph (those within the slice are drawn). Colour: shell h, the "
        f"number of edges on the shortest path to particle i, in the whole box: {counts}. Large discs: A, small "
        f"discs: B, both smaller than the particles. {style.UNITS}"
    )


def main() -> None:
    parser = style.parser("graph", __doc__)
    parser.add_argument("graphs", help="graphs.h5 of one temperature")
    parser.add_argument("--sample", help="name of the sample, as s0000 (the first)")
    text = "the marked particle (an A particle in a well-filled slice)"
    parser.add_argument("--particle", type=options.natural, help=text)
    arguments = parser.parse_args()
    configuration = fields.read(arguments.graphs, sample=arguments.sample)
    graph = dataset.load(arguments.graphs, configuration.sample).graph
    centre = nearest_to_plane(configuration) if arguments.particle is None else arguments.particle
    if not 0 <= centre < len(graph.types):
        raise InputError(f"--particle: {centre}, expected 0 to {len(graph.types) - 1}")
    shells = surroundings.hops(graph, centre)
    figure = draw(configuration, graph, shells, centre)
    rows = table(configuration, shells, centre)
    style.save(figure, arguments.output, rows, caption(configuration, shells, centre))


if __name__ == "__main__":
    command.run(main)
