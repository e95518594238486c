"""How the liquid relaxes at each temperature: F_s(k, t) with tau_alpha, and the mean-squared displacement.

python -m analysis.figures.relaxation results/T*/relaxation.h5 --output FIGURE.svg
"""

from itertools import cycle

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import inputs, style
from simulate.files import store
from simulate.stage import command

NAMES = ("time", "F_s", "F_s_error", "msd", "tau_alpha", "sampling_time")


def draw(curves: dict[float, store.Contents]) -> Figure:
    """Return the figure of the relaxations (files of kind `relaxation`) by temperature, coldest first."""
    figure, axes = style.subplots(2, 1, height=1.35 * style.COLUMN, sharex=True)
    scattering, displacement = axes[:, 0]
    scattering.axhline(1 / np.e, color=style.GREY, linewidth=0.6, linestyle=":")
    looks = zip(style.ordered(len(curves)), cycle(style.MARKERS), strict=False)
    for (colour, marker), (temperature, curve) in zip(looks, curves.items(), strict=True):
        time, at, error = curve["time"], curve["sampling_time"], np.nan_to_num(curve["F_s_error"])
        label = f"$T = {style.number(temperature)}$"
        scattering.fill_between(time, curve["F_s"] - error, curve["F_s"] + error, color=colour, alpha=0.25, lw=0)
        for axis, name in ((scattering, "F_s"), (displacement, "msd")):
            axis.plot(time, curve[name], color=colour, label=label)
            axis.plot(at, np.interp(at, time, curve[name]), marker, color=colour, markerfacecolor="white")
        tau = float(curve["tau_alpha"])
        scattering.plot([tau, tau], [0, 1 / np.e], color=colour, linewidth=0.8, linestyle="--")
    scattering.set(xscale="log", ylim=(0, 1), ylabel=r"$F_\mathrm{s}(k, t)$")
    scattering.text(0.02, 1 / np.e + 0.015, r"$1/\mathrm{e}$", transform=scattering.get_yaxis_transform(), fontsize=8)
    scattering.legend(title=r"dashed: $\tau_\alpha$", title_fontsize=8)
    displacement.set(yscale="log", xlabel=r"$t\;(\tau)$", ylabel=r"$\langle |\Delta\mathbf{r}|^2\rangle\;(\sigma^2)$")
    style.letters(axes)
    return figure


def table(curves: dict[float, store.Contents]) -> list[dict]:
    """Return one row per temperature and time."""
    return [
        {"temperature": temperature, **row, "tau_alpha": float(curve["tau_alpha"])}
        for temperature, curve in curves.items()
        for row in inputs.rows({name: curve[name] for name in ("time", "F_s", "F_s_error", "msd")})
    ]


def caption(curves: dict[float, store.Contents]) -> str:
    """Return the caption, with tau_alpha of every temperature."""
    taus = ", ".join(
        f"{style.number(float(curve['tau_alpha']))} at T = {style.number(t)}" for t, curve in curves.items()
    )
    settings = next(iter(curves.values())).settings
    return (
        "From liquid to glass. (a) Self intermediate scattering function F_s(k, t) of the A particles at wavenumber k "
        f"= {settings.get('wavenumber', 7.25):g} / σ; band: standard error over the samples, where there are several. "
        f"Dashed: relaxation time τ_α, where F_s = 1/e (dotted): {taus} (in τ). (b) Mean-squared displacement of the A "
        f"particles. Open symbols: the times at which propensities are measured. {style.UNITS}"
    )


def read(paths: list[str]) -> dict[float, store.Contents]:
    """Return the relaxation files by temperature, coldest first."""
    return inputs.by_temperature(paths, "relaxation", NAMES)


def main() -> None:
    parser = style.parser("relaxation", __doc__)
    parser.add_argument("relaxation", nargs="+", help="relaxation.h5 of every temperature")
    arguments = parser.parse_args()
    curves = read(arguments.relaxation)
    style.save(draw(curves), arguments.output, table(curves), caption(curves))


if __name__ == "__main__":
    command.run(main)
