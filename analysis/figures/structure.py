"""What does not change on cooling: radial distribution functions by temperature.

python -m analysis.figures.structure results/T*/radial_distribution.h5 --temperatures 0.7 1.0 --output FIGURE.svg
"""
# ruff: noqa: RUF001 - Greek letters belong into captions

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import style
from simulate.files import store
from simulate.stage import command, options
from simulate.stage.command import InputError

PAIRS = {"AA": "g_AA", "AB": "g_AB"}
# Beyond this distance there is little to see.
LAST = 3.5


def read(paths: list[str], temperatures: list[float]) -> dict[float, store.Contents]:
    """Return the radial distribution functions by temperature, coldest first.

    Raises InputError where files and temperatures do not pair up.
    """
    if len(paths) != len(temperatures):
        raise InputError(f"--temperatures: {len(temperatures)} of them for {len(paths)} files, expected one for each")
    files = [store.read(path, "radial_distribution", ("r", *PAIRS.values())) for path in paths]
    return dict(sorted(zip(temperatures, files, strict=True)))


def draw(curves: dict[float, store.Contents]) -> Figure:
    """Return the figure: a panel for A around A, and one for B around A."""
    figure, axes = style.subplots(1, 2, height=0.62 * style.COLUMN, sharey=True)
    for colour, (temperature, curve) in zip(style.ordered(len(curves)), curves.items(), strict=True):
        shown = curve["r"] <= LAST
        for axis, name in zip(axes.flat, PAIRS.values(), strict=True):
            label = rf"$T = {style.number(temperature)}$"
            axis.plot(curve["r"][shown], curve[name][shown], color=colour, label=label)
    for axis, pair, letter in zip(axes.flat, PAIRS, "ab", strict=True):
        axis.axhline(1, color=style.GREY, linewidth=0.6, linestyle=":")
        axis.set(xlabel=r"$r\;(\sigma)$", ylim=(0, None), xlim=(0.7, LAST))
        axis.text(0.95, 0.6, rf"$g_\mathrm{{{pair}}}$", ha="right", transform=axis.transAxes)
        style.letter(axis, letter)
    axes[0, 0].set_ylabel(r"$g_{ab}(r)$")
    axes[0, 1].legend()
    return figure


def table(curves: dict[float, store.Contents]) -> dict[str, list]:
    """Return the columns of the curves, one row per temperature and distance."""
    columns: dict[str, list] = {name: [] for name in ("temperature", "r", "g_AA", "g_AB", "g_BB")}
    for temperature, curve in curves.items():
        columns["temperature"] += [temperature] * len(curve["r"])
        for name in ("r", "g_AA", "g_AB", "g_BB"):
            columns[name] += list(curve[name])
    return columns


def caption(curves: dict[float, store.Contents]) -> str:
    """Return the caption, with the first peaks."""
    peaks = "; ".join(
        f"{curve['first_peak_AA'][1]:.2f} and {curve['first_peak_AB'][1]:.2f} at T = {style.number(temperature)}"
        for temperature, curve in curves.items()
    )
    configurations = style.number(np.max([len(curve.settings["files"]) for curve in curves.values()]))
    return (
        "What hardly changes while the particles slow down: the structure. Radial distribution functions g_ab(r), the "
        "density of particles of species b at the distance r from one of species a over their mean density, (a) of A "
        f"around A and (b) of B around A. Heights of the first peaks: {peaks}. Averages over {configurations} "
        "configurations. T in ε/k_B; σ, ε: Lennard-Jones units of the A particles."
    )


def main() -> None:
    parser = style.parser("structure", __doc__)
    parser.add_argument("files", nargs="+", help="radial_distribution.h5, one per temperature")
    parser.add_argument("--temperatures", nargs="+", type=options.positive, required=True, help="one per file")
    arguments = parser.parse_args()
    curves = read(arguments.files, arguments.temperatures)
    style.save(draw(curves), arguments.output, table(curves), caption(curves))


if __name__ == "__main__":
    command.run(main)
