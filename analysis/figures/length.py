"""Does the reach grow? The network's length by time and temperature, and the liquid's own beside it.

python -m analysis.figures.length response_length.csv ... --heterogeneity heterogeneity.csv ...
    [--relaxation relaxation.h5 ...] --output FIGURE.svg
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures import inputs, relaxation, style
from simulate.liquid.statistics import standard_error
from simulate.stage import command

COLUMNS = (
    *("temperature", "time", "kind", "unit", "delta", "length", "length_error", "fit_from", "fit_to", "n_points"),
    *("misfit", "n_particles", "box_limit"),
)
FIELDS = (
    *("temperature", "time", "field", "susceptibility", "susceptibility_error"),
    *("correlation_length", "correlation_length_error"),
)
# Kinds of response that are drawn, with their symbols.
KINDS = {"removal": "o", "gradient": "s", "sensitivity": "^"}
# Networks with nothing to learn: their lines.
CONTROLS = {"untrained": ":", "shuffled": "--"}


def read(paths: list[Path]) -> dict[str, np.ndarray]:
    """Return the rows of all tables of analysis.response_length, columns `COLUMNS` and `control` ('' for none).

    Seeds are averaged. `length_error`: that of the marked particles, averaged over the seeds (which share them), and
    the standard error over seeds, added in squares.
    """
    groups: dict[tuple, list[dict]] = {}
    for path in paths:
        for row in inputs.rows(inputs.read_table(path, (*COLUMNS, "control"))):
            # A column that is empty throughout reads as NaN.
            row["control"] = row["control"] if isinstance(row["control"], str) else ""
            key = (row["control"], *(str(row[name]) for name in ("temperature", "time", "kind", "unit", "delta")))
            groups.setdefault(key, []).append(row)
    merged = [_over_seeds(group) for group in groups.values()]
    return {name: np.array([row[name] for row in merged]) for name in (*COLUMNS, "control", "n_seeds")}


def _over_seeds(group: list[dict]) -> dict:
    lengths = np.array([row["length"] for row in group])
    spread = standard_error(lengths) if len(group) > 1 else 0.0
    error = np.hypot(np.mean([row["length_error"] for row in group]), spread)
    means = {name: np.mean([row[name] for row in group]) for name in ("misfit", "box_limit")}
    return {**group[0], **means, "length": lengths.mean(), "length_error": error, "n_seeds": len(group)}


def draw(lengths: dict, of_fields: dict, curves: Mapping) -> Figure:
    """Return the figure: (a) the network's lengths in edges, (b) lengths in sigma, (c) susceptibilities; all by time.

    `curves`: relaxation by temperature (`figures.relaxation.read`).
    """
    figure, axes = style.subplots(3, 1, height=1.9 * style.COLUMN, sharex=True)
    temperatures = np.unique(lengths["temperature"])
    colours = dict(zip(temperatures, style.ordered(len(temperatures)), strict=True))
    for axis, unit in zip(axes[:2, 0], ("edges", "sigma"), strict=True):
        axis.set(yscale="log")
        _network(axis, lengths, unit, colours)
        _box_limit(axis, lengths, unit, *([_shown(of_fields, "correlation_length")] if unit == "sigma" else []))
    _field(axes[1, 0], of_fields, "correlation_length", colours)
    _field(axes[2, 0], of_fields, "susceptibility", colours)
    for temperature, curve in curves.items():
        if temperature in colours:
            axes[2, 0].errorbar(
                curve["time"], curve["chi_4"], curve["chi_4_error"], color=colours[temperature], linewidth=0.8,
                elinewidth=0.4,
            )  # fmt: skip
            for axis in axes.flat:
                axis.axvline(curve["tau_alpha"], color=colours[temperature], linewidth=0.6, linestyle=":")
    axes[0, 0].set_ylabel("length (edges)")
    axes[1, 0].set_ylabel(r"length $(\sigma)$")
    axes[2, 0].set(ylabel="susceptibility", yscale="log", xlabel=r"$t\;(\tau)$")
    # chi_4 starts at next to nothing.
    lowest = 0.5 * _shown(of_fields, "susceptibility").min(initial=2e-3)
    axes[2, 0].set_ylim(bottom=max(lowest, axes[2, 0].get_ylim()[0]))
    style.logarithmic(axes[2, 0], lengths["time"])
    style.letters(axes)
    _legends(figure, axes, lengths, of_fields, curves, colours)
    return figure


def _network(axis: Axes, lengths: dict, unit: str, colours: dict) -> None:
    for kind, marker in KINDS.items():
        for control in np.unique(lengths["control"]):
            for temperature, colour in colours.items():
                chosen = (lengths["kind"] == kind) & (lengths["unit"] == unit) & (lengths["control"] == control)
                chosen &= (lengths["temperature"] == temperature) & np.isfinite(lengths["length"])
                order = np.flatnonzero(chosen)[np.argsort(lengths["time"][chosen])]
                look = {"color": colour, "marker": marker, "capsize": 2, "elinewidth": 0.8}
                if control:
                    look |= {"linestyle": CONTROLS[control], "linewidth": 0.8, "markerfacecolor": "white"}
                if len(order):
                    values = [lengths[name][order] for name in ("time", "length", "length_error")]
                    axis.errorbar(*values, **look)


def _box_limit(axis: Axes, lengths: dict, unit: str, *others: np.ndarray) -> None:
    """Draw where the box ends; `others` are drawn too, whatever they are below it."""
    limits = lengths["box_limit"][(lengths["unit"] == unit) & np.isfinite(lengths["box_limit"])]
    if len(limits):
        axis.axhline(limits.min(), color=style.GREY, linewidth=0.8, linestyle="-.")
        place = axis.get_yaxis_transform()
        axis.text(0.02, limits.min(), "box", ha="left", va="bottom", fontsize=7, color=style.GREY, transform=place)
        drawn = lengths["length"][(lengths["unit"] == unit) & np.isfinite(lengths["length"])]
        drawn = np.concatenate([drawn, *others])
        # A fit that hardly falls may give any length: what lies far beyond the box is not drawn.
        axis.set_ylim(0.5 * drawn.min(initial=limits.min()), 4 * limits.max())


def _field(axis: Axes, of_fields: dict, quantity: str, colours: dict) -> None:
    for temperature, colour in colours.items():
        looks: dict[str, dict] = {"true": {"marker": "D"}, "predicted": {"marker": "D", "markerfacecolor": "white"}}
        for field, look in looks.items():
            chosen = (of_fields["temperature"] == temperature) & (of_fields["field"] == field)
            chosen &= np.isfinite(of_fields[quantity]) & (of_fields[quantity] > 0)
            order = np.flatnonzero(chosen)[np.argsort(of_fields["time"][chosen])]
            if len(order):
                values = [of_fields[name][order] for name in ("time", quantity, f"{quantity}_error")]
                axis.errorbar(
                    *values, color=colour, linestyle="-" if field == "true" else "--", capsize=2, elinewidth=0.8, **look
                )


def _shown(of_fields: dict, quantity: str) -> np.ndarray:
    """Return what of the fields stands on a logarithmic axis."""
    return of_fields[quantity][np.isfinite(of_fields[quantity]) & (of_fields[quantity] > 0)]


def _legends(figure: Figure, axes: np.ndarray, lengths: dict, of_fields: dict, curves: Mapping, colours: dict) -> None:
    def sign(label: str, **look: Any) -> Line2D:
        return Line2D([], [], label=label, **{"color": style.BLACK, "linewidth": 1.0, **look})

    signs = [sign(rf"$T = {style.number(t)}$", color=colour, linewidth=2.5) for t, colour in colours.items()]
    drawn = lengths["kind"][np.isfinite(lengths["length"])]
    words = {"removal": "removal", "gradient": "gap (limit)", "sensitivity": "sensitivity"}
    signs += [sign(words[kind], marker=marker) for kind, marker in KINDS.items() if kind in drawn]
    signs += [
        sign(f"{control} network", linestyle=line, marker="o", markerfacecolor="white")
        for control, line in CONTROLS.items()
        if control in lengths["control"]
    ]
    signs += [sign("propensity, true", marker="D")]
    signs += [sign("propensity, predicted", marker="D", markerfacecolor="white", linestyle="--")]
    signs += [sign(r"$\chi_4$ of the dynamics", linewidth=0.8)] if curves else []
    figure.legend(handles=signs, loc="outside lower center", ncols=2, columnspacing=1.0)


def table(lengths: dict, of_fields: dict) -> list[dict]:
    """Return the rows as drawn and more: every curve that was fitted, then the fields' lengths and susceptibilities."""
    renamed = {"length": "value", "length_error": "error"}
    rows = inputs.rows({renamed.get(name, name): lengths[name] for name in ("control", *COLUMNS, "n_seeds")})
    return rows + [
        {
            "temperature": row["temperature"],
            "time": row["time"],
            "kind": f"{quantity} of the {row['field']} propensity",
            "unit": "sigma" if quantity == "correlation_length" else "",
            "value": row[quantity],
            "error": row[f"{quantity}_error"],
        }
        for quantity in ("correlation_length", "susceptibility")
        for row in inputs.rows(of_fields)
    ]


