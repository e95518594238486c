"""How the published network is trained: one graph per step, mean squared error over the A particles, as published.

By the default recipe it learns, beside the propensity, where particles get when released at rest: displacements that
show it, without noise, what to look at. Their outputs are left out afterwards.
"""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import torch

from learn.data import dataset
from learn.models.bapst2020 import initial, pair_training
from learn.models.bapst2020.model import Bapst2020, fast
from learn.models.bapst2020.recipe import Recipe, chosen, learning_rate, orientation
from learn.models.linear import descent
from learn.models.model import Task, Trained
from learn.training.batch import Batch, normalisation, reader
from learn.training.loop import Plan, fit
from simulate.files import restart
from simulate.liquid.configuration import Configuration
from simulate.stage import command

# Times after a release at rest, tau, whose displacements are learned beside the propensity.
RELEASES = (0.07, 0.12, 0.2, 0.4)
# Steps between two updates of the eigenbases of SOAP.
PRECONDITION_EVERY = 5


def train(task: Task) -> tuple[Trained, list[dict]]:
    """Train one network for the times of the task; it is returned on the processor, with its history.

    Raises InputError where splits overlap or are empty, targets are unusable, or training diverges.
    """
    graphs, time, recipe = task.graph_file, task.time, chosen(task.options)
    epochs, recurrences = task.options.get("epochs", 40), task.options.get("recurrences", 7)
    names = dataset.to_learn_from(graphs, task.samples)
    described = dataset.settings(graphs)
    untrained = task.control == "untrained"
    mean, scale = normalisation(graphs, names["train"], time)
    # An untrained network stays as it is: only its normalisation makes its outputs propensities.
    if not recipe.standardised and not untrained:
        mean, scale = np.zeros_like(mean), np.ones_like(scale)
    beside = released if recipe.release and not untrained else None
    outputs = len(time) + (0 if beside is None else 3 * len(RELEASES))
    network = Bapst2020(outputs, described["cutoff"], recurrences)
    network.precision = torch.bfloat16 if recipe.precision == "mixed" else None
    if untrained:
        initial.as_published(network, task.seed)
        history = [{"epoch": 0, "step": 0, "learning_rate": 0.0, "loss": np.nan, "validation_r": np.nan}]
    else:
        shuffle = task.seed if task.control == "shuffled" else None
        batch_of = reader(graphs, time, network.inputs, mean, scale, beside=beside, shuffle=shuffle, device=task.device)
        begin = _first_weights(network.to(task.device), recipe, task, lambda: map(batch_of, names["train"]))
        start = task.start and restart.fingerprint(*(each.numpy() for each in task.start.network.state_dict().values()))
        with command.polling():
            how = plan(network, recipe, epochs, task.seed)
            about = (asdict(recipe), recurrences, task.control, start)
            history = fit(network, batch_of, names, how, begin=begin, about=about, state=task.state)
    initial.fold(network.cpu())
    initial.keep_outputs(network, len(time))
    network.precision = None
    settings = {
        "model": network.name,
        "cutoff": network.cutoff,
        "recurrences": recurrences,
        "species": "A",
        "seed": task.seed,
        "epochs": epochs,
        "recipe": asdict(recipe),
        "n_train": len(names["train"]),
    }
    settings |= dataset.conditions(graphs) | ({"control": task.control} if task.control else {})
    return Trained(network.eval(), settings, time, mean, scale), history


def released(structure: Configuration) -> np.ndarray:
    """Return the displacements (N, len(RELEASES), 3) of a configuration after a release at rest."""
    positions = np.asarray(structure.positions, dtype=np.float64)
    return descent.displacements(positions, structure.types, structure.box, RELEASES)


def _first_weights(network: Bapst2020, recipe: Recipe, task: Task, batches: Callable) -> Callable[[], None]:
    """Return the function that gives the network its first weights, by its training batches."""
    start = task.start
    if start is not None:
        return command.polling(False)(lambda: initial.take_over(network, start, batches()))
    if not recipe.pair_steps:
        return lambda: initial.as_published(network, task.seed)
    # Before any state is read: the layer is part of it.
    layer = initial.centre(network)
    return command.polling(False)(
        lambda: pair_training.prepare(network, layer, batches(), task.seed, recipe.pair_steps)
    )


def plan(network: Bapst2020, recipe: Recipe, epochs: int, seed: int) -> Plan:
    """Return how the loop trains a network, on the device where it is."""
    on_gpu = next(network.parameters()).is_cuda
    if recipe.optimiser == "adam":
        optimiser: torch.optim.Optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=on_gpu)
    else:
        # Takes seconds to import.
        from pytorch_optimizer import SOAP

        optimiser = SOAP(
            network.parameters(),
            lr=recipe.learning_rate,
            weight_decay=0.0,
            precondition_frequency=PRECONDITION_EVERY,
        )
    return Plan(
        epochs,
        seed,
        optimiser,
        loss=lambda batch: losses(network, batch, recipe.release),
        rate=lambda step, steps: learning_rate(recipe, step, steps),
        vary=lambda batch, random: batch.rotated(orientation(random, recipe.augmentation)),
        recorded=lambda backward: backward if fast is None else fast.recorded(backward, on_gpu),
    )


def losses(network: Bapst2020, batch: Batch, release: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of the propensity, and that with what is learned beside it, of weight `release`."""
    output = network(batch.inputs)
    propensity, moved = output.split([batch.target.shape[1], output.shape[1] - batch.target.shape[1]], dim=1)
    # Without asking a GPU how many are chosen.
    loss = ((propensity - batch.target) ** 2).mean(dim=1) @ (batch.chosen / batch.chosen.sum())
    if not release:
        return loss, loss
    # The mean over components, the sum over times.
    beside = (moved.unflatten(1, (-1, 3)) - batch.displacements) ** 2
    return loss, loss + release * beside.mean(dim=(0, 2)).sum()
