"""A training step of the published network on a GPU, and what a training makes.

    python benchmarks/learn.py --device cuda

All implementations are first compared with double precision, then take turns; printed are medians of milliseconds by
the device's own clock, launched from Python and recorded as a CUDA graph, and what memory and arithmetic allow.
"""

import argparse
import copy
import itertools
import multiprocessing
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import torch

from benchmarks.learn import compiled, geometric, liquid, plain, step
from learn import capture, edges, edges_device
from learn import fit as loop
from learn.edges import Incidence
from learn.fit import Batch, fit
from learn.model import RECURRENCES, WIDTH, Bapst2020
from learn.recipe import RECIPES

CUDA = torch.device("cuda")
STEPS = 10
Settings = dict[str, object]


def ours(network: Bapst2020, incidences: dict) -> Callable:
    """Return the network on incidences made beforehand, as training has them."""

    def forward(types, vectors, senders, receivers):
        return network.propagate(types, vectors, incidences[len(senders)])

    return forward


def ours_mixed(network: Bapst2020, incidences: dict) -> Callable:
    network.edge_type = torch.bfloat16
    return ours(network, incidences)


def plain_of(network: Bapst2020, incidences: dict) -> Callable:
    return plain(network)


def geometric_of(network: Bapst2020, incidences: dict) -> Callable:
    return geometric(network)


def compiled_of(network: Bapst2020, incidences: dict) -> Callable:
    return compiled(network)


# Name: how it is made, and the settings of modules it needs; edges_device.kernels = None: torch's operations.
TORCH = {"edges_device.kernels": None}
VARIANTS: dict[str, tuple[Callable, Settings]] = {
    "plain": (plain_of, {}),
    "PyTorch Geometric": (geometric_of, {}),
    "ours": (ours, {}),
    "ours, products tf32x3": (ours, {"edges_device.PRECISION": "tf32x3"}),
    "ours, products tf32": (ours, {"edges_device.PRECISION": "tf32"}),
    "ours, edges in bfloat16": (ours_mixed, {}),
    "ours, without kernels": (ours, TORCH),
    "ours, without kernels, edges in bfloat16": (ours_mixed, TORCH),
    "ours, without kernels, index_add": (ours, {**TORCH, "edges.REDUCTION": "index_add"}),
    "factorised, torch.compile": (compiled_of, {}),
}
# They ask the device for sizes on the way, which no recording can; one that fails leaves torch's generator unusable.
UNRECORDED = ("PyTorch Geometric", "ours, without kernels, index_add")
ON_REQUEST = ("factorised, torch.compile",)
MODULES = {"edges_device": edges_device, "edges": edges, "capture": capture, "fit": loop}


@contextmanager
def set_to(settings: Settings):
    """Set names of modules for a while."""
    before = {name: getattr(MODULES[name.split(".")[0]], name.split(".")[1]) for name in settings}
    try:
        for name, value in settings.items():
            setattr(MODULES[name.split(".")[0]], name.split(".")[1], value)
        yield
    finally:
        for name, value in before.items():
            setattr(MODULES[name.split(".")[0]], name.split(".")[1], value)


def milliseconds(work: Callable, count: int) -> list[float]:
    """Return what each of `count` runs takes on the device."""
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(count + 1)]
    marks[0].record()
    for mark in marks[1:]:
        work()
        mark.record()
    torch.cuda.synchronize()
    return [a.elapsed_time(b) for a, b in itertools.pairwise(marks)]


def median(work: Callable, count: int = 20, warm_up: int = 3) -> float:
    """Return the median of what a run takes, ms."""
    milliseconds(work, warm_up)
    return statistics.median(milliseconds(work, count))


def on_device(graph: tuple) -> tuple[tuple, Incidence]:
    types, _, senders, receivers = graph
    incidence = Incidence.of(senders, receivers, len(types)).to(CUDA)
    return tuple(array.to(CUDA) for array in graph), incidence


