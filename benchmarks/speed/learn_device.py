"""A training step of the published network on a GPU, and what a training makes.

    python benchmarks/speed/learn.py --device cuda

All implementations are first compared with double precision, then take turns; printed are medians of milliseconds by
the device's own clock, launched from Python and recorded as a CUDA graph, and what memory and arithmetic allow.
"""

import argparse
import copy
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import torch

from benchmarks.speed import learn_trainings
from benchmarks.speed.learn import compiled, geometric, liquid, plain, step
from benchmarks.speed.on_cuda import CUDA, TORCH, Settings, attempt, median, milliseconds, recorded, set_to
from learn.data.inputs import Inputs
from learn.models.bapst2020.model import RECURRENCES, WIDTH, Bapst2020

STEPS = 10


def ours(network: Bapst2020) -> Callable:
    return network


def ours_mixed(network: Bapst2020) -> Callable:
    network.precision = torch.bfloat16
    return network


# Name: how it is made of a network, and the settings of modules it needs.
VARIANTS: dict[str, tuple[Callable, Settings]] = {
    "plain": (plain, {}),
    "PyTorch Geometric": (geometric, {}),
    "ours": (ours, {}),
    "ours, products tf32x3": (ours, {"edges_device.PRECISION": "tf32x3"}),
    "ours, products tf32": (ours, {"edges_device.PRECISION": "tf32"}),
    "ours, edges in bfloat16": (ours_mixed, {}),
    "ours, without kernels": (ours, TORCH),
    "ours, without kernels, edges in bfloat16": (ours_mixed, TORCH),
    "factorised, torch.compile": (compiled, {}),
}
# They ask the device for sizes on the way, which no recording can; one that fails leaves torch's generator unusable.
UNRECORDED = ("PyTorch Geometric",)
ON_REQUEST = ("factorised, torch.compile",)


def difference(function: Callable, network: Bapst2020, inputs: Inputs) -> float:
    """Return the largest relative difference of outputs and gradients from plain in double precision."""
    double = copy.deepcopy(network).double()
    exact = step(double.plain, double, replace(inputs, vectors=inputs.vectors.double()))
    found = step(function, network, inputs)
    pairs = [
        (found, exact),
        *((a.grad, b.grad) for a, b in zip(network.parameters(), double.parameters(), strict=True)),
    ]
    return max(float((a.double() - b).norm() / b.norm()) for a, b in pairs)


class Variant:
    """An implementation with a network of its own."""

    def __init__(self, name: str, large: Inputs, small: Inputs):
        make, self.settings = VARIANTS[name]
        self.name = name
        torch.manual_seed(0)
        self.network = Bapst2020().to(CUDA)
        self.inputs = large
        self.function = make(self.network)
        with set_to(self.settings):
            self.difference = difference(self.function, self.network, small)
            step(self.function, self.network, self.inputs)
            self.network.zero_grad(set_to_none=True)
            torch.cuda.synchronize()
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            step(self.function, self.network, self.inputs)
            torch.cuda.synchronize()
            self.memory = torch.cuda.max_memory_allocated() - before
        self.rounds: list[float] = []

    def step(self) -> None:
        step(self.function, self.network, self.inputs)

    def forward(self) -> None:
        with torch.no_grad():
            self.function(self.inputs)

    def round(self) -> None:
        with set_to(self.settings):
            self.rounds.append(statistics.median(milliseconds(self.step, STEPS)))

    def more(self) -> tuple[float, float, float]:
        """Return ms of a recorded step, of inference, and of recorded inference; NaN where it cannot be recorded."""
        with set_to(self.settings):
            inference = median(self.forward)
            if self.name in UNRECORDED:
                return float("nan"), inference, float("nan")
            return median(recorded(self.step)), inference, median(recorded(self.forward))


def compile_ahead(jobs: list[tuple[torch.dtype | None, Settings]]) -> None:
    """Compile the kernels of several settings at once, each in a process; what comes after finds them on disk."""
    with ProcessPoolExecutor(min(12, os.cpu_count() or 1), multiprocessing.get_context("spawn")) as pool:
        for message in pool.map(_compiled, jobs):
            if message:
                print(message, file=sys.stderr)


def _compiled(job: tuple[torch.dtype | None, Settings]) -> str:
    kind, settings = job
    try:
        network = Bapst2020().to(CUDA)
        network.precision = kind
        with set_to(settings):
            step(network, network, liquid(216).to(CUDA))
    except Exception as error:
        return f"{settings}: {repr(error)[:300]}"
    return ""


