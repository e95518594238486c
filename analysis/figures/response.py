"""How far the network looks: what removing or pushing away everything beyond a shell does to its prediction.

python -m analysis.figures.response edges_1.csv edges_2.csv gradient.csv --temperatures 0.7 0.7 0.7 --output FIGURE.svg
"""
# ruff: noqa: RUF001 - Greek letters and dashes belong into captions

from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from analysis.figures import style
from simulate.stage import command, options
from simulate.stage.command import InputError

COLUMNS = (
    *("time", "kind", "shell", "delta", "n_particles", "correlation_with_full", "correlation_with_truth", "rms_change"),
    *("correlation_with_full_error", "rms_change_error"),
)
KINDS = ("removal", "gap", "gradient")
LINESTYLES = ("-", "--", ":", "-.")
BARS: dict[str, Any] = {"capsize": 2, "elinewidth": 0.8}


def read(paths: list[str], temperatures: list[float]) -> dict[str, np.ndarray]:
    """Return the rows of all files in one table, with the column `temperature`.

    Raises InputError where the files and temperatures do not pair up or no row is of a known kind.
    """
    if len(paths) != len(temperatures):
        raise InputError(f"--temperatures: {len(temperatures)} of them for {len(paths)} files, expected one for each")
    parts = []
    for path, temperature in zip(paths, temperatures, strict=True):
        table = style.read_table(path, COLUMNS)
        length = len(table["shell"])
        parts.append({"temperature": np.full(length, temperature), **{name: table[name] for name in COLUMNS}})
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    # Shells that wrap around the box have no answer.
    kept = np.isin(whole["kind"], KINDS) & (whole["n_particles"] > 0)
    if not kept.any():
        raise InputError(f"{paths[0]}: no rows of kind {', '.join(KINDS)}")
    order = np.argsort(whole["shell"], kind="stable")
    return {name: column[order[kept[order]]] for name, column in whole.items()}


def draw(rows: dict[str, np.ndarray]) -> Figure:
    """Return the figure: sketches of removal and gap above, what was measured below."""
    figure, axes = style.subplots(2, 2, width=style.COLUMN, height=1.25 * style.COLUMN, height_ratios=(1, 1.15))
    _sketch(axes[0, 0], gap=False)
    _sketch(axes[0, 1], gap=True)
    looks = _looks(rows)
    # Curves are drawn side by side: their bars overlap.
    places = np.linspace(-0.5, 0.5, len(looks)) * min(0.4, 0.06 * len(looks))
    for place, ((temperature, time), look) in zip(places, looks.items(), strict=True):
        chosen = (rows["temperature"] == temperature) & _equal(rows["time"], time)
        beside = {**rows, "shell": rows["shell"] + place}
        _removal(axes[1, 0], beside, chosen, look)
        _gap(axes[1, 1], beside, chosen, look)
    axes[1, 0].set(ylabel="correlation with full prediction")
    axes[1, 0].set_ylim(top=1.02)
    axes[1, 1].set(yscale="log", ylabel=r"$\Delta_\mathrm{rms}\,/\,\delta$")
    for axis in axes[1]:
        axis.set_xlabel("shell $h$")
        axis.set_xticks(np.unique(rows["shell"]))
        axis.margins(x=0.12)
    for axis, name in zip(axes.flat, "abcd", strict=True):
        style.letter(axis, name)
    handles, labels = axes[1, 0].get_legend_handles_labels()
    if not handles:
        handles, labels = axes[1, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, columnspacing=1.0)
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


def _equal(column: np.ndarray, value: float) -> np.ndarray:
    return np.isnan(column) if np.isnan(value) else column == value


def _removal(axis: Axes, rows: dict[str, np.ndarray], chosen: np.ndarray, look: dict) -> None:
    chosen = chosen & (rows["kind"] == "removal")
    shell, r, error = (rows[name][chosen] for name in ("shell", "correlation_with_full", "correlation_with_full_error"))
    axis.errorbar(shell, r, error, **BARS, **look)


def _gap(axis: Axes, rows: dict[str, np.ndarray], chosen: np.ndarray, look: dict) -> None:
    """Draw the change over delta: a line for its limit at small delta, open symbols at the largest delta."""
    gap, gradient = (chosen & (rows["kind"] == kind) for kind in ("gap", "gradient"))
    delta = rows["delta"]
    small = gradient if gradient.any() else gap & (delta == delta[gap].min(initial=np.inf))
    change, error = per_delta(rows), per_delta(rows, "rms_change_error")
    axis.errorbar(rows["shell"][small], change[small], error[small], **BARS, **look)
    large = gap & (delta == delta[gap].max(initial=0))
    open_symbols = {"linestyle": "", "markerfacecolor": "white", "markersize": 6, "zorder": 1.5}
    # Of the same particles: their bars would be those of the line.
    axis.plot(rows["shell"][large], change[large], **{**look, **open_symbols})


