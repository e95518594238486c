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
from simulate.files import store
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
# What is drawn: its name in the legend and its symbol; lengths of the network, then of the liquid.
NETWORK: dict[str, tuple[str, dict]] = {
    "removal": ("removal", {"marker": "o"}),
    "gradient": ("gap (limit)", {"marker": "s"}),
    "sensitivity": ("sensitivity", {"marker": "^"}),
}
LIQUID: dict[str, tuple[str, dict]] = {
    "true": ("propensity, simulated", {"marker": "D"}),
    "predicted": ("propensity, predicted", {"marker": "D", "markerfacecolor": "white", "linestyle": "--"}),
}
# Networks with nothing to learn, and their lines.
CONTROLS = {"untrained": ":", "shuffled": "--"}


def read(paths: list[Path], heterogeneity: list[Path]) -> list[dict]:
    """Return one row per point: the network's lengths, averaged over seeds, then those of the fields.

    `error` of the network's: that of the marked particles, averaged over the seeds (which share them), and the standard
    error over seeds, added in squares. `control` is '' for none.
    """
    groups: dict[tuple, list[dict]] = {}
    for path in paths:
        for row in inputs.rows(inputs.read_table(path, (*COLUMNS, "control"))):
            # A column that is empty throughout reads as NaN.
            row["control"] = row["control"] if isinstance(row["control"], str) else ""
            key = (row["control"], *(str(row[name]) for name in ("temperature", "time", "kind", "unit", "delta")))
            groups.setdefault(key, []).append(row)
    return [_over_seeds(group) for group in groups.values()] + [
        {
            "control": "",
            "temperature": row["temperature"],
            "time": row["time"],
            "kind": f"{quantity} of the {row['field']} propensity",
            "unit": "sigma" if quantity == "correlation_length" else "",
            "value": row[quantity],
            "error": row[f"{quantity}_error"],
        }
        for quantity in ("correlation_length", "susceptibility")
        for row in inputs.rows(inputs.read_tables(heterogeneity, FIELDS))
    ]


def _over_seeds(group: list[dict]) -> dict:
    first, lengths = group[0], np.array([row["length"] for row in group])
    error = np.mean([row["length_error"] for row in group])
    return {
        **{name: first[name] for name in ("control", *COLUMNS) if not name.startswith("length")},
        **{name: np.mean([row[name] for row in group]) for name in ("misfit", "box_limit")},
        "value": lengths.mean(),
        "error": np.hypot(error, standard_error(lengths)) if len(group) > 1 else error,
        "n_seeds": len(group),
    }


def draw(rows: list[dict], curves: Mapping[float, store.Contents]) -> Figure:
    """Return the figure: (a) the network's lengths in edges, (b) lengths in sigma, (c) susceptibilities; all by time.

    `curves`: relaxation by temperature (`figures.relaxation.read`).
    """
    figure, axes = style.subplots(3, 1, height=1.9 * style.COLUMN, sharex=True)
    edges, sigma, fluctuations = axes[:, 0]
    temperatures = sorted({row["temperature"] for row in rows})
    colours = dict(zip(temperatures, style.ordered(len(temperatures)), strict=True))
    for kind, (_, look) in NETWORK.items():
        for axis, unit in ((edges, "edges"), (sigma, "sigma")):
            _points(axis, [row for row in rows if row["kind"] == kind and row["unit"] == unit], look, colours)
    for field, (_, look) in LIQUID.items():
        for axis, quantity in ((sigma, "correlation_length"), (fluctuations, "susceptibility")):
            name = f"{quantity} of the {field} propensity"
            _points(axis, [row for row in rows if row["kind"] == name and row["value"] > 0], look, colours)
    for temperature, curve in curves.items():
        if temperature in colours:
            look = {"color": colours[temperature], "linewidth": 0.8, "elinewidth": 0.4}
            fluctuations.errorbar(curve["time"], curve["chi_4"], curve["chi_4_error"], **look)
            for axis in axes.flat:
                axis.axvline(curve["tau_alpha"], color=colours[temperature], linewidth=0.6, linestyle=":")
    for axis, unit in ((edges, "edges"), (sigma, "sigma")):
        axis.set(ylim=(0, _highest(rows, unit)), ylabel="length (edges)" if unit == "edges" else r"length $(\sigma)$")
    shown = [row["value"] for row in rows if row["kind"].startswith("susceptibility") and row["value"] > 0]
    # chi_4 starts at next to nothing.
    fluctuations.set(yscale="log", ylabel="susceptibility", xlabel=r"$t\;(\tau)$")
    fluctuations.set_ylim(bottom=max(0.5 * min(shown, default=2e-3), fluctuations.get_ylim()[0]))
    style.logarithmic(fluctuations, np.array([row["time"] for row in rows]))
    style.letters(axes)
    _legend(figure, rows, bool(curves), colours)
    return figure


