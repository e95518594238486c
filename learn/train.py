"""Train a network: `python -m learn.train graphs.h5 --output model.pt`.

One graph per step, mean squared error over the A particles, the gradient clipped to norm 1, as published. The
configuration with the best mean correlation on the validation split is kept; the test split is never read.
A run that was killed goes on from its state file (`OUTPUT.state`) to exactly the result it would have had.
"""

import argparse
import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from learn.data import dataset
from learn.models import checkpoint
from learn.models.bapst2020 import initial, pair_training
from learn.models.bapst2020.fast.incidence import Incidence
from learn.models.bapst2020.fast.memory import keep_freed_memory
from learn.models.bapst2020.model import Bapst2020
from learn.models.bapst2020.recipe import RECIPES, Recipe
from learn.models.linear import descent
from learn.models.linear import model as inherent
from learn.training import device as places
from learn.training.loop import Batch, fit
from simulate.files import provenance, restart, tables
from simulate.stage import command, options, seeds
from simulate.stage.command import InputError

# Times after a release at rest, tau, whose displacements are learned beside the propensity.
RELEASES = (0.07, 0.12, 0.2, 0.4)
CPU = torch.device("cpu")
# Networks that have nothing to learn: what analyses show of them they show of anything.
CONTROLS = ("untrained", "shuffled")


def loader(
    path: Path,
    time: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    releases: Sequence[float] = (),
    keep: int = 32,
    shuffle: int | None = None,
    device: torch.device = CPU,
) -> Callable:
    """Return a function name -> Batch that keeps the last few samples in memory, or all on a GPU.

    `releases`: times after a release at rest whose displacements the batches carry. With a seed in `shuffle`,
    the targets of a sample change places (`shuffled`): their distribution stays, what they say of the structure goes.
    """

    @cache
    def displacements(name: str) -> torch.Tensor:
        graph = dataset.load(path, name).graph
        if not releases:
            return torch.zeros(len(graph.types), 0, 3)
        moved = descent.displacements(np.asarray(graph.positions, dtype=np.float64), graph.types, graph.box, releases)
        moved /= np.sqrt((moved**2).mean(axis=(0, 2), keepdims=True))
        return torch.from_numpy(moved.astype(np.float32))

    # A step on a GPU is quicker than reading its sample; a sample of 4096 particles takes 5 MB there.
    @lru_cache(maxsize=keep if device == CPU else None)
    def load(name: str) -> Batch:
        sample = dataset.load(path, name).at(time)
        types, vectors, senders, receivers = checkpoint.tensors(sample.graph)
        target = torch.from_numpy(((sample.propensity.T - mean) / scale).astype(np.float32))
        down = displacements(name)
        if shuffle is not None:
            places = shuffled(sample.graph.types, seeds.generator(shuffle, f"shuffle {name}"))
            target, down = target[places], down[places]
        incidence = Incidence.of(senders, receivers, len(types))
        return Batch(types, vectors, incidence, target, types == 0, down).to(device)

    return load


