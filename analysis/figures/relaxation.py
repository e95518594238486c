"""How the liquid relaxes at each temperature: F_s(k, t) with tau_alpha, and the mean-squared displacement.

python -m analysis.figures.relaxation results/T*/relaxation.h5 --output FIGURE.svg
"""
# ruff: noqa: RUF001 - Greek letters and dashes belong into captions

from itertools import cycle

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import style
from simulate.files import store
from simulate.stage import command
from simulate.stage.command import InputError

NAMES = ("time", "F_s", "F_s_error", "msd", "tau_alpha", "sampling_time")


def draw(curves: dict[float, store.Contents]) -> Figure:
    """Return the figure of the relaxations (files of kind `relaxation`) by temperature, coldest first."""
    figure, axes = style.subplots(2, 1, height=1.35 * style.COLUMN, sharex=True)
    scattering, displacement = axes[:, 0]
    scattering.axhline(1 / np.e, color=style.GREY, linewidth=0.6, linestyle=":")
    for colour, marker, (temperature, curve) in zip(
        style.ordered(len(curves)), cycle(style.MARKERS), curves.items(), strict=False
    ):
        time, error = curve["time"], np.nan_to_num(curve["F_s_error"])
        label = f"$T = {style.number(temperature)}$"
        scattering.fill_between(time, curve["F_s"] - error, curve["F_s"] + error, color=colour, alpha=0.25, lw=0)
        scattering.plot(time, curve["F_s"], color=colour, label=label)
        at = curve["sampling_time"]
        scattering.plot(at, np.interp(at, time, curve["F_s"]), marker, color=colour, markerfacecolor="white")
        tau = float(curve["tau_alpha"])
        scattering.plot([tau, tau], [0, 1 / np.e], color=colour, linewidth=0.8, linestyle="--")
        displacement.plot(time, curve["msd"], color=colour)
        displacement.plot(at, np.interp(at, time, curve["msd"]), marker, color=colour, markerfacecolor="white")
    scattering.set(xscale="log", ylim=(0, 1), ylabel=r"$F_\mathrm{s}(k, t)$")
    scattering.text(0.02, 1 / np.e + 0.015, r"$1/\mathrm{e}$", transform=scattering.get_yaxis_transform(), fontsize=8)
    scattering.legend(title=r"dashed: $\tau_\alpha$", title_fontsize=8)
    displacement.set(yscale="log", xlabel=r"$t\;(\tau)$", ylabel=r"$\langle |\Delta\mathbf{r}|^2\rangle\;(\sigma^2)$")
    style.letter(scattering, "a")
    style.letter(displacement, "b")
    return figure


def table(curves: dict[float, store.Contents]) -> dict[str, list]:
    """Return the columns of the curves, one row per temperature and time."""
    columns: dict[str, list] = {name: [] for name in ("temperature", "time", "F_s", "F_s_error", "msd", "tau_alpha")}
    for temperature, curve in curves.items():
        columns["temperature"] += [temperature] * len(curve["time"])
        columns["tau_alpha"] += [float(curve["tau_alpha"])] * len(curve["time"])
        for name in ("time", "F_s", "F_s_error", "msd"):
            columns[name] += list(curve[name])
    return columns


def caption(curves: dict[float, store.Contents]) -> str:
    """Return the caption, with tau_alpha of every temperature."""
    taus = ", ".join(
        f"{style.number(float(curve['tau_alpha']))} at T = {style.number(t)}" for t, curve in curves.items()
    )
    settings = next(iter(curves.values())).settings
    samples = f" over {settings['n_samples']} samples" if "n_samples" in settings else ""
    known = any(np.isfinite(curve["F_s_error"]).any() for curve in curves.values())
    band = f"; band: standard error{samples}" if known else ""
    return (
        f"From liquid to glass. (a) Self intermediate scattering function F_s(k, t) of the A particles at wavenumber "
        f"k = {settings.get('wavenumber', 7.25):g} / σ{band}. Dashed: relaxation time τ_α, "
        f"where F_s = 1/e (dotted): {taus} (in τ). (b) Mean-squared displacement of the A particles. Open symbols: "
        "the times at which propensities are measured. T: temperature in ε/k_B; σ, ε, τ: Lennard-Jones units of "
        "length, energy and time of the A particles."
    )


def read(paths: list[str]) -> dict[float, store.Contents]:
    """Return the relaxation files by temperature, coldest first.

    Raises InputError where a file carries no temperature or two carry the same.
    """
    curves = {}
    for path in paths:
        contents = store.read(path, "relaxation", NAMES)
        temperature = contents.settings.get("temperature")
        if temperature is None or temperature in curves:
            raise InputError(f"{path}: temperature {temperature}, expected one relaxation file for each temperature")
        curves[temperature] = contents
    return dict(sorted(curves.items()))


def main() -> None:
    parser = style.parser("relaxation", __doc__)
    parser.add_argument("relaxation", nargs="+", help="relaxation.h5 of every temperature")
    arguments = parser.parse_args()
    curves = read(arguments.relaxation)
    style.save(draw(curves), arguments.output, table(curves), caption(curves))


if __name__ == "__main__":
    command.run(main)
