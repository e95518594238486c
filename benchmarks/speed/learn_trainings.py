"""What a whole training makes on a GPU: steps per second of the training loop; a part of learn_device.py."""

import itertools
import statistics
import time
from dataclasses import replace

import torch

from benchmarks.speed.on_cuda import CUDA, TORCH, Settings, attempt, median, recorded, set_to
from learn.models.bapst2020.model import Bapst2020
from learn.models.bapst2020.recipe import RECIPES
from learn.training.loop import Batch, fit


def batches(large: tuple, count: int = 4) -> list[Batch]:
    """Return training batches of one graph turned differently, with targets of noise: outputs as the default's."""
    (types, vectors, _, _), incidence = large
    made = []
    for _ in range(count):
        turn = torch.linalg.qr(torch.randn(3, 3, device=CUDA)).Q
        target = torch.randn(len(types), 4, device=CUDA)
        released = torch.randn(len(types), 4, 3, device=CUDA)
        made.append(Batch(types, vectors @ turn, incidence, target, types == 0, released))
    return made


TRAININGS: dict[str, tuple[dict, Settings]] = {
    "SOAP": ({}, {}),
    "SOAP, bases every 5 steps": ({}, {"optimisers.PRECONDITION_EVERY_ON_GPU": 5}),
    "SOAP, bases every 20 steps": ({}, {"optimisers.PRECONDITION_EVERY_ON_GPU": 20}),
    "SOAP, launched": ({}, {"capture.RECORD": False}),
    "SOAP, edges in bfloat16": ({"precision": "mixed"}, {}),
    "Adam": ({"optimiser": "adam", "learning_rate": 1e-3}, {}),
    "Adam, launched": ({"optimiser": "adam", "learning_rate": 1e-3}, {"capture.RECORD": False}),
    "Adam, edges in bfloat16": ({"optimiser": "adam", "learning_rate": 1e-3, "precision": "mixed"}, {}),
    "Adam, without kernels": ({"optimiser": "adam", "learning_rate": 1e-3}, TORCH),
}


def training(changes: dict, settings: Settings, made: list[Batch], per_epoch: int = 40, epochs: int = 5) -> float:
    """Return the steps per second of `learn.training.loop`, validation (one batch in forty) included."""
    recipe = replace(RECIPES["default"], pair_steps=0, **changes)
    torch.manual_seed(0)
    network = Bapst2020(outputs=16).to(CUDA)
    network.edge_scale = 0.05
    network.edge_type = torch.bfloat16 if recipe.precision == "mixed" else None
    names = {"train": [str(number) for number in range(per_epoch)], "validation": ["0"]}
    ends: list[float] = []
    with set_to(settings):
        fit(
            network,
            lambda name: made[int(name) % len(made)],
            names,
            recipe,
            epochs,
            0,
            report=lambda row: ends.append(time.perf_counter()),
        )
    return per_epoch / statistics.median(b - a for a, b in itertools.pairwise(ends[1:]))


def optimiser_times() -> None:
    """Print what SOAP's parts take alone."""
    from learn.models.bapst2020.fast.soap import BatchedSOAP

    network = Bapst2020(outputs=16).to(CUDA)
    soap = BatchedSOAP(network.parameters(), lr=1e-3, weight_decay=0.0, precondition_frequency=1)
    for _ in range(3):
        for weight in network.parameters():
            weight.grad = torch.randn_like(weight)
        soap.step()
    print(
        f"\nSOAP: a step {median(soap.apply):.3f} ms launched, {median(recorded(soap.apply)):.3f} ms recorded;", end=" "
    )
    print(f"new bases {median(soap.refresh):.2f} ms")


def trainings(large: tuple) -> None:
    made = batches(large)
    print("\n| training through learn.training.loop | steps per second | ms |\n|---|---|---|")
    for name, (changes, settings) in TRAININGS.items():
        speed = attempt(lambda changes=changes, settings=settings: training(changes, settings, made), name)
        if speed:
            print(f"| {name} | {speed:.0f} | {1e3 / speed:.2f} |", flush=True)