def per_delta(rows: dict[str, np.ndarray], name: str = "rms_change") -> np.ndarray:
    """Return the root-mean-square change (or its error) of every row per delta.

    A gradient is one already, removal has none (NaN).
    """
    divisor = np.select([rows["kind"] == "gap", rows["kind"] == "gradient"], [rows["delta"], 1.0], np.nan)
    return rows[name] / divisor


def _sketch(axis: Axes, gap: bool) -> None:
    """Draw rings of discs, one for each shell: those beyond shell 2 removed, or pushed out by much more than delta."""
    random = np.random.default_rng(4)
    colours = [style.VERMILION, *style.ordered(4)[::2]]
    width = 0.6
    for shell, count in enumerate((1, 6, 12, 18, 24)):
        beyond = shell > 2
        removed = beyond and not gap
        angle = 2 * np.pi * (np.arange(count) + random.uniform(-0.1, 0.1, count)) / count + shell
        radius = shell + random.uniform(-0.06, 0.06, count) * (shell > 0) + (width if gap and beyond else 0)
        for x, y in zip(radius * np.cos(angle), radius * np.sin(angle), strict=True):
            disc = Circle(
                (x, y),
                0.4,
                facecolor="none" if removed else "#D0D0D0" if beyond else colours[shell],
                edgecolor=style.GREY if beyond else "black",
                linestyle=":" if removed else "-",
                linewidth=0.5,
            )
            axis.add_patch(disc)
    if gap:
        for edge in (2.5, 2.5 + width):
            axis.add_patch(Circle((0, 0), edge, fill=False, linewidth=0.6, linestyle="--"))
        arrow = {"arrowstyle": "->", "linewidth": 0.7}
        axis.annotate("", xy=(-2.5, 0), xytext=(-6.0, 0), arrowprops=arrow)
        axis.text(-6.1, 0, r"$\delta$", ha="right", va="center")
    axis.set(aspect="equal", xlim=(-5.2, 5.2), ylim=(-5.2, 5.2))
    axis.axis("off")
    axis.set_title("gap" if gap else "removal")


def table(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the rows as drawn, with the change per delta."""
    errors = per_delta(rows, "rms_change_error")
    return {**rows, "rms_change_per_delta": per_delta(rows), "rms_change_per_delta_error": errors}


def caption(rows: dict[str, np.ndarray]) -> str:
    """Return the caption."""
    counts = " to ".join(f"{n:.0f}" for n in np.unique([rows["n_particles"].min(), rows["n_particles"].max()]))
    gap = rows["kind"] == "gap"
    limit = "its limit at small δ, by back-propagation" if "gradient" in rows["kind"] else "at the smallest δ"
    if gap.any():
        limit += f"; open symbols: at δ = {rows['delta'][gap].max():g} σ. Where both agree the response is linear"
    errors = np.concatenate([rows["correlation_with_full_error"], rows["rms_change_error"]])
    bars = "Bars: one standard error, from a bootstrap over configurations and the marked particles in each. "
    if not np.isfinite(errors).any():
        bars = ""
    return (
        "How far the network looks. Two changes of what it sees around a marked particle (red): (a) everything beyond "
        "shell h is removed; (b) everything beyond shell h is pushed outwards by δ, which opens a gap between the "
        "shells h and h + 1 (drawn for h = 2; shell h: particles h edges away in the unperturbed graph). (c) Removal: "
        "Pearson correlation of the prediction from h shells with the prediction from the whole configuration. (d) "
        f"Gap: root-mean-square change Δ_rms of the predicted propensity divided by δ; line and full symbols: {limit}. "
        f"Each point: {counts} marked A particles in held-out configurations; those of which the shell wraps around "
        f"the box are left out. Symbols of one shell are drawn side by side. {bars}This is the "
        "reach of the network, not a measured correlation length. T in ε/k_B, times t in τ; "
        "σ, ε, τ: Lennard-Jones units of the A particles."
    )


def main() -> None:
    parser = style.parser("response", __doc__)
    parser.add_argument("responses", nargs="+", help="tables of analysis.shells")
    parser.add_argument(
        "--temperatures", type=options.positive, nargs="+", required=True, help="the temperature of every file"
    )
    arguments = parser.parse_args()
    rows = read(arguments.responses, arguments.temperatures)
    style.save(draw(rows), arguments.output, table(rows), caption(rows))


if __name__ == "__main__":
    command.run(main)
