"""How the score grows with the number of configurations to train on.

python -m analysis.figures.curve results/metrics.csv --output FIGURE.svg

Shown are the models that were trained on parts of the training configurations too: NAME_4 beside NAME (in the
configuration `networks.NAME_4.samples: 4`).
"""

from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import scores, style
from analysis.figures.scores import Series
from simulate.stage import command
from simulate.stage.command import InputError

STYLES = ("-", "--", ":")


def families(series: list[Series]) -> dict[str, list[Series]]:
    """Return the series of one temperature by model, each in order of the number of training configurations.

    Only those that have been trained on more than one number of them.
    """
    found: dict[str, list[Series]] = {}
    for one in series:
        if one.n_train is not None and not one.is_baseline:
            found.setdefault(one.family, []).append(one)
    return {name: sorted(group, key=lambda one: one.n_train or 0) for name, group in found.items() if len(group) > 1}


def draw(panels: dict[float, dict[str, list[Series]]]) -> Figure:
    """Return the figure of the `families` by temperature: a panel each, a colour per time, a line style per model."""
    figure, axes = style.subplots(1, len(panels), height=0.75 * style.COLUMN / len(panels) ** 0.5 + 0.4, sharey=True)
    lines = dict(zip((name for found in panels.values() for name in found), cycle(STYLES), strict=False))
    for axis, (temperature, found) in zip(axes.flat, panels.items(), strict=True):
        _panel(axis, found, lines)
        axis.set_title(f"$T = {style.number(temperature)}$")
    axes[0, 0].set_ylabel("Pearson correlation")
    for axis in axes.flat if len(panels) < 3 else [axes[0, len(panels) // 2]]:
        axis.set_xlabel("training configurations")
    style.shared_legend(figure, axes)
    return figure


def _panel(axis: Axes, found: dict[str, list[Series]], lines: dict[str, str]) -> None:
    for name, members in found.items():
        times, counts = members[0].time, [one.n_train or 0 for one in members]
        chosen = sorted({0, len(times) // 2, len(times) - 1})
        for colour, place in zip(style.ordered(len(chosen)), chosen, strict=True):
            axis.errorbar(
                counts,
                [one.pcc_mean[place] for one in members],
                [one.error[place] for one in members],
                color=colour,
                linestyle=lines[name],
                marker="o",
                markersize=3,
                capsize=2,
                label=f"{scores.NETWORKS.get(name, name)}, $t = {style.number(times[place])}$",
            )
            axis.axhline(members[0].ceiling_mean[place], color=colour, linewidth=0.5, alpha=0.6)
    ticks = sorted({one.n_train or 0 for members in found.values() for one in members})
    axis.set_xscale("log", base=2)
    axis.set_xticks(ticks, [str(count) for count in ticks])
    axis.minorticks_off()


def table(panels: dict[float, dict[str, list[Series]]]) -> list[dict]:
    """Return one row per temperature, model, number of training configurations and time."""
    names = ("time", "pcc_mean", "pcc_mean_error", "ceiling_mean")
    return [
        {"temperature": temperature, "model": name, "n_train": one.n_train} | dict(zip(names, values, strict=True))
        for temperature, found in panels.items()
        for name, members in found.items()
        for one in members
        for values in zip(one.time, one.pcc_mean, one.error, one.ceiling_mean, strict=True)
    ]


def main() -> None:
    parser = style.parser("curve", __doc__)
    parser.add_argument("metrics", help="metrics.csv")
    parser.add_argument("--species", default="A", choices=("A", "B"), help="whose scores (A)")
    arguments = parser.parse_args()
    series = scores.read(arguments.metrics, arguments.species)
    panels = {temperature: families(group) for temperature, group in scores.by_temperature(series)}
    panels = {temperature: found for temperature, found in panels.items() if found}
    if not panels:
        raise InputError(f"{arguments.metrics}: every model has one n_train, expected NAME_4 beside NAME, say")
    caption = (
        f"Pearson correlation of predicted and measured propensity of the {arguments.species} particles (mean over "
        "held-out configurations; bars: its standard error over them) against the number of configurations that the "
        "model was trained on. Colours: the first, the middle and the last time t; line styles: models. Thin lines: "
        f"the noise ceiling at that time, the largest correlation that any predictor can reach. t in τ; {style.UNITS}"
    )
    style.save(draw(panels), arguments.output, table(panels), caption)


if __name__ == "__main__":
    command.run(main)
