"""Train a network: `python -m learn.train graphs.h5 --output model.pt`.

One graph per step, mean squared error over the A particles, the gradient clipped to norm 1, as published. The
configuration with the best mean correlation on the validation split is kept; the test split is never read.
Every random number follows from the seed and the step, so a run that was killed goes on from its state file
(`OUTPUT.state`) to exactly the result it would have had.
"""

import argparse
import csv
import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from learn import checkpoint, dataset, inherent, initial, pair_training
from learn.edges import Incidence
from learn.evaluate import correlation
from learn.memory import keep_freed_memory
from learn.model import Bapst2020
from simulate import command, seeds, store
from simulate.command import InputError, Interrupted


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; not what it is.

    learning_rate: of Adam, at its highest; warm_up: fraction of the steps over which it rises linearly; cosine: then
    falls to 0 along a half cosine; standardised: targets have mean 0 and variance 1 at each time, undone in the
    checkpoint; augmentation: 'cube', the 48 axis permutations and reflections, or 'rotation', any rotation with or
    without inversion; pair_steps: steps on pairs alone that make the first weights (`learn.pair_training`), 0 for
    weights drawn as published.
    """

    learning_rate: float
    warm_up: float
    cosine: bool
    standardised: bool
    augmentation: str
    pair_steps: int


RECIPES = {
    "published": Recipe(1e-4, 0.0, False, False, "cube", 0),
    "default": Recipe(1e-3, 0.05, True, True, "rotation", 800),
}


@dataclass
class Batch:
    """A sample as the training loop takes it: types (N,), vectors (E, 3), target (N, M) standardised, A (N,)."""

    types: torch.Tensor
    vectors: torch.Tensor
    incidence: Incidence
    target: torch.Tensor
    chosen: torch.Tensor


def loader(path: Path, time: np.ndarray, mean: np.ndarray, scale: np.ndarray, keep: int = 32) -> Callable:
    """Return a function name -> Batch that keeps the last few samples in memory."""

    @lru_cache(maxsize=keep)
    def load(name: str) -> Batch:
        sample = dataset.load(path, name).at(time)
        types, vectors, senders, receivers = checkpoint.tensors(sample.graph)
        target = torch.from_numpy(((sample.propensity.T - mean) / scale).astype(np.float32))
        return Batch(types, vectors, Incidence.of(senders, receivers, len(types)), target, types == 0)

    return load


def normalisation(path: Path, names: list[str], time: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return mean and deviation (M,) of the A particles' propensity, and the mean number of edges into a node."""
    total, squares, count = 0.0, 0.0, 0
    for name in names:
        sample = dataset.load(path, name).at(time)
        values = sample.propensity[:, sample.graph.types == 0]
        if not np.isfinite(values).all():
            raise InputError(f"{path}: the propensity of {name} holds NaN or infinite numbers")
        total, squares, count = total + values.sum(1), squares + (values**2).sum(1), count + values.shape[1]
    mean = total / count
    scale = np.sqrt(np.maximum(squares / count - mean**2, 0))
    if not (scale > 0).all():
        raise InputError(f"{path}: the propensity of the training configurations does not vary")
    return mean, scale


def orientation(random: np.random.Generator, augmentation: str) -> torch.Tensor:
    """Return an orthogonal matrix (3, 3) that turns the edge vectors of one step."""
    if augmentation == "cube":
        matrix = np.eye(3)[random.permutation(3)] * random.choice([-1.0, 1.0], 3)
    else:
        matrix, triangle = np.linalg.qr(random.normal(size=(3, 3)))
        # Signs that make the distribution uniform (Mezzadri, Notices AMS 54, 592 (2007)).
        matrix = matrix * np.sign(np.diag(triangle))
    return torch.from_numpy(matrix.astype(np.float32))


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Return the learning rate of a step: linear rise, then constant or half a cosine down to 0."""
    rise = max(1, round(recipe.warm_up * steps))
    factor = min(1.0, (step + 1) / rise)
    if recipe.cosine:
        factor *= 0.5 * (1 + math.cos(math.pi * step / steps))
    return recipe.learning_rate * factor


def correlations(network: Bapst2020, batches: Iterable[Batch]) -> np.ndarray:
    """Return Pearson's correlation over A particles at each time, (M,), averaged over samples."""
    each = []
    with torch.no_grad():
        for batch in batches:
            output = network.propagate(batch.types, batch.vectors, batch.incidence)[batch.chosen].numpy()
            target = batch.target[batch.chosen].numpy()
            each.append([correlation(x, y) for x, y in zip(output.T, target.T, strict=True)])
    return np.nan_to_num(np.mean(each, axis=0))


@dataclass
class Progress:
    """Where a run stands: everything its continuation depends on."""

    epoch: int
    network: dict
    optimiser: dict
    history: list[dict]
    best: dict
    best_r: float


