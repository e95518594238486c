"""How the networks learned: loss on the training, correlation on the validation configurations, by training step.

python -m analysis.figures.training history.csv [...] --labels "T = 0.7" [...] --output FIGURE.svg
"""

import re
from itertools import cycle, product

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import inputs, style
from simulate.stage import command
from simulate.stage.command import InputError

COLUMNS = ("step", "loss", "validation_r")


def draw(histories: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Return the figure: losses above, validation correlation below; `histories` by label."""
    rows = -(-len(histories) // 2)
    figure, axes = style.subplots(2, 1, height=1.1 * style.COLUMN + 0.17 * rows, sharex=True)
    losses, scores = axes[:, 0]
    looks = cycle(product(("-", "--"), style.LINES))
    for (line, colour), (label, history) in zip(looks, histories.items(), strict=False):
        # A model fitted in one step has a point, not a curve.
        look = {"color": colour, "linestyle": line, "marker": "o" if len(history["step"]) == 1 else ""}
        losses.plot(history["step"], history["loss"], **look)
        for name in at_single_times(history):
            scores.plot(history["step"], history[name], **look, linewidth=0.5, markersize=2, alpha=0.6)
        scores.plot(history["step"], history["validation_r"], **look, label=label)
    losses.set(ylabel="loss", yscale="log")
    scores.set(xlabel="training step", ylabel="validation $r$")
    style.shared_legend(figure, axes)
    style.letters(axes)
    return figure


def at_single_times(history: dict[str, np.ndarray]) -> list[str]:
    """Return the columns with the validation correlation at each time, where a network predicts several."""
    names = [name for name in history if re.fullmatch(r"validation_r_\d+", name)]
    return names if len(names) > 1 else []


def caption(histories: dict[str, dict[str, np.ndarray]]) -> str:
    """Return the caption, with the best validation correlation of each network."""
    best = ", ".join(f"{np.nanmax(history['validation_r']):.3f} ({label})" for label, history in histories.items())
    return (
        "How the networks learned. (a) Loss, the mean squared error of the propensity of the A particles (in the "
        "normalisation of the network) on the training configurations. (b) Pearson correlation r with the simulation "
        f"on the validation configurations, mean over configurations and times (thin: single times); "
        f"the weights with the largest are kept: {best}. One step: one configuration. The test configurations play no "
        "part in this."
    )


def main() -> None:
    parser = style.parser("training", __doc__)
    parser.add_argument("histories", nargs="+", help="history.csv of every network")
    parser.add_argument("--labels", nargs="+", required=True, help="a name for each, as 'T = 0.7'")
    arguments = parser.parse_args()
    labels, files = dict.fromkeys(arguments.labels), arguments.histories
    if len(labels) != len(files):
        raise InputError(f"--labels: {len(labels)} different ones for {len(files)} files, expected one for each")
    histories = {label: inputs.read_table(path, COLUMNS) for label, path in zip(labels, files, strict=True)}
    rows = [
        {"label": label, **row}
        for label, history in histories.items()
        for row in inputs.rows({name: history[name] for name in COLUMNS})
    ]
    style.save(draw(histories), arguments.output, rows, caption(histories))


if __name__ == "__main__":
    command.run(main)
