"""One training step of the published network: ours, plain, and PyTorch Geometric (where installed).

    python benchmarks/speed/learn.py [--particles 4096 --rounds 5 --threads 1]
    python benchmarks/speed/learn.py --device cuda        # benchmarks/speed/learn_device.py

Every implementation runs in a process of its own (allocator settings are a process's), all take turns in one run;
printed are medians of CPU seconds per step, ratios to plain, and peak memory above that of the imports. Before any
clock starts, outputs and gradients are compared.
"""

import argparse
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from learn.data.graph import build
from learn.data.inputs import Inputs
from learn.models.bapst2020.fast import edges
from learn.models.bapst2020.fast.incidence import PIECE
from learn.models.bapst2020.model import RECURRENCES, WIDTH, Bapst2020
from learn.training.memory import keep_freed_memory

DENSITY = 1.2


def liquid(particles: int) -> Inputs:
    """Return the inputs of a graph as dense as the liquid: a jittered lattice, about 41 neighbours each."""
    random = np.random.default_rng(0)
    side = round(particles ** (1 / 3))
    lattice = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    spacing = DENSITY ** (-1 / 3)
    positions = spacing * (lattice + random.normal(scale=0.1, size=lattice.shape))
    types = (random.random(len(lattice)) < 0.2).astype(int)
    return Inputs.of(build(positions, types, np.full(3, side * spacing)))


def plain(network: Bapst2020) -> Callable:
    return network.plain


def ours(network: Bapst2020) -> Callable:
    keep_freed_memory()
    return network


def ours_mixed(network: Bapst2020) -> Callable:
    keep_freed_memory()
    network.precision = torch.bfloat16
    return network


def ours_without_allocator(network: Bapst2020) -> Callable:
    return network


def ours_with_scatter(network: Bapst2020) -> Callable:
    from torch_scatter import segment_csr

    def segment_sum(values, start, order=None):
        return segment_csr(values if order is None else values.index_select(0, order), start, reduce="sum")

    keep_freed_memory()
    edges.segment_sum = segment_sum
    return network


def geometric(network: Bapst2020) -> Callable:
    """Return the network as a PyTorch Geometric message-passing model with the same weights."""
    from torch_geometric.nn import MessagePassing

    class Recurrence(MessagePassing):
        """Edges first, from both ends and themselves; then nodes from the sum of incoming edges."""

        def __init__(self):
            super().__init__(aggr="add", flow="source_to_target")
            self.edge_mlp, self.node_mlp = network.edge_update, network.node_update

        def forward(self, x, edge_index, edge_attr):
            edge_attr = self.edge_updater(edge_index, x=x, edge_attr=edge_attr)
            return self.node_mlp(torch.cat([self.propagate(edge_index, edge_attr=edge_attr), x], dim=-1)), edge_attr

        def edge_update(self, x_i, x_j, edge_attr):
            return self.edge_mlp(torch.cat([edge_attr, x_i, x_j], dim=-1))

        def message(self, edge_attr):
            return edge_attr

    recurrence = Recurrence()

    def forward(inputs):
        edge_index = torch.stack([inputs.senders, inputs.receivers])
        node = node0 = network.node_encoder(inputs.types[:, None].float())
        edge = edge0 = network.edge_encoder(inputs.vectors[0])
        for _ in range(RECURRENCES):
            node, edge = recurrence(torch.cat([node, node0], -1), edge_index, torch.cat([edge, edge0], -1))
        return network.decoder(node)

    return forward


def compiled(network: Bapst2020) -> Callable:
    """Return the factorised network, its recurrences written plainly, as torch.compile makes it."""
    return torch.compile(partial(factorised, network), dynamic=False)


def factorised(network: Bapst2020, inputs: Inputs) -> torch.Tensor:
    """Return the network's output: as `fast.forward`, but one operation after another, and torch's gradients."""
    node = node0 = network.node_encoder(inputs.types[:, None].float())
    first, second = network.edge_update[0], network.edge_update[2]
    on_edge, on_edge0, on_to, on_to0, on_of, on_of0 = first.weight.T.split(WIDTH)
    on_sum, on_node, on_node0 = network.node_update[0].weight.T.split(WIDTH)
    edge = network.edge_encoder(inputs.vectors[0])
    constant = edge @ on_edge0
    to0, of0 = node0 @ on_to0 + first.bias, node0 @ on_of0
    from_node0 = node0 @ on_node0 + network.node_update[0].bias
    for _ in range(RECURRENCES):
        to, of = node @ on_to + to0, node @ on_of + of0
        hidden = torch.relu(edge @ on_edge + constant + to[inputs.receivers] + of[inputs.senders])
        edge = torch.relu(hidden @ second.weight.T + second.bias)
        total = torch.zeros_like(node).index_add(0, inputs.receivers, edge)
        node = network.node_update[1:](total @ on_sum + node @ on_node + from_node0)
    return network.decoder(node)