def steps_table(arguments: argparse.Namespace, large: Inputs, small: Inputs) -> None:
    names = arguments.variants or [name for name in VARIANTS if name not in ON_REQUEST]
    kinds = {ours: None, ours_mixed: torch.bfloat16}
    wanted = [VARIANTS[name] for name in names]
    jobs = [
        (kinds[make], settings) for make, settings in wanted if make in kinds and not TORCH.items() <= settings.items()
    ]
    attempt(lambda: compile_ahead(jobs), "compilation")
    variants = {name: attempt(lambda name=name: Variant(name, large, small), name) for name in names}
    variants = {name: variant for name, variant in variants.items() if variant}
    for _ in range(arguments.rounds):
        for variant in variants.values():
            variant.round()
    first = {name: variants[name].rounds for name in ("plain", "PyTorch Geometric") if name in variants}
    print(
        "| implementation | launched, ms | recorded, ms | plain / recorded | PyG / recorded | inference, ms |"
        " recorded, ms | memory, GB | error |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, variant in variants.items():
        whole, *inference = attempt(variant.more, name) or (float("nan"),) * 3
        ratios = [statistics.median(first.get(base, [float("nan")])) / whole for base in ("plain", "PyTorch Geometric")]
        numbers = (statistics.median(variant.rounds), whole, *ratios, *inference, variant.memory / 1e9)
        shown = " | ".join(f"{value:.2f}" for value in numbers)
        print(f"| {name} | {shown} | {variant.difference:.1e} |", flush=True)


def edge_arrays() -> int:
    """Return how many arrays as long as the edges a step reads and writes, each once where it is needed.

    Forward: the encoder writes inner and constant; each recurrence reads inner, and, but for the last, reads constant
    and writes the next inner. Backward: each recurrence reads inner, writes its gradient and reads that again for the
    sums over edges; all but the last read the gradient of the next. The gradient of constant is that of the last but
    one recurrence, to which five are added, each a reading and a writing; the encoder reads two gradients.
    """
    forward = 2 + RECURRENCES + 2 * (RECURRENCES - 1)
    backward = 3 * RECURRENCES + (RECURRENCES - 1) + 2 * (RECURRENCES - 2) + 2
    return forward + backward


def limits(count: int) -> None:
    """Print what the device copies and multiplies, and what a step needs at least."""
    source = torch.empty(1 << 28, dtype=torch.float32, device=CUDA).normal_()
    target = torch.empty_like(source)
    bandwidth = 2 * source.numel() * 4 / median(lambda: target.copy_(source)) * 1e3
    print(f"\ncopies within the device: {bandwidth / 1e12:.2f} TB/s, read and written")
    rates = {}
    for name, kind, fast in (
        ("float32", torch.float32, False),
        ("tf32", torch.float32, True),
        ("bfloat16", torch.bfloat16, False),
    ):
        torch.backends.cuda.matmul.allow_tf32 = fast
        x, y = (torch.randn(8192, 8192, device=CUDA).to(kind) for _ in range(2))
        rates[name] = 2 * 8192**3 / median(lambda x=x, y=y: x @ y, 5) * 1e3
        edge, weight = torch.randn(count, WIDTH, device=CUDA).to(kind), torch.randn(WIDTH, WIDTH, device=CUDA).to(kind)
        narrow = 2 * count * WIDTH**2 / median(lambda edge=edge, weight=weight: edge @ weight) * 1e3
        print(f"products in {name}: {rates[name] / 1e12:.0f} TFLOP/s; of edges with 64 x 64: {narrow / 1e12:.1f}")
    torch.backends.cuda.matmul.allow_tf32 = False
    operations = 3 * 2 * (2 * RECURRENCES + 2) * count * WIDTH**2
    for name, size, rate in (
        ("float32", 4, rates["float32"]),
        ("float32, products bf16x3", 4, rates["bfloat16"] / 3),
        ("bfloat16", 2, rates["bfloat16"]),
    ):
        moved = edge_arrays() * count * WIDTH * size
        print(
            f"edges in {name}: {moved / 1e9:.2f} GB ({edge_arrays()} arrays), {moved / bandwidth * 1e3:.3f} ms;"
            f" {operations / 1e9:.0f} GFLOP, {operations / rate * 1e3:.3f} ms"
        )


def kernels(large: Inputs) -> None:
    """Print ms of each kernel in one step, by torch's profiler."""
    for kind in (None, torch.bfloat16):
        network = Bapst2020().to(CUDA)
        network.precision = kind
        step(network, network, large)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            step(network, network, large)
            torch.cuda.synchronize()
        print(f"\nkernels of a step, edges in {kind or torch.float32}:")
        rows = sorted(profile.key_averages(), key=lambda row: -row.self_device_time_total)
        for row in rows[:12]:
            print(f"{row.self_device_time_total / 1e3:9.3f} ms {row.count:5d} x {row.key[:90]}")
        taken, count = sum(row.self_device_time_total for row in rows), sum(row.count for row in rows)
        print(f"{taken / 1e3:9.3f} ms {count:5d} in all")


def run(arguments: argparse.Namespace) -> None:
    """Measure all and print it."""
    began = time.perf_counter()
    large, small = (liquid(count).to(CUDA) for count in (arguments.particles, 216))
    count = len(large.senders)
    print(
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}: {arguments.particles} particles, {count} edges\n"
    )
    steps_table(arguments, large, small)
    attempt(lambda: limits(count), "limits")
    attempt(lambda: learn_trainings.trainings(large), "trainings")
    attempt(lambda: kernels(large), "kernels")
    print(f"\n{time.perf_counter() - began:.0f} s")
