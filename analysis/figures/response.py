"""How far the network looks: what removing or pushing away everything beyond a shell does to its prediction.

python -m analysis.figures.response edges_1.csv edges_2.csv gradient.csv --output FIGURE.svg
"""

from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from analysis.figures import inputs, style
from simulate.stage import command
from simulate.stage.command import InputError

COLUMNS = (
    *("temperature", "time", "kind", "shell", "delta", "n_particles"),
    *("correlation_with_full", "correlation_with_truth", "rms_change"),
    *("correlation_with_full_error", "rms_change_error"),
)
KINDS = ("removal", "gap", "gradient")
LINESTYLES = ("-", "--", ":", "-.")
BARS: dict[str, Any] = {"capsize": 2, "elinewidth": 0.8}


def read(paths: list[str]) -> dict[str, np.ndarray]:
    """Return the rows of all files in one table, shells rising, with the change per delta (and its error).

    A gradient is one already, removal has none (NaN). Raises InputError where no row is of a known kind.
    """
    whole = inputs.read_tables(paths, COLUMNS)
    # Shells that wrap around the box have no answer.
    kept = np.isin(whole["kind"], KINDS) & (whole["n_particles"] > 0)
    if not kept.any():
        raise InputError(f"{paths[0]}: no rows of kind {', '.join(KINDS)}")
    order = np.argsort(whole["shell"], kind="stable")
    rows = {name: column[order[kept[order]]] for name, column in whole.items()}
    divisor = np.select([rows["kind"] == "gap", rows["kind"] == "gradient"], [rows["delta"], 1.0], np.nan)
    for end in ("", "_error"):
        rows[f"rms_change_per_delta{end}"] = rows[f"rms_change{end}"] / divisor
    return rows


def draw(rows: dict[str, np.ndarray]) -> Figure:
    """Return the figure: sketches of removal and gap above, what was measured below."""
    figure, axes = style.subplots(2, 2, height=1.25 * style.COLUMN, height_ratios=(1, 1.15))
    _sketch(axes[0, 0], gap=False)
    _sketch(axes[0, 1], gap=True)
    looks = _looks(rows)
    # Curves stand side by side: their bars overlap.
    places = np.linspace(-0.5, 0.5, len(looks)) * min(0.4, 0.06 * len(looks))
    for place, ((temperature, time), look) in zip(places, looks.items(), strict=True):
        chosen = (rows["temperature"] == temperature) & np.isclose(rows["time"], time, equal_nan=True)
        curve = {name: column[chosen] for name, column in rows.items()}
        curve["shell"] = curve["shell"] + place
        _removal(axes[1, 0], curve, look)
        _gap(axes[1, 1], curve, look)
    axes[1, 0].set(ylabel="correlation with full prediction")
    axes[1, 0].set_ylim(top=1.02)
    axes[1, 1].set(yscale="log", ylabel=r"$\Delta_\mathrm{rms}\,/\,\delta$")
    for axis in axes[1]:
        axis.set_xlabel("shell $h$")
        axis.set_xticks(np.unique(rows["shell"]))
        axis.margins(x=0.12)
    style.letters(axes)
    style.shared_legend(figure, axes)
    return figure


def _looks(rows: dict[str, np.ndarray]) -> dict[tuple[float, float], dict]:
    """Return colour, marker and line by (temperature, time): colour by the time's rank, line by temperature."""
    looks = {}
    temperatures = np.unique(rows["temperature"])
    for line, marker, temperature in zip(cycle(LINESTYLES), cycle(style.MARKERS), temperatures, strict=False):
        times = np.unique(rows["time"][rows["temperature"] == temperature])
        for colour, time in zip(style.ordered(len(times)), times, strict=True):
            at = "" if np.isnan(time) else rf",\;t = {style.number(time)}"
            label = rf"$T = {style.number(temperature)}{at}$"
            looks[temperature, time] = {"color": colour, "linestyle": line, "marker": marker, "label": label}
    return looks


def _removal(axis: Axes, curve: dict[str, np.ndarray], look: dict) -> None:
    chosen = curve["kind"] == "removal"
    x, y, error = (curve[name][chosen] for name in ("shell", "correlation_with_full", "correlation_with_full_error"))
    axis.errorbar(x, y, error, **BARS, **look)


