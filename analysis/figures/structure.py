"""What does not change on cooling: radial distribution functions by temperature.

python -m analysis.figures.structure results/T*/radial_distribution.h5 --output FIGURE.svg
"""

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import inputs, style
from simulate.files import store
from simulate.stage import command

NAMES = ("r", "g_AA", "g_AB", "g_BB")
# Beyond this distance there is little to see.
LAST = 3.5


def draw(curves: dict[float, store.Contents]) -> Figure:
    """Return the figure: a panel for A around A, and one for B around A."""
    figure, axes = style.subplots(1, 2, height=0.62 * style.COLUMN, sharey=True)
    for axis, pair in zip(axes.flat, ("AA", "AB"), strict=True):
        for colour, (temperature, curve) in zip(style.ordered(len(curves)), curves.items(), strict=True):
            shown = curve["r"] <= LAST
            label = rf"$T = {style.number(temperature)}$"
            axis.plot(curve["r"][shown], curve[f"g_{pair}"][shown], color=colour, label=label)
        axis.axhline(1, color=style.GREY, linewidth=0.6, linestyle=":")
        axis.set(xlabel=r"$r\;(\sigma)$", ylim=(0, None), xlim=(0.7, LAST))
        axis.text(0.95, 0.6, rf"$g_\mathrm{{{pair}}}$", ha="right", transform=axis.transAxes)
    style.letters(axes)
    axes[0, 0].set_ylabel(r"$g_{ab}(r)$")
    axes[0, 1].legend()
    return figure


def table(curves: dict[float, store.Contents]) -> list[dict]:
    """Return one row per temperature and distance."""
    return [
        {"temperature": temperature, **row}
        for temperature, curve in curves.items()
        for row in inputs.rows({name: curve[name] for name in NAMES})
    ]


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
        f"configurations. {style.UNITS}"
    )


def main() -> None:
    parser = style.parser("structure", __doc__)
    parser.add_argument("files", nargs="+", help="radial_distribution.h5, one per temperature")
    arguments = parser.parse_args()
    names = (*NAMES, "first_peak_AA", "first_peak_AB")
    curves = inputs.by_temperature(arguments.files, "radial_distribution", names)
    style.save(draw(curves), arguments.output, table(curves), caption(curves))


if __name__ == "__main__":
    command.run(main)