def _points(axis: Axes, rows: list[dict], look: dict, colours: dict) -> None:
    """Draw one kind of length: a line for every temperature and control."""
    for control, temperature in sorted({(row["control"], row["temperature"]) for row in rows}):
        of = [row for row in rows if (row["control"], row["temperature"]) == (control, temperature)]
        found = sorted((row["time"], row["value"], row["error"]) for row in of if np.isfinite(row["value"]))
        if found:
            style_of = {"color": colours[temperature], "capsize": 2, "elinewidth": 0.8, **look}
            if control:
                style_of |= {"linestyle": CONTROLS[control], "linewidth": 0.8, "markerfacecolor": "white"}
            axis.errorbar(*np.transpose(found), **style_of)


def _highest(rows: list[dict], unit: str) -> float:
    """Return where the axis of a unit ends: above all lengths, but not beyond the box, which a bad fit may exceed."""
    of = [row for row in rows if row["unit"] == unit]
    return float(min(1.4 * max(_known(of, "value"), default=1.0), min(_known(of, "box_limit"), default=np.inf)))


def _known(rows: list[dict], name: str) -> list[float]:
    return [row[name] for row in rows if np.isfinite(row.get(name, np.nan))]


def _legend(figure: Figure, rows: list[dict], with_curves: bool, colours: dict) -> None:
    def sign(label: str, **look: Any) -> Line2D:
        return Line2D([], [], label=label, **{"color": style.BLACK, "linewidth": 1.0, **look})

    signs = [sign(rf"$T = {style.number(t)}$", color=colour, linewidth=2.5) for t, colour in colours.items()]
    drawn = {row["kind"] for row in rows if np.isfinite(row["value"])}
    signs += [sign(label, **look) for kind, (label, look) in NETWORK.items() if kind in drawn]
    controls = {row["control"] for row in rows}
    signs += [
        sign(f"{control} network", linestyle=line, marker="o", markerfacecolor="white")
        for control, line in CONTROLS.items()
        if control in controls
    ]
    signs += [sign(label, **look) for label, look in LIQUID.values()]
    signs += [sign(r"$\chi_4$ of the dynamics", linewidth=0.8)] if with_curves else []
    figure.legend(handles=signs, loc="outside lower center", ncols=2, columnspacing=1.0)


def caption(rows: list[dict], curves: Mapping[float, store.Contents]) -> str:
    """Return the caption."""
    known = [row for row in rows if row["kind"] in NETWORK and np.isfinite(row["value"])]
    edges, sigma = ([row for row in known if row["unit"] == unit] for unit in ("edges", "sigma"))
    return (
        "Does the network look farther with time and on cooling, as lengths of the liquid grow? (a) Decay length ξ of "
        "the network's answer to removal of everything beyond shell h and to a small gap behind it, from fits of c "
        f"exp(−h/ξ) over shells {_range(edges, 'fit_from')} to {_range(edges, 'fit_to')}. (b) Triangles: that of the "
        "sensitivity |∂p_i/∂r_j| of the predicted propensity p_i with the distance of particle j, fitted over "
        f"{_range(sigma, 'fit_from')} to {_range(sigma, 'fit_to')} σ; diamonds: correlation length of the propensity "
        "field (absent where fewer than four points are left to fit). Circles, squares and triangles are the "
        "network's lengths, not measured correlation lengths. (c) Diamonds: N var(p̄)/⟨p⟩² of the mean propensity p̄ "
        "over configurations; thin lines: χ_4, N var(Q) of the overlap Q over relaxation runs and their time origins. "
        "Open symbols of the network: untrained (random weights), or trained on targets shuffled among the particles "
        f"of each species. The box ends at shell {_range(edges, 'box_limit')} and at {_range(sigma, 'box_limit')} σ. "
        "Dotted: τ_α. Bars, where known: one standard error, for the network from a bootstrap over configurations and "
        "marked particles and over seeds, else the jackknife over configurations. Averages over training seeds. "
        f"{_range(known, 'n_particles')} marked A particles in held-out configurations. {style.UNITS}"
    )


def _range(rows: list[dict], name: str) -> str:
    found = sorted(set(_known(rows, name)))
    return "–".join(style.number(found[place]) for place in sorted({0, len(found) - 1})) if found else "–"


def main() -> None:
    parser = style.parser("length", __doc__)
    parser.add_argument("lengths", nargs="+", type=Path, help="response_length.csv of networks and controls")
    parser.add_argument("--heterogeneity", nargs="+", type=Path, required=True, help="heterogeneity.csv of one network")
    parser.add_argument("--relaxation", nargs="*", default=[], help="relaxation.h5 of the temperatures, for chi_4")
    arguments = parser.parse_args()
    rows, curves = read(arguments.lengths, arguments.heterogeneity), relaxation.read(arguments.relaxation)
    style.save(draw(rows, curves), arguments.output, rows, caption(rows, curves))


if __name__ == "__main__":
    command.run(main)
