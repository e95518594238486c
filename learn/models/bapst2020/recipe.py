"""How a network is trained: the published recipe, and the one that learns in minutes."""

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from simulate.stage import options
from simulate.stage.command import InputError


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; not what it is.

    learning_rate: of the optimiser, at its highest; warm_up: steps over which it rises linearly; cosine: then falls to
    0 along a half cosine; standardised: targets have mean 0 and variance 1 at each time, undone in the checkpoint;
    augmentation: 'cube', the 48 axis permutations and reflections, or 'rotation', any rotation with or without
    inversion; pair_steps: steps on pairs alone that make the first weights (`pair_training`), 0: as published;
    optimiser: 'adam', or 'soap', Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al., ICLR 2025); release:
    weight in the loss of where particles get when released at rest (`linear.descent`), which is learned beside the
    propensity and shows the network, without noise, what to look at. 0 for the propensity alone; precision: 'float32',
    or 'mixed', bfloat16 along the edges (`learn.models.bapst2020.fast.edges`).
    """

    learning_rate: float
    warm_up: int
    cosine: bool
    standardised: bool
    augmentation: str
    pair_steps: int
    optimiser: str
    release: float
    precision: str = "float32"


RECIPES = {
    "published": Recipe(
        learning_rate=1e-4,
        warm_up=0,
        cosine=False,
        standardised=False,
        augmentation="cube",
        pair_steps=0,
        optimiser="adam",
        release=0.0,
    ),
    "default": Recipe(
        learning_rate=1e-2,
        warm_up=50,
        cosine=True,
        standardised=True,
        augmentation="rotation",
        pair_steps=800,
        optimiser="soap",
        release=1.0,
    ),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what a command line can ask for: a recipe, and what is to be otherwise than it says."""
    add = parser.add_argument
    add("--epochs", type=options.count, default=40, help="passes over the training configurations (published: 1000)")
    add("--recurrences", type=options.count, default=7, help="of the graph network: how many edges it sees (7)")
    add("--recipe", choices=RECIPES, default="default", help="how it is trained")
    add("--learning-rate", type=float, help="instead of the recipe's")
    add("--augmentation", choices=["cube", "rotation"], help="instead of the recipe's")
    add("--optimiser", choices=["adam", "soap"], help="instead of the recipe's")
    add("--pair-steps", type=int, help="instead of the recipe's; 0: weights sampled as published")
    add("--release", type=float, help="weight of displacements after a release at rest, instead of the recipe's")
    add("--precision", choices=["float32", "mixed"], help="mixed: edges in bfloat16 (default: the recipe's, float32)")


def chosen(given: Mapping[str, Any]) -> Recipe:
    """Return the recipe that is asked for, with what is given instead of its own."""
    recipe = RECIPES[given.get("recipe", "default")]
    instead = {name: given[name] for name in vars(recipe) if given.get(name) is not None}
    recipe = replace(recipe, **instead)
    if not recipe.learning_rate > 0:
        raise InputError(f"--learning-rate {recipe.learning_rate}: expected a positive number")
    if recipe.pair_steps < 0 or not recipe.release >= 0:
        raise InputError(f"--pair-steps {recipe.pair_steps}, --release {recipe.release}: expected nothing negative")
    return recipe


def orientation(random: np.random.Generator, augmentation: str) -> torch.Tensor:
    """Return an orthogonal matrix (3, 3) that rotates the vectors of one step."""
    if augmentation == "cube":
        matrix = np.eye(3)[random.permutation(3)] * random.choice([-1.0, 1.0], 3)
    else:
        matrix, triangle = np.linalg.qr(random.normal(size=(3, 3)))
        # Signs that make the distribution uniform (Mezzadri, Notices AMS 54, 592 (2007)).
        matrix = matrix * np.sign(np.diag(triangle))
    return torch.from_numpy(matrix.astype(np.float32))


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Return the learning rate of a step: linear rise, then constant or half a cosine down to 0."""
    factor = min(1.0, (step + 1) / max(1, recipe.warm_up))
    if recipe.cosine:
        factor *= 0.5 * (1 + math.cos(math.pi * step / steps))
    return recipe.learning_rate * factor
