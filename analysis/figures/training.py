"""How the networks learned: loss on the training, correlation on the validation configurations, by training step.

python -m analysis.figures.training history.csv [...] --labels "T = 0.7" [...] --output FIGURE.svg
"""

import re
from itertools import cycle, product

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import style
from simulate.stage import command
from simulate.stage.command import InputError

COLUMNS = ("step", "loss", "validation_r")


def draw(histories: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Return the figure: losses above, validation correlation below; `histories` by label."""
    rows = -(-len(histories) // 2)
    figure, axes = style.subplots(2, 1, height=1.1 * style.COLUMN + 0.17 * rows, sharex=True)
    looks = cycle(product(("-", "--"), style.LINES))
    for (line, colour), (label, history) in zip(looks, histories.items(), strict=False):
        # A model fitted in one step has a point, not a curve.
        look = {"color": colour, "linestyle": line, "marker": "o" if len(history["step"]) == 1 else ""}
        axes[0, 0].plot(history["step"], history["loss"], **look)
        for name in at_single_times(history):
            axes[1, 0].plot(history["step"], history[name], **look, linewidth=0.5, markersize=2, alpha=0.6)
        axes[1, 0].plot(history["step"], history["validation_r"], **look, label=label)
    axes[0, 0].set(ylabel="loss", yscale="log")
    axes[1, 0].set(xlabel="training step", ylabel="validation $r$")
    figure.legend(loc="outside lower center", ncols=2, columnspacing=1.0)
    style.letter(axes[0, 0], "a")
    style.letter(axes[1, 0], "b")
    return figure


def at_single_times(history: dict[str, np.ndarray]) -> list[str]:
    """Return the columns with the validation correlation at each time, where a network predicts several."""
    names = [name for name in history if re.fullmatch(r"validation_r_\d+", name)]
    return names if len(names) > 1 else []


def table(histories: dict[str, dict[str, np.ndarray]]) -> dict[str, list]:
    """Return all histories in one table."""
    lengths = [len(history["step"]) for history in histories.values()]
    labels = [label for label, length in zip(histories, lengths, strict=True) for _ in range(length)]
    return {"label": labels} | {
        name: [value for history in histories.values() for value in history[name]] for name in COLUMNS
    }


def caption(histories: dict[str, dict[str, np.ndarray]]) -> str:
    """Return the caption, with the best validation correlation of each network."""
    best = ", ".join(f"{np.nanmax(history['validation_r']):.3f} ({label})" for label, history in histories.items())
    thin = " (thin: single times)" if any(map(at_single_times, histories.values())) else ""
    return (
        "How the networks learned. (a) Loss, the mean squared error of the propensity of the A particles (in the "
        "normalisation of the network) on the training configurations. (b) Pearson correlation r with the simulation "
        f"on the validation configurations, mean over configurations and times{thin}; "
        f"the weights with the largest are kept: {best}. One step: one configuration. The test configurations play no "
        "part in this."
    )


def main() -> None:
    parser = style.parser("training", __doc__)
    parser.add_argument("histories", nargs="+", help="history.csv of every network")
    parser.add_argument("--labels", nargs="+", required=True, help="a name for each, as 'T = 0.7'")
    arguments = parser.parse_args()
    if len(set(arguments.labels)) != len(arguments.histories):
        raise InputError(
            f"--labels: {len(set(arguments.labels))} different ones for {len(arguments.histories)} files, "
            "expected one for each"
        )
    histories = {
        label: style.read_table(path, COLUMNS)
        for label, path in zip(arguments.labels, arguments.histories, strict=True)
    }
    style.save(draw(histories), arguments.output, table(histories), caption(histories))


if __name__ == "__main__":
    command.run(main)
