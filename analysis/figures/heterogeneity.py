"""How unevenly the propensity is spread, true and predicted: its distribution and its correlation in space.

python -m analysis.figures.heterogeneity results/T*/MODEL/all/seed0/heterogeneity.h5 --output FIGURE.svg
"""
# ruff: noqa: RUF001 - Greek letters and dashes belong into captions

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import style
from simulate.files import store
from simulate.stage import command
from simulate.stage.command import InputError

FIELDS = {"true": "-", "predicted": "--"}
ARRAYS = [f"{name}_{field}" for name in ("density", "correlation", "correlation_error") for field in FIELDS]


def read(paths: list[str]) -> dict[float, list[tuple[float, store.Contents, int]]]:
    """Return (time, file, index of the time in it) by temperature, coldest first, times increasing.

    Raises InputError where a file does not know its temperature.
    """
    found: dict[float, list] = {}
    for path in paths:
        contents = store.read(path, "heterogeneity", ("time", "r", "density_edges", *ARRAYS))
        temperature = contents.settings.get("temperature")
        if temperature is None:
            raise InputError(f"{path}: no temperature, expected analysis.heterogeneity --temperature T")
        found.setdefault(temperature, []).extend((t, contents, i) for i, t in enumerate(contents["time"]))
    return {temperature: sorted(found[temperature], key=lambda entry: entry[0]) for temperature in sorted(found)}


def draw(entries: dict) -> Figure:
    """Return the figure: distribution above, correlation below; the shortest time left, the longest right."""
    figure, axes = style.subplots(2, 2, height=1.2 * style.COLUMN, sharex="row", sharey="row")
    for colour, (temperature, at) in zip(style.ordered(len(entries)), entries.items(), strict=True):
        for column, (time, file, index) in enumerate((at[0], at[-1])):
            centres = (file["density_edges"][1:] + file["density_edges"][:-1]) / 2
            label = rf"$T = {style.number(temperature)}$, $t = {style.number(time)}$"
            for field, line in FIELDS.items():
                look = {"color": colour, "linestyle": line, "linewidth": 1.0}
                axes[0, column].plot(centres, file[f"density_{field}"][index], **look)
                correlation = file[f"correlation_{field}"][index]
                error = np.nan_to_num(file[f"correlation_error_{field}"][index])
                axes[1, column].plot(file["r"], correlation, label=label if field == "true" else None, **look)
                axes[1, column].fill_between(
                    file["r"], correlation - error, correlation + error, color=colour, alpha=0.25, linewidth=0
                )
    for column, axis in enumerate(axes[0]):
        axis.set(xlim=(0, 2.5), xlabel=r"$p\,/\,\langle p\rangle$", ylim=(0, None))
        axis.set_title(("shortest", "longest")[column] + " time", fontsize=8)
    for axis in axes[1]:
        axis.axhline(0, color=style.GREY, linewidth=0.6, linestyle=":")
        axis.set(xlabel=r"$r\;(\sigma)$", ylim=(-0.15, 0.8))
        axis.legend(handlelength=1.0, fontsize=7)
    axes[0, 0].set_ylabel("distribution")
    axes[1, 0].set_ylabel(r"$C(r)$")
    for axis, name in zip(axes.flat, "abcd", strict=True):
        style.letter(axis, name)
    return figure


def table(entries: dict) -> dict[str, list]:
    """Return one row per temperature, time, field and quantity's abscissa, for all times."""
    columns: dict[str, list] = {
        name: [] for name in ("temperature", "time", "field", "quantity", "x", "value", "error")
    }
    for temperature, at in entries.items():
        for time, file, index in at:
            centres = (file["density_edges"][1:] + file["density_edges"][:-1]) / 2
            for field in FIELDS:
                density, correlation, error = (
                    file[f"{name}_{field}"][index] for name in ("density", "correlation", "correlation_error")
                )
                for name, x, values, errors in (
                    ("distribution", centres, density, np.full(len(centres), np.nan)),
                    ("correlation", file["r"], correlation, error),
                ):
                    for column, entry in zip(("x", "value", "error"), (x, values, errors), strict=True):
                        columns[column] += list(entry)
                    for column, entry in {"temperature": temperature, "time": time, "field": field}.items():
                        columns[column] += [entry] * len(x)
                    columns["quantity"] += [name] * len(x)
    return columns


def caption(entries: dict) -> str:
    """Return the caption, with the relative widths."""
    widths = "; ".join(
        f"{at[-1][1]['relative_width_true'][at[-1][2]]:.3f} and {at[-1][1]['relative_width_predicted'][at[-1][2]]:.3f} "
        f"at T = {style.number(temperature)}, t = {style.number(at[-1][0])} τ"
        for temperature, at in entries.items()
    )
    known = any(np.isfinite(arrays["correlation_error_true"]).any() for at in entries.values() for _, arrays, _ in at)
    bands = "; bands: one standard error, by the jackknife over configurations" if known else ""
    return (
        "How uneven the propensity p of the A particles is, simulated (full lines) and predicted by the network "
        "(dashed), in held-out configurations. (a, b) Distribution of p over its mean, the noise of a finite number of "
        f"runs included; standard deviations, simulated and predicted: {widths}. A prediction narrower than the truth "
        "is what least squares gives where the structure does not tell everything. (c, d) Spatial correlation "
        "C(r) = ⟨δp_i δp_j⟩ / ⟨δp²⟩ of pairs at the distance r, δp_i the deviation from the configuration's mean, "
        f"⟨δp²⟩ less the noise of the measurement{bands}. "
        "T in ε/k_B, t in τ; σ, ε, τ: Lennard-Jones units of the A particles."
    )


def main() -> None:
    parser = style.parser("heterogeneity", __doc__)
    parser.add_argument("files", nargs="+", help="heterogeneity.h5 of one network at all temperatures and times")
    arguments = parser.parse_args()
    entries = read(arguments.files)
    style.save(draw(entries), arguments.output, table(entries), caption(entries))


if __name__ == "__main__":
    command.run(main)
