"""Aggregate particle-steps per second of the ways to fill a device, against one plain context.

    python -m benchmarks.simulate_device                      # the fastest platform that works here, N = 4096
    python -m benchmarks.simulate_device --platform CPU --particles 256 --at-once 1 2 --supercell 1 2 --seconds 1

Ways: several contexts in threads of one process, or in processes of their own (on NVIDIA they overlap where MPS runs,
else they take turns), supercells, and precisions. All ways take turns in one run; printed are medians over rounds,
ratios of the same round to one plain context, and how many contexts the stage's own trial would choose. Wall time.
"""

import argparse
import multiprocessing
import statistics
from dataclasses import dataclass

from benchmarks.simulate import TEMPERATURE, liquid
from simulate import command, dynamics, ensemble, platform
from simulate.configuration import Configuration
from simulate.dynamics import Dynamics, Engine

START_LIMIT = 120.0


@dataclass(frozen=True)
class Way:
    """`count` contexts at once, in threads or in processes, each of edge^3 images, in a precision."""

    count: int = 1
    edge: int = 1
    apart: bool = False
    precision: str = "mixed"

    def __str__(self) -> str:
        kind = "processes" if self.apart else "threads"
        return f"{self.precision} | {self.count} {kind if self.count > 1 else ''} | {self.edge}"


def engine_of(system: Configuration, device: platform.Device) -> Engine:
    """Return a context as the isoconfigurational stage makes it."""
    return Engine(system.types, system.box, Dynamics("nve", TEMPERATURE, dynamics.TIME_STEP), device)


def rate(start: Configuration, name: str, way: Way, seconds: float) -> float:
    """Return the particle-steps per second that a way makes on the platform called `name`."""
    system = ensemble.supercell(start, way.edge)
    if way.apart:
        return _rate_of_processes(system, name, way, seconds)
    device = platform.choose(name, precision=way.precision)
    engines = [engine_of(system, device) for _ in range(way.count)]
    return ensemble.throughput(engines, system, seconds) * len(system.types)


def _rate_of_processes(system: Configuration, name: str, way: Way, seconds: float) -> float:
    apart = multiprocessing.get_context("spawn")
    barrier, rates = apart.Barrier(way.count, timeout=START_LIMIT), apart.Queue()
    arguments = (system, name, way.precision, seconds, barrier, rates)
    workers = [apart.Process(target=_worker, args=arguments) for _ in range(way.count)]
    for worker in workers:
        worker.start()
    found = [rates.get(timeout=2 * START_LIMIT + seconds) for _ in workers]
    for worker in workers:
        worker.join()
    return sum(found) * len(system.types)


def _worker(system: Configuration, name: str, precision: str, seconds: float, barrier, rates) -> None:
    engine = engine_of(system, platform.choose(name, precision=precision))
    barrier.wait()
    rates.put(ensemble.throughput([engine], system, seconds))


def ways_of(arguments: argparse.Namespace) -> list[Way]:
    """Return the ways to compare; the first is one plain context."""
    counts = [count for count in arguments.at_once if count > 1]
    ways = [Way()]
    ways += [Way(count) for count in counts] + [Way(count, apart=True) for count in counts]
    ways += [Way(count, edge) for edge in arguments.supercell if edge > 1 for count in (1, *counts[:1])]
    return ways + [Way(precision=precision) for precision in arguments.precision if precision != "mixed"]


def main() -> None:
    arguments = _arguments()
    device = platform.choose(arguments.platform)
    positions, types, box, _ = liquid(arguments.particles, device)
    start, ways = Configuration(positions, types, box, TEMPERATURE), ways_of(arguments)
    found = {way: [] for way in ways}
    with command.progress(arguments.rounds * len(ways), "ways", "way") as bar:
        for _ in range(arguments.rounds):
            for way in ways:
                found[way].append(rate(start, device.name, way, arguments.seconds))
                bar.update()
    print(f"{device.label}, N = {arguments.particles}")
    print(
        "| precision | contexts at once | supercell | 10^6 particle-steps per second | ratio |\n|---|---|---|---|---|"
    )
    for way, rates in found.items():
        ratio = statistics.median(a / b for a, b in zip(rates, found[ways[0]], strict=True))
        print(f"| {way} | {statistics.median(rates) / 1e6:.3f} | {ratio:.2f} |")
    if device.name in platform.DEVICES:
        chosen = ensemble.engines_by_trial(lambda: engine_of(start, device), start, 16, arguments.seconds)
        print(f"contexts at once that the stage chooses by trial: {len(chosen)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--platform", default="auto")
    parser.add_argument("--particles", type=int, default=4096)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--supercell", type=int, nargs="+", default=[1, 2, 3])
    precisions = ("single", "mixed", "double")
    parser.add_argument("--precision", nargs="+", default=precisions, choices=precisions)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
