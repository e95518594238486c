"""How unevenly the propensity is spread, true and predicted: its distribution and its correlation in space.

python -m analysis.figures.heterogeneity results/T*/MODEL/all/seed0/heterogeneity.h5 --output FIGURE.svg
"""

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import inputs, style
from simulate.files import store
from simulate.stage import command
from simulate.stage.command import InputError

FIELDS = {"true": "-", "predicted": "--"}
ARRAYS = [f"{name}_{field}" for name in ("density", "correlation", "correlation_error") for field in FIELDS]


def read(paths: list[str]) -> dict[float, list[dict]]:
    """Return the fields by temperature, coldest first: an entry per time, rising, with its arrays and `centres`.

    Raises InputError where a file does not know its temperature.
    """
    found: dict[float, list] = {}
    for path in paths:
        contents = store.read(path, "heterogeneity", ("time", "r", "density_edges", *ARRAYS))
        temperature = contents.settings.get("temperature")
        if temperature is None:
            raise InputError(f"{path}: carries no temperature, expected one from analysis.heterogeneity")
        of_times = [name for name, array in contents.arrays.items() if name.endswith(tuple(FIELDS))]
        edges = contents["density_edges"]
        for index, time in enumerate(contents["time"]):
            entry = {"time": time, "r": contents["r"], "centres": (edges[1:] + edges[:-1]) / 2}
            found.setdefault(temperature, []).append(entry | {name: contents[name][index] for name in of_times})
    return {temperature: sorted(found[temperature], key=lambda entry: entry["time"]) for temperature in sorted(found)}


def draw(entries: dict[float, list[dict]]) -> Figure:
    """Return the figure: distribution above, correlation below; the shortest time left, the longest right."""
    figure, axes = style.subplots(2, 2, height=1.2 * style.COLUMN, sharex="row", sharey="row")
    for column, (place, title) in enumerate(((0, "shortest time"), (-1, "longest time"))):
        above, below = axes[:, column]
        for colour, (temperature, at) in zip(style.ordered(len(entries)), entries.items(), strict=True):
            one = at[place]
            label = rf"$T = {style.number(temperature)}$, $t = {style.number(one['time'])}$"
            for field, line in FIELDS.items():
                look = {"color": colour, "linestyle": line, "linewidth": 1.0}
                above.plot(one["centres"], one[f"density_{field}"], **look)
                correlation, error = one[f"correlation_{field}"], np.nan_to_num(one[f"correlation_error_{field}"])
                below.plot(one["r"], correlation, label=label if field == "true" else None, **look)
                below.fill_between(one["r"], correlation - error, correlation + error, color=colour, alpha=0.25, lw=0)
        above.set(xlim=(0, 2.5), xlabel=r"$p\,/\,\langle p\rangle$", ylim=(0, None))
        above.set_title(title, fontsize=8)
        below.axhline(0, color=style.GREY, linewidth=0.6, linestyle=":")
        below.set(xlabel=r"$r\;(\sigma)$", ylim=(-0.15, 0.8))
        below.legend(handlelength=1.0, fontsize=7)
    axes[0, 0].set_ylabel("distribution")
    axes[1, 0].set_ylabel(r"$C(r)$")
    style.letters(axes)
    return figure


def table(entries: dict[float, list[dict]]) -> list[dict]:
    """Return one row per temperature, time, field, quantity and its abscissa, for all times."""
    return [
        {"temperature": temperature, "time": one["time"], "field": field, "quantity": quantity, **row}
        for temperature, at in entries.items()
        for one in at
        for field in FIELDS
        for quantity, x, name in (("distribution", "centres", "density"), ("correlation", "r", "correlation"))
        for row in inputs.rows(
            {
                "x": one[x],
                "value": one[f"{name}_{field}"],
                "error": one.get(f"{name}_error_{field}", np.full(len(one[x]), np.nan)),
            }
        )
    ]


def caption(entries: dict[float, list[dict]]) -> str:
    """Return the caption, with the relative widths."""
    widths = "; ".join(
        f"{at[-1]['relative_width_true']:.3f} and {at[-1]['relative_width_predicted']:.3f} "
        f"at T = {style.number(temperature)}, t = {style.number(at[-1]['time'])} τ"
        for temperature, at in entries.items()
    )
    return (
        "How uneven the propensity p of the A particles is, simulated (full lines) and predicted by the network "
        "(dashed), in held-out configurations. (a, b) Distribution of p over its mean, the noise of a finite number "
        f"of runs included; standard deviations, simulated and predicted: {widths}. A prediction narrower than the "
        "truth is what least squares gives where the structure does not tell everything. (c, d) Spatial correlation "
        "C(r) = ⟨δp_i δp_j⟩ / ⟨δp²⟩ of pairs at the distance r, δp_i the deviation from the configuration's mean, "
        "⟨δp²⟩ less the noise of the measurement; bands: one standard error, by the jackknife over three "
        f"configurations or more. t in τ; {style.UNITS}"
    )


def main() -> None:
    parser = style.parser("heterogeneity", __doc__)
    parser.add_argument("files", nargs="+", help="heterogeneity.h5 of one network at all temperatures and times")
    arguments = parser.parse_args()
    entries = read(arguments.files)
    style.save(draw(entries), arguments.output, table(entries), caption(entries))


if __name__ == "__main__":
    command.run(main)
