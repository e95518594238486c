"""How `pairs` is made: the linear model from sums over the training configurations, then the networks, step by step.

All networks learn in one loop, from different first weights: one configuration per step, the squared error of the
propensity standardised per configuration and species, A and B weighed by SHARE_OF_B; AdamW with a half cosine.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from learn.data import dataset
from learn.data.dataset import Sample
from learn.data.inputs import Inputs
from learn.models.linear.ridge import Statistics, statistics
from learn.models.model import CPU, Task, Trained
from learn.models.pairs.inputs import Described, describe
from learn.models.pairs.model import Pairs
from learn.training.batch import Batch, shuffled
from learn.training.loop import Plan, fit
from simulate.stage import command, seeds
from simulate.stage.command import InputError

WARM_UP = 20
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.05
SHARE_OF_B = 0.25


def train(task: Task) -> tuple[Trained, list[dict]]:
    """Train the model for the times of the task; it is returned on the processor, with its history.

    Raises InputError where splits overlap or are empty, targets are unusable, or training diverges.
    """
    task.without("start")
    graphs, time, asked = task.graph_file, task.time, task.options
    names = dataset.to_learn_from(graphs, task.samples)
    settings = {"model": Pairs.name, "species": "AB", "seed": task.seed, "given": asked.get("given", 3)}
    settings |= {"layers": asked.get("layers", 3), "members": asked.get("members", 3), "steps": asked.get("steps", 250)}
    settings |= {"n_train": len(names["train"])} | dataset.conditions(graphs)
    settings |= {"control": task.control} if task.control else {}
    model = begun(settings, len(time), task.seed)

    def known(name: str) -> tuple[Described, np.ndarray]:
        sample = dataset.load(graphs, name).at(time)
        return describe(sample.configuration, model.linear), _target(sample, task)

    batch_of = prepared(model, known, names, task.device)
    if task.control == "untrained":
        model.linear.weight.zero_()
        history = [{"epoch": 0, "step": 0, "learning_rate": 0.0, "loss": np.nan, "validation_r": np.nan}]
    else:
        with command.polling():
            plan = plan_of(model, settings["steps"], len(names["train"]), task.seed)
            history = fit(model, batch_of, names, plan, about=(settings, task.control), state=task.state)
    return Trained(model.to(CPU).eval(), settings, time, np.zeros(len(time)), np.ones(len(time))), history


def begun(settings: Mapping, outputs: int, seed: int) -> Pairs:
    """Return the model with first weights, which follow from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Pairs.build(settings, outputs)


def prepared(
    model: Pairs,
    known: Callable[[str], tuple[Described, np.ndarray]],
    names: Mapping[str, Sequence[str]],
    device: torch.device = CPU,
) -> Callable[[str], Batch]:
    """Fit the linear model and set the scales, in place; return the function name -> Batch, all kept in memory.

    known: what is described of a configuration by name, and its propensity (M, N).
    """
    parts: dict[int, list[Statistics]] = {0: [], 1: []}
    inputs, targets = {}, {}
    with command.progress(sum(map(len, names.values())), "describe", "configuration") as bar:
        for name in names["train"]:
            found, targets[name] = known(name)
            types = found.inputs.types.numpy()
            for species, of_species in parts.items():
                if (types == species).any():
                    of_species.append(statistics(found.features, targets[name], types == species, found.level))
            # The networks learn without the linear model, whose features are larger than all else.
            nodes = torch.nn.functional.pad(found.inputs.nodes, (0, model.times))
            inputs[name] = replace(found.inputs, nodes=nodes)
            bar.update()
        present = {species: of_species for species, of_species in parts.items() if of_species}
        model.linear.fit(present)
        for name in names["validation"]:
            found, targets[name] = known(name)
            inputs[name] = model.completed(found)
            bar.update()
    for species, of_species in present.items():
        width = np.mean([np.sqrt(of.squares / of.count) for of in of_species], axis=0)
        if not (width > 0).all():
            raise InputError("the propensity of the training configurations does not vary")
        model.width[species] = torch.from_numpy(width)
    model.standardise([inputs[name] for name in names["train"]])
    model.to(device)
    batches = {name: _batch(of, targets[name]).to(device) for name, of in inputs.items()}
    return batches.__getitem__


def plan_of(model: Pairs, steps: int, configurations: int, seed: int) -> Plan:
    """Return how the networks learn: as many passes over the configurations as make about so many steps."""
    optimiser = torch.optim.AdamW(
        model.networks.parameters(), LEARNING_RATE, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY
    )
    return Plan(max(1, round(steps / configurations)), seed, optimiser, lambda batch: _losses(model, batch), _rate)


def _rate(step: int, steps: int) -> float:
    return LEARNING_RATE * min(1, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _losses(model: Pairs, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the squared error of the networks, to show and to descend."""
    square = (model.standardised(batch.inputs) - batch.target).square().mean(dim=(0, 2))
    of_a, of_b = batch.chosen.to(square.dtype), (~batch.chosen).to(square.dtype)
    each = [square @ (of / of.sum().clamp(min=1)) for of in (of_a, of_b)]
    loss = (1 - SHARE_OF_B) * each[0] + SHARE_OF_B * each[1]
    return loss, loss


def _target(sample: Sample, task: Task) -> np.ndarray:
    """Return the propensity (M, N), its particles exchanged where the task is to learn nothing."""
    if task.control != "shuffled":
        return sample.propensity
    random = seeds.generator(task.seed, f"shuffle {sample.name}")
    return sample.propensity[:, shuffled(sample.configuration.types, random)]


def _batch(inputs: Inputs, propensity: np.ndarray) -> Batch:
    """Return a batch whose target (N, M) has mean 0 and variance 1 over each species."""
    types = inputs.types.numpy()
    target = np.zeros(propensity.T.shape)
    for species in (0, 1):
        of = types == species
        if of.any():
            values = propensity.T[of]
            target[of] = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-12)
    chosen, nothing = torch.from_numpy(types == 0), torch.zeros(len(types), 0, 3)
    return Batch(inputs, torch.from_numpy(target.astype(np.float32)), chosen, nothing)