def _gap(axis: Axes, curve: dict[str, np.ndarray], look: dict) -> None:
    """Draw the change over delta: a line for its limit at small delta, open symbols at the largest delta."""
    gap, gradient = (curve["kind"] == kind for kind in ("gap", "gradient"))
    delta = curve["delta"]
    small = gradient if gradient.any() else gap & (delta == delta[gap].min(initial=np.inf))
    x, y, error = (curve[name] for name in ("shell", "rms_change_per_delta", "rms_change_per_delta_error"))
    axis.errorbar(x[small], y[small], error[small], **BARS, **look)
    large = gap & (delta == delta[gap].max(initial=0))
    open_symbols = {"linestyle": "", "markerfacecolor": "white", "markersize": 6, "zorder": 1.5, "label": None}
    # Of the same particles: their bars would be those of the line.
    axis.plot(x[large], y[large], **{**look, **open_symbols})


def _sketch(axis: Axes, gap: bool) -> None:
    """Draw rings of discs, one for each shell: those beyond shell 2 removed, or pushed out by much more than delta."""
    random = np.random.default_rng(4)
    colours = [style.VERMILION, *style.ordered(4)[::2]]
    width = 0.6
    for shell, count in enumerate((1, 6, 12, 18, 24)):
        beyond = shell > 2
        removed = beyond and not gap
        look = {
            "facecolor": "none" if removed else "#D0D0D0" if beyond else colours[shell],
            "edgecolor": style.GREY if beyond else "black",
            "linestyle": ":" if removed else "-",
        }
        angle = 2 * np.pi * (np.arange(count) + random.uniform(-0.1, 0.1, count)) / count + shell
        radius = shell + random.uniform(-0.06, 0.06, count) * (shell > 0) + (width if gap and beyond else 0)
        for x, y in zip(radius * np.cos(angle), radius * np.sin(angle), strict=True):
            axis.add_patch(Circle((x, y), 0.4, linewidth=0.5, **look))
    if gap:
        for edge in (2.5, 2.5 + width):
            axis.add_patch(Circle((0, 0), edge, fill=False, linewidth=0.6, linestyle="--"))
        arrow = {"arrowstyle": "->", "linewidth": 0.7}
        axis.annotate("", xy=(-2.5, 0), xytext=(-6.0, 0), arrowprops=arrow)
        axis.text(-6.1, 0, r"$\delta$", ha="right", va="center")
    axis.set(aspect="equal", xlim=(-5.2, 5.2), ylim=(-5.2, 5.2))
    axis.axis("off")
    axis.set_title("gap" if gap else "removal")


def caption(rows: dict[str, np.ndarray]) -> str:
    """Return the caption."""
    counts = " to ".join(f"{n:.0f}" for n in np.unique([rows["n_particles"].min(), rows["n_particles"].max()]))
    gap = rows["kind"] == "gap"
    limit = "its limit at small δ, by back-propagation" if "gradient" in rows["kind"] else "at the smallest δ"
    if gap.any():
        limit += f"; open symbols: at δ = {rows['delta'][gap].max():g} σ. Where both agree the response is linear"
    return (
        "How far the network looks. Two changes of what it sees around a marked particle (red): (a) everything beyond "
        "shell h is removed; (b) everything beyond shell h is pushed outwards by δ, which opens a gap between the "
        "shells h and h + 1 (here h = 2; shell h: particles h edges away in the unperturbed graph). (c) Removal: "
        "Pearson correlation of the prediction from h shells with the prediction from the whole configuration. (d) "
        f"Gap: root-mean-square change Δ_rms of the predicted propensity divided by δ; line and full symbols: {limit}. "
        f"Each point: {counts} marked A particles in held-out configurations; those of which the shell wraps around "
        f"the box are left out. Symbols of one shell stand side by side. Bars: one standard error, from a "
        "bootstrap over configurations and the marked particles in each. This is the reach of "
        f"the network, not a measured correlation length. Times t in τ; {style.UNITS}"
    )


def main() -> None:
    parser = style.parser("response", __doc__)
    parser.add_argument("responses", nargs="+", help="tables of analysis.shells")
    arguments = parser.parse_args()
    rows = read(arguments.responses)
    style.save(draw(rows), arguments.output, inputs.rows(rows), caption(rows))


if __name__ == "__main__":
    command.run(main)