def caption(lengths: dict, curves: Mapping) -> str:
    """Return the caption."""
    used = np.isfinite(lengths["length"])
    edges, sigma = (used & (lengths["unit"] == unit) for unit in ("edges", "sigma"))
    controls = [name for name in CONTROLS if name in lengths["control"]]
    beside = {
        "untrained": "an untrained network (random weights)",
        "shuffled": "a network trained on targets shuffled among the particles of each species",
    }
    shown = f" Open symbols: {' and '.join(beside[name] for name in controls)}." if controls else ""
    seeds = f" Averages over {lengths['n_seeds'].max():.0f} training seeds." if (lengths["n_seeds"] > 1).any() else ""
    limit = [_range(lengths["box_limit"][chosen]) for chosen in (edges, sigma)]
    of_chi = (
        " Thin lines: χ_4, N var(Q) of the overlap Q over relaxation runs and their time origins." if curves else ""
    )
    return (
        "Does the reach of the network grow with time and on cooling, as lengths of the liquid do? (a) Decay length of "
        "the network's answer to removal of everything beyond shell h, and to a gap behind it in the limit of small "
        f"gaps, from fits of c exp(−h/ξ) over shells {_range(lengths['fit_from'][edges])} to "
        f"{_range(lengths['fit_to'][edges])}. (b) Filled triangles: decay length of the sensitivity |∂p_i/∂r_j| "
        "of the predicted propensity p_i with the distance of particle j, fitted over "
        f"{_range(lengths['fit_from'][sigma])} to {_range(lengths['fit_to'][sigma])} σ; "
        "diamonds: correlation length of the propensity field, full of the "
        "simulated, open of the predicted one (absent where fewer than four points are left to fit). Circles and "
        "squares are the network's lengths, not measured correlation lengths. (c) Fluctuations: diamonds, "
        f"N var(p̄)/⟨p⟩² of the mean propensity p̄ over configurations.{of_chi}{shown} Dash-dotted: where "
        f"the box ends (shell {limit[0]}; {limit[1]} σ). Dotted: τ_α. Bars, where known: one standard error, for the "
        "network from a bootstrap over configurations and marked particles and over seeds, else the jackknife over "
        f"configurations (three at least).{seeds} {_range(lengths['n_particles'][used])} marked A particles in "
        f"held-out configurations. {style.UNITS}"
    )


def _range(values: np.ndarray) -> str:
    values = np.unique(values[np.isfinite(values)])
    return "–".join(style.number(value) for value in values[sorted({0, len(values) - 1})]) if len(values) else "–"


def main() -> None:
    parser = style.parser("length", __doc__)
    parser.add_argument("lengths", nargs="+", type=Path, help="response_length.csv of networks and controls")
    parser.add_argument("--heterogeneity", nargs="+", type=Path, required=True, help="heterogeneity.csv of one network")
    parser.add_argument("--relaxation", nargs="*", default=[], help="relaxation.h5 of the temperatures, for chi_4")
    arguments = parser.parse_args()
    lengths = read(arguments.lengths)
    of_fields = inputs.read_tables(arguments.heterogeneity, FIELDS)
    curves = relaxation.read(arguments.relaxation)
    figure = draw(lengths, of_fields, curves)
    style.save(figure, arguments.output, table(lengths, of_fields), caption(lengths, curves))


if __name__ == "__main__":
    command.run(main)
