"""How the networks learned: loss and correlation on the validation configurations, by training step.

python -m analysis.figures.training history.csv [...] --labels "T = 0.7" [...] --output FIGURE.svg
"""

import argparse
from itertools import cycle

import numpy as np

from analysis.figures import style
from simulate import command
from simulate.command import InputError

COLUMNS = ("step", "loss", "validation_loss", "validation_r")


def draw(histories: dict[str, dict[str, np.ndarray]]):
    """Return the figure: losses above, validation correlation below; `histories` by label."""
    figure, axes = style.subplots(2, 1, height=1.1 * style.COLUMN, sharex=True)
    for colour, (label, history) in zip(cycle(style.LINES), histories.items(), strict=False):
        axes[0, 0].plot(history["step"], history["loss"], color=colour, linewidth=0.5, alpha=0.5)
        for axis, name in zip(axes[:, 0], ("validation_loss", "validation_r"), strict=True):
            known = np.isfinite(history[name])
            axis.plot(history["step"][known], history[name][known], color=colour, label=label)
    axes[0, 0].set(ylabel="loss", yscale="log")
    axes[1, 0].set(xlabel="training step", ylabel="validation $r$")
    axes[0, 0].legend()
    style.letter(axes[0, 0], "a")
    style.letter(axes[1, 0], "b")
    return figure


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
    return (
        "How the networks learned. (a) Loss, the mean squared error of the standardised propensity of the A particles: "
        "thick on the validation configurations, thin on the training configurations. (b) Pearson correlation with the "
        f"simulation on the validation configurations, mean over times and configurations; the weights with the "
        f"largest are kept: {best}. One step: one configuration. The test configurations play no part in this."
    )


def main() -> None:
    """Read the arguments, draw, write."""
    parser = argparse.ArgumentParser(prog="python -m analysis.figures.training", description=__doc__.splitlines()[0])
    parser.add_argument("histories", nargs="+", help="history.csv of every network")
    parser.add_argument("--labels", nargs="+", required=True, help="a name for each, as 'T = 0.7'")
    parser.add_argument("--output", required=True, type=style.svg, help="the figure (.svg)")
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