VARIANTS = {
    "plain": plain,
    "PyTorch Geometric": geometric,
    "ours": ours,
    "ours, edges in bfloat16": ours_mixed,
    "ours, memory returned": ours_without_allocator,
    "ours, sums by torch-scatter": ours_with_scatter,
    "factorised, torch.compile": compiled,
}
# Takes a minute to compile: only where it is asked for.
ON_REQUEST = ("factorised, torch.compile",)


def step(function: Callable, network: Bapst2020, inputs: Inputs) -> torch.Tensor:
    """Do one training step's forward and backward; return the output."""
    network.zero_grad(set_to_none=True)
    output = function(inputs)
    (output**2).mean().backward()
    return output


def worker(variant: str, particles: int, threads: int, pipe) -> None:
    """Serve steps of one variant: a message comes in, (CPU seconds, wall seconds, peak bytes) go out."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = Bapst2020()
    inputs = liquid(particles)
    try:
        function = VARIANTS[variant](network)
    except ImportError as error:
        pipe.send(str(error))
        return
    small = liquid(216)
    reference = step(network.plain, network, small).detach()
    expected = [parameter.grad.clone() for parameter in network.parameters()]
    found = step(function, network, small).detach()
    # Equal to rounding: of float32, or of bfloat16.
    most = 1e-4 if network.precision is None else 0.05
    for here, there in zip((found, *(p.grad for p in network.parameters())), (reference, *expected), strict=True):
        if not (here - there).norm() < most * there.norm():
            raise SystemExit(f"{variant}: not the same network")
    before = _peak()
    step(function, network, inputs)
    pipe.send(len(inputs.senders))
    while pipe.recv():
        cpu, wall = time.process_time(), time.perf_counter()
        step(function, network, inputs)
        pipe.send((time.process_time() - cpu, time.perf_counter() - wall, _peak() - before))


def rate(kind: torch.dtype) -> float:
    """Return the floating-point operations per second of the products that make up most of a step: its floor."""
    edge, weight = torch.randn(PIECE, 64).to(kind), torch.randn(64, 64).to(kind)
    taken = []
    for _ in range(300):
        began = time.perf_counter()
        edge @ weight
        taken.append(time.perf_counter() - began)
    return 2 * edge.numel() * 64 / statistics.median(taken)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--particles", type=int, default=4096, help="a cube of an integer (4096 = 16^3)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variants", nargs="+", help="by name; default: all but torch.compile")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    if arguments.device == "cuda":
        from benchmarks.speed import learn_device

        learn_device.run(arguments)
        return
    if unknown := set(arguments.variants or ()) - set(VARIANTS):
        parser.error(f"--variants {unknown.pop()}: expected some of {', '.join(VARIANTS)}")
    context = multiprocessing.get_context("spawn")
    running = {}
    for variant in arguments.variants or [name for name in VARIANTS if name not in ON_REQUEST]:
        here, there = context.Pipe()
        settings = (variant, arguments.particles, arguments.threads, there)
        process = context.Process(target=worker, args=settings, daemon=True)
        process.start()
        ready = here.recv()
        if isinstance(ready, str):
            print(f"{variant}: left out ({ready})")
        else:
            running[variant] = (here, [])
            count = ready
    print(f"{arguments.particles} particles, {count} edges with self-edges, {arguments.threads} thread(s)")
    for _ in range(arguments.rounds):
        for pipe, taken in running.values():
            pipe.send(True)
            taken.append(pipe.recv())
    torch.set_num_threads(arguments.threads)
    for kind in (torch.float32, torch.bfloat16):
        print(f"products of edges with 64 x 64 weights: {rate(kind) / 1e9:.0f} GFLOP/s in {kind}")
    report({variant: taken for variant, (_, taken) in running.items()})
    for pipe, _ in running.values():
        pipe.send(False)


def report(taken: dict[str, list[tuple[float, float, int]]]) -> None:
    """Print a table: medians over the rounds, and the median of the ratios within each round."""
    print(f"{'':30}{'CPU s':>8}{'wall s':>8}{'plain / it':>12}{'memory, GB':>12}")
    base = taken.get("plain") or next(iter(taken.values()))
    for variant, rounds in taken.items():
        cpu, wall, peak = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(first[0] / mine[0] for first, mine in zip(base, rounds, strict=True))
        print(f"{variant:30}{cpu:8.2f}{wall:8.2f}{ratio:12.2f}{peak / 1e9:12.2f}")


if __name__ == "__main__":
    main()