def shuffled(types: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a permutation (N,) that moves particles about at random among those of their species."""
    places = np.arange(len(types))
    for species in np.unique(types):
        members = np.flatnonzero(types == species)
        places[members] = random.permutation(members)
    return places


def normalisation(path: Path, names: list[str], time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation (M,) of the A particles' propensity."""
    total, squares, count = np.zeros(len(time)), np.zeros(len(time)), 0
    for name in names:
        sample = dataset.load(path, name).at(time)
        values = sample.propensity[:, sample.graph.types == 0]
        total, squares, count = total + values.sum(1), squares + (values**2).sum(1), count + values.shape[1]
    mean = total / count
    scale = np.sqrt(np.maximum(squares / count - mean**2, 0))
    if not (scale > 0).all():
        raise InputError(f"{path}: the propensity of the training configurations does not vary")
    return mean, scale


def train(
    graphs: Path,
    time: np.ndarray,
    recipe: Recipe,
    epochs: int,
    seed: int,
    begin: checkpoint.Trained | None = None,
    *,
    samples: int | None = None,
    frugal: bool = False,
    control: str | None = None,
    device: torch.device = CPU,
    **options: Any,
) -> tuple[checkpoint.Trained, list[dict]]:
    """Train one network for the given times; return it and its history.

    `begin`: a network to go on from instead of first weights by the recipe. `control`: 'shuffled' for targets that
    know nothing of the structure (`shuffled`), 'untrained' for weights as drawn at first (`initial.draw`).
    `samples`: how many of the training configurations it sees. `device`: where it is trained; the network returned is
    on the processor.
    Raises InputError where splits overlap or are empty, targets are unusable, or training diverges.
    """
    names = dataset.to_learn_from(graphs, samples)
    mean, scale = normalisation(graphs, names["train"], time)
    # An untrained network stays as it is drawn: only its normalisation makes its outputs propensities.
    if not recipe.standardised and control != "untrained":
        mean, scale = np.zeros_like(mean), np.ones_like(scale)
    releases = RELEASES if recipe.release and control != "untrained" else ()
    network = Bapst2020(outputs=len(time) + 3 * len(releases)).to(device)
    network.frugal = frugal
    network.edge_type = torch.bfloat16 if recipe.precision == "mixed" else None
    shuffle = seed if control == "shuffled" else None
    batch_of = loader(graphs, time, mean, scale, releases, shuffle=shuffle, device=device)

    @command.polling(False)
    def first_weights() -> None:
        training = (batch_of(name) for name in names["train"])
        if begin is not None:
            initial.take_over(network, begin, training)
        elif recipe.pair_steps:
            pair_training.prepare(network, training, seed, recipe.pair_steps)
        else:
            initial.draw(network, seed)

    if control == "untrained":
        initial.draw(network, seed)
        history = [{"epoch": 0, "step": 0, "learning_rate": 0.0, "loss": np.nan, "validation_r": np.nan}]
    else:
        start = begin and restart.fingerprint(*(array.numpy() for array in begin.network.state_dict().values()))
        about = (control, start)
        with command.polling():
            history = fit(network, batch_of, names, recipe, epochs, seed, begin=first_weights, about=about, **options)
    network.cpu().fold()
    network.keep_outputs(len(time))
    network.frugal, network.edge_type = False, None
    described = dataset.settings(graphs)
    settings = {"model": "bapst2020", "cutoff": described["cutoff"], "temperature": described["temperature"]}
    settings |= {
        "species": "A",
        "seed": seed,
        "epochs": epochs,
        "recipe": asdict(recipe),
        "n_train": len(names["train"]),
    }
    settings |= {"control": control} if control else {}
    return checkpoint.Trained(network.eval(), settings, time, mean, scale), history


def train_inherent(graphs: Path, time: np.ndarray, samples: int | None = None) -> tuple[checkpoint.Trained, list[dict]]:
    """Train the linear model of inherent structures for the given times; return it and its one row of history."""
    names = dataset.to_learn_from(graphs, samples)
    network, row = inherent.train(graphs, time, names)
    described = dataset.settings(graphs)
    settings = {"model": inherent.KIND, "temperature": described["temperature"], "species": "AB"}
    settings |= {"generations": inherent.GENERATIONS, "n_train": len(names["train"])}
    return checkpoint.Trained(network, settings, time, np.zeros(len(time)), np.ones(len(time))), [row]


def chosen_times(graphs: Path, indices: list[int] | None) -> np.ndarray:
    """Return the times (M,) with the given indices in graphs.h5, or all."""
    time = dataset.times(graphs)
    for index in indices or []:
        if not 0 <= index < len(time):
            raise InputError(f"--time-index {index}: {graphs} holds {len(time)} times, 0 to {len(time) - 1}")
    return time if indices is None else time[indices]


def tensorboard(folder: Path | None) -> Callable[[dict], None]:
    """Return a function that logs a row of history for TensorBoard, or does nothing without a folder."""
    if folder is None:
        return lambda row: None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError("--tensorboard: the package 'tensorboard' is not installed; pip install tensorboard") from None
    writer = SummaryWriter(folder)

    def log(row: dict) -> None:
        for name, value in itertools.islice(row.items(), 2, None):
            writer.add_scalar(name, value, row["step"])
        writer.flush()

    return log


def chosen_recipe(arguments: argparse.Namespace) -> Recipe:
    """Return the recipe, with what the command line gives instead of its own."""
    own = ("learning_rate", "augmentation", "optimiser", "pair_steps", "release", "precision")
    given = {name: getattr(arguments, name) for name in own}
    recipe = replace(RECIPES[arguments.recipe], **{name: value for name, value in given.items() if value is not None})
    if not recipe.learning_rate > 0:
        raise InputError(f"--learning-rate {recipe.learning_rate}: expected a positive number")
    if recipe.pair_steps < 0 or not recipe.release >= 0:
        raise InputError(f"--pair-steps {recipe.pair_steps}, --release {recipe.release}: expected nothing negative")
    return recipe


def main() -> None:
    """Train a model on the training split of graphs.h5; the network is chosen on its validation split."""
    parser = options.Parser(prog="python -m learn.train", description=main.__doc__)
    add = parser.add_argument
    add("graphs", type=Path, help="graphs.h5")
    add("--output", type=Path, required=True, help="MODEL.pt to write")
    add("--history", type=Path, help="training curves to write (.csv): one row per epoch")
    add(
        "--model",
        choices=["bapst2020", inherent.KIND],
        default="bapst2020",
        help="the published network, or the linear model of inherent structures, which has no recipe, epochs or seed",
    )
    add("--time-index", type=int, nargs="+", help="which times of graphs.h5, one output each (default: all)")
    add("--samples", type=options.count, help="train on the first so many training configurations only (all)")
    add("--seed", type=options.natural, default=0)
    add("--epochs", type=int, default=40, help="passes over the training configurations (published: 1000)")
    add("--recipe", choices=RECIPES, default="default", help="how it is trained")
    add("--learning-rate", type=float, help="instead of the recipe's")
    add("--augmentation", choices=["cube", "rotation"], help="instead of the recipe's")
    add("--optimiser", choices=["adam", "soap"], help="instead of the recipe's")
    add("--pair-steps", type=int, help="instead of the recipe's; 0: weights drawn as published")
    add("--release", type=float, help="weight of displacements after a release at rest, instead of the recipe's")
    add("--precision", choices=["float32", "mixed"], help="mixed: edges in bfloat16 (default: the recipe's, float32)")
    add("--start", type=Path, help="MODEL.pt to go on from instead of first weights by the recipe")
    add("--control", choices=CONTROLS, help="a network that has nothing to learn, to compare with")
    add("--frugal", action="store_true", help="half the memory, a little slower")
    add("--device", choices=places.CHOICES, default="auto", help="where the network is trained; auto: a GPU if any")
    add(
        "--threads",
        type=options.count,
        default=os.environ.get("OMP_NUM_THREADS", "1"),
        help="cores (OMP_NUM_THREADS, else 1)",
    )
    add("--tensorboard", type=Path, metavar="FOLDER", help="write TensorBoard logs")
    arguments = parser.parse_args()
    if arguments.epochs < 1:
        raise InputError(f"--epochs {arguments.epochs}: expected at least 1")
    recipe = chosen_recipe(arguments)
    if arguments.control and arguments.model != "bapst2020":
        raise InputError(f"--control {arguments.control}: expected --model bapst2020")
    if arguments.control and arguments.start:
        raise InputError(f"--start {arguments.start}: not with --control, which is to know nothing of the propensity")
    torch.set_num_threads(arguments.threads)
    if not arguments.frugal:
        keep_freed_memory()
    state = arguments.output.with_name(arguments.output.name + ".state")
    time = chosen_times(arguments.graphs, arguments.time_index)
    if arguments.model == inherent.KIND:
        trained, history = train_inherent(arguments.graphs, time, arguments.samples)
    else:
        device = places.choose(arguments.device)
        places.announce(device)
        provenance.note_platform(device.label)
        trained, history = train(
            arguments.graphs,
            time,
            recipe,
            arguments.epochs,
            arguments.seed,
            checkpoint.load(arguments.start) if arguments.start else None,
            samples=arguments.samples,
            frugal=arguments.frugal,
            control=arguments.control,
            device=device.torch,
            state=state,
            report=tensorboard(arguments.tensorboard),
        )
    if arguments.history:
        tables.write(arguments.history, list(history[0]), history)
    checkpoint.save(arguments.output, trained)
    state.unlink(missing_ok=True)
    best = max(history, key=lambda row: row["validation_r"])
    print(f"{arguments.output}: epoch {best['epoch']} of {len(history)}, validation r {best['validation_r']:.3f}")


if __name__ == "__main__":
    command.run(main)
