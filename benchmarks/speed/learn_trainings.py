"""What a whole training makes on a GPU: steps per second of the training loop; a part of learn_device.py."""

import time
from dataclasses import replace

import torch

from benchmarks.speed.on_cuda import CUDA, TORCH, Settings, attempt, set_to
from learn.data.inputs import Inputs
from learn.models.bapst2020 import initial, training
from learn.models.bapst2020.model import Bapst2020
from learn.models.bapst2020.recipe import RECIPES
from learn.training.batch import Batch
from learn.training.loop import fit


def batches(large: Inputs, count: int = 4) -> list[Batch]:
    """Return training batches of one graph rotated differently, with targets of noise: outputs as the default's."""
    made = []
    for _ in range(count):
        rotated = large.rotated(torch.linalg.qr(torch.randn(3, 3, device=CUDA)).Q)
        n = len(large.types)
        released = torch.randn(n, 4, 3, device=CUDA)
        made.append(Batch(rotated, torch.randn(n, 4, device=CUDA), large.types == 0, released))
    return made


ADAM = {"optimiser": "adam", "learning_rate": 1e-3}
TRAININGS: dict[str, tuple[dict, Settings]] = {
    "SOAP": ({}, {}),
    "SOAP, launched": ({}, {"capture.RECORD": False}),
    "SOAP, edges in bfloat16": ({"precision": "mixed"}, {}),
    "Adam": (ADAM, {}),
    "Adam, launched": (ADAM, {"capture.RECORD": False}),
    "Adam, edges in bfloat16": ({**ADAM, "precision": "mixed"}, {}),
    "Adam, without kernels": (ADAM, TORCH),
}


def speed(changes: dict, settings: Settings, made: list[Batch], per_epoch: int = 40, epochs: int = 4) -> float:
    """Return the steps per second of `learn.training.loop`, validation (one batch in forty) included."""
    recipe = replace(RECIPES["default"], pair_steps=0, **changes)
    torch.manual_seed(0)
    network = Bapst2020(outputs=16)
    initial.centre(network).scale.fill_(0.05)
    network.to(CUDA).precision = torch.bfloat16 if recipe.precision == "mixed" else None
    names = {"train": [str(number) for number in range(per_epoch)], "validation": ["0"]}
    taken = []
    with set_to(settings):
        # What the first epoch alone takes holds what happens once.
        for count in (1, 1 + epochs):
            began = time.perf_counter()
            fit(network, lambda name: made[int(name) % len(made)], names, training.plan(network, recipe, count, 0))
            taken.append(time.perf_counter() - began)
    return epochs * per_epoch / (taken[1] - taken[0])


def trainings(large: Inputs) -> None:
    """Print the table."""
    made = batches(large)
    print("\n| training through learn.training.loop | steps per second | ms |\n|---|---|---|")
    for name, (changes, settings) in TRAININGS.items():
        found = attempt(lambda changes=changes, settings=settings: speed(changes, settings, made), name)
        if found:
            print(f"| {name} | {found:.0f} | {1e3 / found:.2f} |", flush=True)
