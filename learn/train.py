"""Train a model: `python -m learn.train graphs.h5 --model NAME --output model.pt`.

Which models there are says `learn.models`; what a model makes of its training configurations is its own affair. It is
chosen on the validation split; the test split is never read. A run that was killed resumes from its state file
(`OUTPUT.state`) to exactly the result it would have had.
"""

import argparse
import os
from pathlib import Path

import numpy as np

from learn import models
from learn.data import dataset
from simulate.files import provenance, store, tables
from simulate.stage import command, options
from simulate.stage.command import InputError

# Networks that have nothing to learn: what analyses show of them they show of anything.
CONTROLS = ("untrained", "shuffled")
DEVICES = ("auto", "cpu", "cuda")


def chosen_times(
    graphs: Path, indices: list[int] | None, expression: str | None = None, relaxation: Path | None = None
) -> np.ndarray:
    """Return the times (M,) with the given indices in graphs.h5, the one that an expression means, or all."""
    time = dataset.times(graphs)
    if (expression is None) != (relaxation is None) or (indices and expression):
        raise InputError("--time: expected with --times-from, and without --time-index")
    if expression is not None and relaxation is not None:
        meant = store.read(relaxation, "relaxation").settings["times"]
        if expression not in meant:
            raise InputError(f"--time: {expression!r}, expected one of {relaxation}: {', '.join(meant)}")
        indices = np.flatnonzero(np.isclose(time, meant[expression])).tolist()
        if not indices:
            raise InputError(f"{graphs}: no time {meant[expression]:g}, expected that of {expression!r}")
    for index in indices or []:
        if not 0 <= index < len(time):
            raise InputError(f"--time-index {index}: {graphs} holds {len(time)} times, 0 to {len(time) - 1}")
    return time if indices is None else time[indices]


def parsed() -> tuple[argparse.Namespace, dict]:
    """Return the command line's options, and those of the model that it names."""
    first = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    first.add_argument("--model", default="bapst2020")
    named = first.parse_known_args()[0].model
    own = argparse.ArgumentParser(add_help=False)
    if named in models.MODELS:
        models.find(named).add_options(own)
    parser = options.Parser(prog="python -m learn.train", description=main.__doc__, parents=[own])
    add = parser.add_argument
    add("graphs", type=Path, nargs="+", help="graphs.h5, of one temperature each")
    add("--output", type=Path, required=True, help="MODEL.pt to write")
    add("--history", type=Path, help="training curves to write (.csv): one row per epoch")
    add("--model", choices=models.MODELS, default="bapst2020", help="which model; `--model NAME --help`: its options")
    add("--time-index", type=int, nargs="+", help="which times of graphs.h5, one output each (default: all)")
    add("--times-from", type=Path, metavar="RELAXATION", help="file that says which time --time means")
    add("--time", help="one time, as --times of analysis.relaxation had it")
    add("--samples", type=options.count, help="train on the first so many training configurations only (all)")
    add("--seed", type=options.natural, default=0)
    add("--start", type=Path, help="MODEL.pt to begin with instead of first weights")
    add("--control", choices=CONTROLS, help="a network that has nothing to learn, to compare with")
    add("--device", choices=DEVICES, default="auto", help="where the network is trained; auto: a GPU if any")
    cores = os.environ.get("OMP_NUM_THREADS", "1")
    add("--threads", type=options.count, default=cores, help="cores (OMP_NUM_THREADS, else 1)")
    arguments = parser.parse_args()
    return arguments, {name: getattr(arguments, name) for name in vars(own.parse_args([]))}


def main() -> None:
    """Train a model on the training split of graphs.h5; it is chosen on the validation split."""
    arguments, of_model = parsed()
    import torch

    from learn.models import checkpoint
    from learn.models.model import Task
    from learn.training import device as places
    from learn.training.memory import keep_freed_memory

    if arguments.control and arguments.start:
        raise InputError(f"--start {arguments.start}: not with --control, which is to know nothing of the propensity")
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    device = places.choose(arguments.device)
    places.announce(device)
    provenance.note_platform(device.label)
    state = arguments.output.with_name(arguments.output.name + ".state")
    task = Task(
        arguments.graphs,
        chosen_times(arguments.graphs[0], arguments.time_index, arguments.time, arguments.times_from),
        arguments.seed,
        arguments.samples,
        arguments.control,
        checkpoint.load(arguments.start) if arguments.start else None,
        device.torch,
        state,
        of_model,
    )
    trained, history = models.find(arguments.model).trained(task)
    if arguments.history:
        tables.write(arguments.history, list(history[0]), history)
    checkpoint.save(arguments.output, trained)
    state.unlink(missing_ok=True)
    best = max(history, key=lambda row: row["validation_r"])
    print(f"{arguments.output}: epoch {best['epoch']} of {len(history)}, validation r {best['validation_r']:.3f}")


if __name__ == "__main__":
    command.run(main)
