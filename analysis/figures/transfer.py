"""What a network of one temperature and time says of all others: a matrix of Pearson correlations with the ceilings.

python -m analysis.figures.transfer results/T*/MODEL/*/seed0/transfer_*.csv --output FIGURE.svg
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import inputs, style
from simulate.stage import command

COLUMNS = (
    *("trained_temperature", "trained_time", "temperature", "time"),
    *("pcc_mean", "pcc_mean_error", "ceiling_mean", "pcc_all", "ceiling_all", "n_test"),
)
# Above this many columns numbers no longer fit into the cells, and labels name temperatures only.
READABLE = 12


def matrix(rows: dict[str, np.ndarray]) -> tuple[list, list, np.ndarray, np.ndarray]:
    """Return the (temperature, time) trained at (R) and tested at (C), the scores (R, C) and the ceilings (C,)."""
    trained = list(zip(rows["trained_temperature"], rows["trained_time"], strict=True))
    tested = list(zip(rows["temperature"], rows["time"], strict=True))
    down, across = sorted(set(trained)), sorted(set(tested))
    scores, ceilings = np.full((len(down), len(across)), np.nan), np.full(len(across), np.nan)
    for of, to, score, ceiling in zip(trained, tested, rows["pcc_mean"], rows["ceiling_mean"], strict=True):
        scores[down.index(of), across.index(to)] = score
        ceilings[across.index(to)] = ceiling
    return down, across, scores, ceilings


def draw(rows: dict[str, np.ndarray]) -> Figure:
    """Return the figure: the ceilings above, a row for each training below."""
    down, across, scores, ceilings = matrix(rows)
    height = 0.25 + min(1.0, 0.085 * (len(down) + 2))
    figure, axes = style.subplots(
        2, 1, height=height * style.COLUMN, sharex=True, height_ratios=(1, len(down)), gridspec_kw={"hspace": 0.02}
    )
    for axis, values in zip(axes[:, 0], (ceilings[None], scores), strict=True):
        image = axis.imshow(values, vmin=min(0, np.nanmin(scores)), vmax=1, aspect="auto", interpolation="nearest")
        axis.tick_params(length=0)
        if len(across) <= READABLE:
            for (i, j), value in np.ndenumerate(values):
                text = f"{value:.2f}".replace("-", "−").replace("0.", ".", 1) if np.isfinite(value) else "–"
                look = {"fontsize": 6.5, "color": "white" if value < 0.6 else "black"}
                axis.text(j, i, text, ha="center", va="center", **look)
        _borders(axis, down if len(values) > 1 else [None], across)
    axes[0, 0].set_yticks([0], ["ceiling"])
    axes[1, 0].set_yticks(*_ticks(down))
    axes[1, 0].set_xticks(*_ticks(across), rotation=90)
    axes[1, 0].set(xlabel=r"tested at $T,\;t$", ylabel=r"trained at $T,\;t$")
    figure.colorbar(image, ax=axes, aspect=30, pad=0.02).set_label("Pearson correlation")
    return figure


def _ticks(places: list[tuple[float, float]]) -> tuple[list[float], list[str]]:
    """Return where the labels stand, and what they say: each temperature and time, or temperatures only."""
    if len(places) <= READABLE:
        return list(range(len(places))), [f"{style.number(T)}, {style.number(t)}" for T, t in places]
    temperatures = np.array([temperature for temperature, _ in places])
    found = np.unique(temperatures)
    return [float(np.flatnonzero(temperatures == T).mean()) for T in found], [style.number(T) for T in found]


def _borders(axis: Axes, down: list, across: list) -> None:
    """Draw white lines between temperatures."""
    for places, line in ((down, axis.axhline), (across, axis.axvline)):
        for i in range(1, len(places)):
            if places[i][0] != places[i - 1][0]:
                line(i - 0.5, color="white", linewidth=1.5)


def caption(rows: dict[str, np.ndarray]) -> str:
    """Return the caption."""
    n_test = " to ".join(f"{n:.0f}" for n in sorted({rows["n_test"].min(), rows["n_test"].max()}))
    return (
        "What a network knows of other temperatures and times: Pearson correlation of the prediction of a network "
        "trained at temperature T for time t (rows) with the propensity of the A particles measured at another "
        f"temperature and time (columns), per held-out configuration, then averaged over {n_test}. Correlations do not "
        "care for the scale. Top: noise ceiling of the column, the largest correlation that any predictor can reach. "
        f"On the diagonal: at home. t in τ; {style.UNITS}"
    )


def main() -> None:
    parser = style.parser("transfer", __doc__)
    parser.add_argument("tables", nargs="+", help="tables of analysis.transfer (.csv) of one network")
    arguments = parser.parse_args()
    rows = inputs.read_tables(arguments.tables, COLUMNS)
    style.save(draw(rows), arguments.output, inputs.rows(rows), caption(rows))


if __name__ == "__main__":
    command.run(main)