def difference(function: Callable, network: Bapst2020, inputs: tuple) -> float:
    """Return the largest relative difference of outputs and gradients from plain in double precision."""
    double = copy.deepcopy(network).double()
    exact = step(double.plain, double, tuple(each.double() if each.is_floating_point() else each for each in inputs))
    found = step(function, network, inputs)
    pairs = [
        (found, exact),
        *((a.grad, b.grad) for a, b in zip(network.parameters(), double.parameters(), strict=True)),
    ]
    return max(float((a.double() - b).norm() / b.norm()) for a, b in pairs)


def recorded(work: Callable) -> Callable:
    """Return the replay of some work as a CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


class Variant:
    """An implementation with a network of its own."""

    def __init__(self, name: str, large: tuple, small: tuple):
        make, self.settings = VARIANTS[name]
        self.name = name
        torch.manual_seed(0)
        self.network = Bapst2020().to(CUDA)
        (self.inputs, incidence), (little, other) = large, small
        incidences = {len(self.inputs[2]): incidence, len(little[2]): other}
        self.function = make(self.network, incidences)
        with set_to(self.settings):
            self.difference = difference(self.function, self.network, little)
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
            self.function(*self.inputs)

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


def attempt(work: Callable, what: str):
    """Return what some work gives; None, with the traceback on the log, where it fails: the others go on."""
    try:
        return work()
    except Exception:
        print(f"{what}: failed", file=sys.stderr)
        traceback.print_exc()
        return None


def compile_ahead(jobs: list[tuple[torch.dtype | None, Settings]]) -> None:
    """Compile the kernels of several settings at once, each in a process; what comes after finds them on disk."""
    with ProcessPoolExecutor(min(12, os.cpu_count() or 1), multiprocessing.get_context("spawn")) as pool:
        for message in pool.map(_compiled, jobs):
            if message:
                print(message, file=sys.stderr)


def _compiled(job: tuple[torch.dtype | None, Settings]) -> str:
    kind, settings = job
    try:
        inputs, incidence = on_device(liquid(216))
        network = Bapst2020().to(CUDA)
        network.edge_type = kind
        with set_to(settings):
            step(ours(network, {len(inputs[2]): incidence}), network, inputs)
    except Exception as error:
        return f"{settings}: {repr(error)[:300]}"
    return ""


def steps_table(arguments: argparse.Namespace, large: tuple, small: tuple) -> None:
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
        "| implementation | ms | plain / it | PyG / it | recorded, ms | forward, ms | recorded | memory, GB | error |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, variant in variants.items():
        ratios = [
            f"{statistics.median(a / b for a, b in zip(first[base], variant.rounds, strict=True)):.2f}"
            if base in first
            else ""
            for base in ("plain", "PyTorch Geometric")
        ]
        more = attempt(variant.more, name) or (float("nan"),) * 3
        numbers = " | ".join(f"{value:.3f}" for value in more)
        print(
            f"| {name} | {statistics.median(variant.rounds):.3f} | {' | '.join(ratios)} | {numbers}"
            f" | {variant.memory / 1e9:.2f} | {variant.difference:.1e} |",
            flush=True,
        )


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
    "SOAP, bases every 5 steps": ({}, {"fit.PRECONDITION_EVERY_ON_GPU": 5}),
    "SOAP, bases every 20 steps": ({}, {"fit.PRECONDITION_EVERY_ON_GPU": 20}),
    "SOAP, launched": ({}, {"capture.RECORD": False}),
    "SOAP, edges in bfloat16": ({"precision": "mixed"}, {}),
    "Adam": ({"optimiser": "adam", "learning_rate": 1e-3}, {}),
    "Adam, launched": ({"optimiser": "adam", "learning_rate": 1e-3}, {"capture.RECORD": False}),
    "Adam, edges in bfloat16": ({"optimiser": "adam", "learning_rate": 1e-3, "precision": "mixed"}, {}),
    "Adam, without kernels": ({"optimiser": "adam", "learning_rate": 1e-3}, TORCH),
}


def training(changes: dict, settings: Settings, made: list[Batch], per_epoch: int = 40, epochs: int = 5) -> float:
    """Return the steps per second of `learn.fit`, validation (one batch in forty) included."""
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
    from learn.soap import BatchedSOAP

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
    print("\n| training through learn.fit | steps per second | ms |\n|---|---|---|")
    for name, (changes, settings) in TRAININGS.items():
        speed = attempt(lambda changes=changes, settings=settings: training(changes, settings, made), name)
        if speed:
            print(f"| {name} | {speed:.0f} | {1e3 / speed:.2f} |", flush=True)


# Edges, products, warps, programs, block, stages.
SWEPT = [
    (kind, precision, warps, programs, block, stages)
    for kind, precision in ((None, "tf32x3"), (None, "bf16x3"), (torch.bfloat16, "tf32x3"))
    for warps, programs, block, stages in (
        ((8, 4, 4, 4), (2, 2, 2, 2), 64, 1),
        ((8, 4, 4, 4), (2, 2, 2, 2), 64, 2),
        ((8, 4, 4, 4), (1, 1, 1, 1), 64, 1),
        ((8, 8, 8, 8), (1, 1, 1, 1), 64, 1),
        ((8, 8, 8, 8), (2, 2, 2, 2), 64, 1),
        ((4, 4, 4, 4), (3, 3, 3, 3), 64, 1),
        ((4, 4, 4, 4), (3, 3, 3, 3), 32, 1),
        ((8, 8, 8, 8), (1, 1, 1, 1), 128, 1),
    )
]


def sweep(large: tuple) -> None:
    """Print ms of each kernel in a step, bound to other settings."""
    inputs, incidence = large
    names = ("PRECISION", "WARPS", "PROGRAMS", "BLOCK", "STAGES")
    jobs = [(kind, {f"edges_device.{n}": v for n, v in zip(names, values, strict=True)}) for kind, *values in SWEPT]
    attempt(lambda: compile_ahead(jobs), "compilation")
    print("| edges | products | warps | programs | block | stages | step, recorded | " + " | ".join(KERNELS) + " |")
    print("|---" * (7 + len(KERNELS)) + "|")
    for (kind, settings), (_, *values) in zip(jobs, SWEPT, strict=True):
        network = Bapst2020().to(CUDA)
        network.edge_type = kind
        function = ours(network, {len(inputs[2]): incidence})
        with set_to(settings):
            taken = attempt(
                lambda function=function, network=network: (
                    median(recorded(lambda: step(function, network, inputs)), 10),
                    *(sum(_profiled(function, network, inputs, name)) for name in KERNELS),
                ),
                str(settings),
            )
        shown = " | ".join(["float32" if kind is None else "bfloat16", *(str(value) for value in values)])
        print(f"| {shown} | {' | '.join(f'{each:.3f}' for each in taken or ())} |", flush=True)


KERNELS = ("step_forward", "step_backward", "sums", "encode_forward", "encode_backward")


def _profiled(function: Callable, network: Bapst2020, inputs: tuple, name: str) -> list[float]:
    """Return the ms of each run of a kernel in one step."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        step(function, network, inputs)
        torch.cuda.synchronize()
    return [row.self_device_time_total / 1e3 for row in profile.key_averages() if row.key.startswith(name)]


def kernels(large: tuple) -> None:
    """Print ms of each kernel in one step, by torch's profiler."""
    inputs, incidence = large
    for kind in (None, torch.bfloat16):
        network = Bapst2020().to(CUDA)
        network.edge_type = kind
        function = ours(network, {len(inputs[2]): incidence})
        step(function, network, inputs)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            step(function, network, inputs)
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
    large, small = (on_device(liquid(count)) for count in (arguments.particles, 216))
    count = len(large[0][2])
    print(
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}: {arguments.particles} particles, {count} edges\n"
    )
    if arguments.sweep:
        sweep(large)
        return
    steps_table(arguments, large, small)
    attempt(lambda: limits(count), "limits")
    attempt(optimiser_times, "optimiser")
    attempt(lambda: trainings(large), "trainings")
    attempt(lambda: kernels(large), "kernels")
    print(f"\n{time.perf_counter() - began:.0f} s")