def fit(
    network: Bapst2020,
    batch_of: Callable[[str], Batch],
    names: dict[str, list[str]],
    recipe: Recipe,
    epochs: int,
    seed: int,
    *,
    state: Path | None = None,
    report: Callable[[dict], None] = lambda row: None,
) -> list[dict]:
    """Train in place; return one row of history per epoch. The network ends as it was best on validation.

    names: the training and validation samples. With `state`, the run is written there every epoch and goes on from
    there. Raises InputError where training diverges, Interrupted where SIGTERM asks for the end.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    now = _resumed(state, network, optimiser, recipe, epochs, seed, names)
    validation = [batch_of(name) for name in names["validation"]] if len(names["validation"]) <= 8 else None
    steps = epochs * len(names["train"])
    with command.progress(steps, "train") as bar:
        bar.update(now.epoch * len(names["train"]))
        for epoch in range(now.epoch, epochs):
            losses = []
            order = seeds.generator(seed, "order", run=epoch).permutation(len(names["train"]))
            for step, index in enumerate(order, start=epoch * len(order)):
                rate = learning_rate(recipe, step, steps)
                losses.append(_step(network, optimiser, batch_of(names["train"][index]), recipe, rate, seed, step))
                bar.update()
            row = {"epoch": epoch + 1, "step": (epoch + 1) * len(order), "learning_rate": rate}
            r = correlations(network, validation or (batch_of(name) for name in names["validation"]))
            row |= {"loss": float(np.mean(losses)), "validation_r": float(r.mean())}
            row |= {f"validation_r_{index}": float(value) for index, value in enumerate(r)}
            _check(row, now.history)
            now.history.append(row)
            if row["validation_r"] > now.best_r or not now.best:
                now.best_r = row["validation_r"]
                now.best = {name: value.clone() for name, value in network.state_dict().items()}
            now.epoch = epoch + 1
            bar.set_postfix_str(f"epoch {now.epoch}, loss {row['loss']:.4g}, validation r {row['validation_r']:.3f}")
            report(row)
            _save(state, now, network, optimiser, recipe, epochs, seed, names)
            if command.stop_requested():
                raise Interrupted(f"stopped after epoch {now.epoch} of {epochs}; the same command goes on from there")
    network.load_state_dict(now.best)
    return now.history


def _step(network, optimiser, batch: Batch, recipe: Recipe, rate: float, seed: int, step: int) -> float:
    for group in optimiser.param_groups:
        group["lr"] = rate
    turn = orientation(seeds.generator(seed, "orientation", run=step), recipe.augmentation)
    output = network.propagate(batch.types, batch.vectors @ turn, batch.incidence)
    loss = ((output - batch.target)[batch.chosen] ** 2).mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        raise InputError(f"training diverged at step {step + 1}: loss {loss.item():.3g}; lower --learning-rate")
    optimiser.step()
    return loss.item()


def _check(row: dict, history: list[dict]) -> None:
    lowest = min((earlier["loss"] for earlier in history), default=row["loss"])
    if row["loss"] > 1000 * lowest:
        raise InputError(
            f"training diverged: loss {row['loss']:.3g} in epoch {row['epoch']}, {lowest:.3g} before; "
            "lower --learning-rate"
        )


def _signature(recipe: Recipe, epochs: int, seed: int, names: dict) -> str:
    return repr((asdict(recipe), epochs, seed, names))


def _save(state: Path | None, now: Progress, network, optimiser, recipe, epochs, seed, names) -> None:
    if state is None:
        return
    now.network, now.optimiser = network.state_dict(), optimiser.state_dict()
    content = {name: getattr(now, name) for name in Progress.__dataclass_fields__}
    with store.replacing(state) as temporary:
        torch.save(content | {"of": _signature(recipe, epochs, seed, names)}, temporary)


def _resumed(state: Path | None, network, optimiser, recipe, epochs, seed, names) -> Progress:
    """Return where the run of the state file stands, or a beginning where there is none of this very run."""
    fresh = Progress(0, {}, {}, [], {}, -math.inf)
    if state is None or not state.exists():
        return fresh
    try:
        content = checkpoint.read(state)
    except InputError:
        content = {}
    if content.pop("of", None) != _signature(recipe, epochs, seed, names):
        print(f"{state}: of another run, or damaged; starting anew", flush=True)
        return fresh
    now = Progress(**content)
    network.load_state_dict(now.network)
    optimiser.load_state_dict(now.optimiser)
    print(f"going on after epoch {now.epoch}", flush=True)
    return now


def train(
    graphs: Path,
    time: np.ndarray,
    recipe: Recipe,
    epochs: int,
    seed: int,
    begin: checkpoint.Trained | None = None,
    *,
    frugal: bool = False,
    **options,
) -> tuple[checkpoint.Trained, list[dict]]:
    """Train one network for the given times; return it and its history.

    `begin`: a network to go on from instead of first weights by the recipe.
    Raises InputError where splits overlap or are empty, targets are unusable, or training diverges.
    """
    dataset.check_separate(graphs)
    names = {split: dataset.samples(graphs, split) for split in ("train", "validation")}
    mean, scale = normalisation(graphs, names["train"], time)
    if not recipe.standardised:
        mean, scale = np.zeros_like(mean), np.ones_like(scale)
    network = Bapst2020(outputs=len(time))
    network.frugal = frugal
    batch_of = loader(graphs, time, mean, scale)
    training = (batch_of(name) for name in names["train"])
    if begin is not None:
        initial.take_over(network, begin, training)
    elif recipe.pair_steps:
        pair_training.prepare(network, training, seed, recipe.pair_steps)
    else:
        initial.draw(network, seed)
    history = fit(network, batch_of, names, recipe, epochs, seed, **options)
    network.fold()
    network.frugal = False
    described = dataset.settings(graphs)
    settings = {"model": "bapst2020", "cutoff": described["cutoff"], "temperature": described["temperature"]}
    settings |= {
        "species": "A",
        "seed": seed,
        "epochs": epochs,
        "recipe": asdict(recipe),
        "n_train": len(names["train"]),
    }
    return checkpoint.Trained(network.eval(), settings, time, mean, scale), history


def train_inherent(graphs: Path, time: np.ndarray) -> tuple[checkpoint.Trained, list[dict]]:
    """Train the linear model of inherent structures for the given times; return it and its one row of history."""
    network, row = inherent.train(graphs, time)
    described = dataset.settings(graphs)
    settings = {"model": inherent.KIND, "temperature": described["temperature"], "species": "AB"}
    settings |= {"generations": network.generations, "n_train": len(dataset.samples(graphs, "train"))}
    return checkpoint.Trained(network, settings, time, np.zeros(len(time)), np.ones(len(time))), [row]


def write_history(path: Path, history: list[dict]) -> None:
    """Write training curves as .csv: epoch, step, learning_rate, loss, validation_r, validation_r_0, ..."""
    with store.replacing(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)


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


def main() -> None:
    """Train a model on the training split of graphs.h5; the network is chosen on its validation split."""
    parser = argparse.ArgumentParser(prog="python -m learn.train", description=main.__doc__)
    add = parser.add_argument
    add("graphs", type=Path, help="graphs.h5")
    add("--output", type=Path, required=True, help="MODEL.pt to write")
    add("--history", type=Path, help="training curves to write (.csv)")
    add(
        "--model",
        choices=["bapst2020", inherent.KIND],
        default="bapst2020",
        help="the published network, or the linear model of inherent structures, which has no recipe, epochs or seed",
    )
    add("--time-index", type=int, nargs="+", help="which times of graphs.h5, one output each (default: all)")
    add("--seed", type=int, default=0)
    add("--epochs", type=int, default=40, help="passes over the training configurations (published: 1000)")
    add("--recipe", choices=RECIPES, default="default", help="how it is trained")
    add("--learning-rate", type=float, help="instead of the recipe's")
    add("--augmentation", choices=["cube", "rotation"], help="instead of the recipe's")
    add("--start", type=Path, help="MODEL.pt to go on from instead of first weights by the recipe")
    add("--frugal", action="store_true", help="half the memory, a little slower")
    add("--threads", type=int, default=1)
    add("--tensorboard", type=Path, metavar="FOLDER", help="write TensorBoard logs")
    arguments = parser.parse_args()
    if arguments.epochs < 1:
        raise InputError(f"--epochs {arguments.epochs}: expected at least 1")
    given = {name: getattr(arguments, name) for name in ("learning_rate", "augmentation")}
    recipe = replace(RECIPES[arguments.recipe], **{name: value for name, value in given.items() if value is not None})
    if not recipe.learning_rate > 0:
        raise InputError(f"--learning-rate {recipe.learning_rate}: expected a positive number")
    torch.set_num_threads(arguments.threads)
    if not arguments.frugal:
        keep_freed_memory()
    state = arguments.output.with_name(arguments.output.name + ".state")
    time = chosen_times(arguments.graphs, arguments.time_index)
    if arguments.model == inherent.KIND:
        trained, history = train_inherent(arguments.graphs, time)
    else:
        trained, history = train(
            arguments.graphs,
            time,
            recipe,
            arguments.epochs,
            arguments.seed,
            checkpoint.load(arguments.start) if arguments.start else None,
            frugal=arguments.frugal,
            state=state,
            report=tensorboard(arguments.tensorboard),
        )
    if arguments.history:
        write_history(arguments.history, history)
    checkpoint.save(arguments.output, trained)
    state.unlink(missing_ok=True)
    best = max(history, key=lambda row: row["validation_r"])
    print(f"{arguments.output}: epoch {best['epoch']} of {len(history)}, validation r {best['validation_r']:.3f}")


if __name__ == "__main__":
    command.run(main)
