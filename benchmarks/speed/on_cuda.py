"""How things are timed on a GPU, and with which settings of our modules."""

import itertools
import statistics
import sys
import traceback
from collections.abc import Callable
from contextlib import contextmanager

import torch

from learn.models.bapst2020.fast import capture, edges_device

CUDA = torch.device("cuda")
Settings = dict[str, object]
MODULES = {"edges_device": edges_device, "capture": capture}
# Torch's operations instead of our kernels.
TORCH: Settings = {"edges_device.kernels": None}


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


def attempt(work: Callable, what: str):
    """Return what some work gives; None, with the traceback on the log, where it fails: the others go on."""
    try:
        return work()
    except Exception:
        print(f"{what}: failed", file=sys.stderr)
        traceback.print_exc()
        return None
