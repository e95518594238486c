"""How well the propensity is predicted: Pearson correlation by time beside ceiling and baselines, per temperature.

python -m analysis.figures.pearson results/metrics.csv [--relaxation results/T*/relaxation.h5] --output FIGURE.svg
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import relaxation, scores, style
from simulate.stage import command


def draw(series: list[scores.Series], tau_alpha: dict[float, float]) -> Figure:
    """Return the figure: a panel per temperature; `tau_alpha` by temperature where known."""
    series = scores.shown(series)
    panels = list(scores.by_temperature(series))
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    figure, axes = style.subplots(rows, columns, height=(0.75 * rows / columns + 0.35) * style.COLUMN, sharey=True)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    looks = _looks(series)
    for axis, (temperature, group) in zip(axes.flat, panels, strict=False):
        _panel(axis, group, looks)
        axis.set_title(f"$T = {style.number(temperature)}$")
        if temperature in tau_alpha:
            at, across = tau_alpha[temperature], axis.get_xaxis_transform()
            axis.axvline(at, color=style.GREY, linewidth=0.6, linestyle=":")
            axis.text(at, 0.97, r"$\tau_\alpha\,$", ha="right", va="top", fontsize=8, transform=across)
    for axis in axes[-1]:
        axis.set_xlabel(r"$t\;(\tau)$")
    for axis in axes[:, 0]:
        axis.set_ylabel("Pearson correlation")
    style.shared_legend(figure, axes.flat[: len(panels)])
    return figure


def _looks(series: list[scores.Series]) -> dict[str, dict]:
    """Return colour, marker and line of every model: networks full lines and symbols, baselines dashed and open."""
    looks = {}
    for index, one in enumerate({one.model: one for one in series}.values()):
        colour = style.LINES[index % len(style.LINES)]
        looks[one.model] = {"color": colour, "marker": style.MARKERS[index % len(style.MARKERS)], "capsize": 2}
        if one.is_baseline:
            looks[one.model] |= {"linestyle": "--", "linewidth": 0.8, "markerfacecolor": "white"}
    return looks


def _panel(axis: Axes, group: list[scores.Series], looks: dict[str, dict]) -> None:
    # All models are scored on the same configurations, so there is one ceiling.
    ceiling = group[0]
    black: dict[str, Any] = {"color": "black", "linewidth": 0.8, "markersize": 20}
    marker = "_" if len(ceiling.time) == 1 else ""
    axis.plot(ceiling.time, ceiling.ceiling_mean, marker=marker, label="noise ceiling", **black)
    axis.fill_between(ceiling.time, ceiling.ceiling_mean, 1, color=style.GREY, alpha=0.3, linewidth=0)
    for one in group:
        axis.errorbar(one.time, one.pcc_mean, one.error, label=one.label, elinewidth=0.8, **looks[one.model])
    published = scores.published(ceiling.temperature, ceiling.time)
    grey: dict[str, Any] = {"color": style.GREY, "markerfacecolor": "none", "markersize": 5}
    for marker, (model, (time, score)) in zip("x+<>^vdh", published.items(), strict=False):
        axis.plot(time, score, marker, label=f"{model}, published", **grey)
    lowest = min(one.pcc_mean.min() for one in group)
    style.logarithmic(axis, ceiling.time)
    axis.set(ylim=(min(0, np.floor(5 * lowest) / 5), 1))


def table(series: list[scores.Series]) -> list[dict]:
    """Return one row per temperature, model and time: the scores as drawn."""
    arrays = ("time", "pcc_mean", "error", "pcc_all", "ceiling_mean", "ceiling_all")
    return [
        {"temperature": one.temperature, "model": one.model}
        | {{"error": "pcc_mean_error"}.get(name, name): getattr(one, name)[index] for name in arrays}
        | {name: getattr(one, name) for name in ("n_runs", "n_train", "n_test", "n_seeds")}
        for one in series
        for index in range(len(one.time))
    ]


def caption(series: list[scores.Series], species: str) -> str:
    """Return the caption, with what the scores were measured on."""
    counts = "; ".join(
        f"T = {style.number(temperature)}: {group[0].n_train or '–'} training and {group[0].n_test} test "
        f"configurations, n = {group[0].n_runs or '–'} runs"
        for temperature, group in scores.by_temperature(series)
    )
    return (
        "How much of the propensity at time t is foretold by the positions at t = 0: Pearson correlation of predicted "
        f"and measured propensity of the {species} particles, per held-out configuration, then averaged (PCC mean; "
        "over training seeds too); bars: standard error over the test configurations. Full lines and symbols: trained "
        "models; dashed, open: baselines, single-particle ones only where their average over neighbours "
        "(coarse-grained) is not there; the table holds both. Black: noise ceiling, the largest correlation that any "
        "predictor can reach with a propensity measured in n runs; grey above it: out of reach. Grey symbols: "
        "published scores on public configurations at the same temperature and time (Jung et al., Nat. Rev. Phys. 7, "
        f"91 (2025); Bapst et al., Nat. Phys. 16, 448 (2020)). {counts}. Dotted: relaxation time τ_α. {style.UNITS}"
    )


def main() -> None:
    parser = style.parser("pearson", __doc__)
    parser.add_argument("metrics", help="metrics.csv")
    parser.add_argument("--relaxation", nargs="*", default=[], help="relaxation.h5 of the temperatures, for tau_alpha")
    parser.add_argument("--species", default="A", choices=("A", "B"), help="whose scores (A)")
    arguments = parser.parse_args()
    series = scores.read(arguments.metrics, arguments.species)
    curves = relaxation.read(arguments.relaxation)
    tau_alpha = {temperature: float(curve["tau_alpha"]) for temperature, curve in curves.items()}
    figure = draw(series, tau_alpha)
    style.save(figure, arguments.output, table(series), caption(series, arguments.species))


if __name__ == "__main__":
    command.run(main)
