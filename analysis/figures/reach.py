"""How far must one look? The share of the score against the range that a model may see, by temperature and time.

python -m analysis.figures.reach reach/linear.csv ... --output FIGURE.svg

The files are those of analysis.reach, one per temperature; beside each lies its second table, NAME_reach.csv.
"""

from itertools import groupby
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import inputs, style
from analysis.ranges.summary import ATTAINED, beside
from simulate.stage import command

NUMBERS = ("temperature", "time", "range", "range_sigma", "pcc_mean", "share", "share_error")
# A share known no better than this is not drawn: a score near zero has no share.
UNKNOWN = 0.2
SUMMARY = ("temperature", "time", "share_at_0", "share_at_0_error", "R_95", "R_95_error")


def read(paths: list[Path], columns: tuple[str, ...]) -> dict[float, dict[float, list[dict]]]:
    """Return the rows of all tables with numbers in `columns`, by temperature (descending) and time (ascending)."""
    rows = [row for path in paths for row in inputs.rows(inputs.read_table(path, columns))]
    rows.sort(key=lambda row: (-row["temperature"], row["time"]))
    return {
        temperature: {time: list(group) for time, group in groupby(of, key=lambda row: row["time"])}
        for temperature, of in groupby(rows, key=lambda row: row["temperature"])
    }


def draw(shares: dict, summary: dict) -> Figure:
    """Return the figure: (a) share against range at the last time, by temperature; (b) the same at the lowest
    temperature, by time; (c) what lies in the surroundings, 1 - share at range 0, against time; (d) R_95 against time.
    """
    figure, axes = style.subplots(2, 2, width=1.9 * style.COLUMN, height=1.5 * style.COLUMN)
    colours = dict(zip(reversed(shares), style.ordered(len(shares)), strict=True))
    for temperature, of in shares.items():
        last = max(of)
        label = f"$T = {style.number(temperature)}$, $t = {style.number(last)}$"
        _share(axes[0, 0], of[last], colours[temperature], label)
    # The lowest temperature that has several times.
    coldest = min(shares, key=lambda temperature: (len(shares[temperature]) < 2, temperature))
    by_time = {time: rows for time, rows in shares[coldest].items() if rows[0]["share_error"] < UNKNOWN}
    for colour, (time, rows) in zip(style.ordered(len(by_time)), by_time.items(), strict=True):
        _share(axes[0, 1], rows, colour, f"$t = {style.number(time)}$")
    for axis in axes[0]:
        axis.set_ylim(top=1.1)
    axes[0, 1].set_title(f"$T = {style.number(coldest)}$")
    for axis, name in ((axes[1, 0], "share_at_0"), (axes[1, 1], "R_95")):
        for temperature, of in summary.items():
            rows = [row for group in of.values() for row in group if row["share_at_0_error"] < UNKNOWN]
            values = np.array([row[name] for row in rows])
            axis.errorbar(
                [row["time"] for row in rows],
                1 - values if name == "share_at_0" else values,
                [row[f"{name}_error"] for row in rows],
                color=colours[temperature],
                marker="o",
                capsize=2,
                label=f"$T = {style.number(temperature)}$",
            )
        axis.set_xscale("log")
        axis.set_xlabel("$t$ / τ")
    axes[1, 0].set_ylabel("share from the surroundings")
    axes[1, 1].set_ylabel(r"reach $R_{95}$ / σ")
    axes[1, 0].axhline(0, color=style.GREY, linewidth=0.6)
    axes[1, 0].legend()
    style.letters(axes)
    return figure


def _share(axis: Axes, rows: list[dict], colour: tuple, label: str) -> None:
    axis.errorbar(
        [row["range_sigma"] for row in rows],
        [row["share"] for row in rows],
        [row["share_error"] for row in rows],
        color=colour,
        marker="o",
        markersize=3,
        capsize=2,
        label=label,
    )
    axis.axhline(ATTAINED, color=style.GREY, linewidth=0.6, linestyle=":")
    axis.set(xlabel="range that the model may see / σ", ylabel="share of the full score")
    axis.legend(loc="lower right")


def main() -> None:
    parser = style.parser("reach", __doc__)
    parser.add_argument("files", nargs="+", type=Path, help="tables of analysis.reach")
    arguments = parser.parse_args()
    shares = read(arguments.files, NUMBERS)
    summary = read([beside(path) for path in arguments.files], SUMMARY)
    caption = (
        "How far must one look? A model is trained again at every range that it may see, from a particle's own "
        "inputs (range 0) to the longest; every configuration is predicted by models that did not learn from it. "
        "(a) Share of the full score (Pearson correlation of the A particles, mean over configurations) against the "
        "range (distance within which 95 % of the squared weight of the inputs lies) at the last time of every "
        "temperature. (b) The same at the lowest temperature with several times. (c) The share of the score that a "
        "particle's own inputs do not have, against time. (d) The smallest range that has 95 % of the full score "
        "(dotted in a and b). Bars: standard deviations over a bootstrap of configurations; shares that are known to "
        "less than 0.2 are left out. Inputs come from the minimised box: range 0 is not blind to the surroundings, but "
        "sees them only as far as they shift the particle's own minimum. "
        f"{style.UNITS}"
    )
    rows = [row for of in shares.values() for group in of.values() for row in group]
    style.save(draw(shares, summary), arguments.output, rows, caption)


if __name__ == "__main__":
    command.run(main)
