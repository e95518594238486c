"""Aggregate particle-steps per second of the ways to fill a device, against one plain context.

    python -m benchmarks.speed.simulate_device                      # the fastest platform that works here, N = 4096
    python -m benchmarks.speed.simulate_device --platform CPU --particles 256 --at-once 1 2 --supercell 1 2 --seconds 1

Ways: several contexts in threads of one process, or in processes of their own (on NVIDIA they overlap where MPS runs,
else they take turns), supercells, precisions, and a thread that spins while it waits for the device, instead of
sleeping. All ways take turns in one run; printed are medians over rounds, ratios of the same round to one plain
context, and how many contexts the stage's own trial would choose. Wall time.
"""

import argparse
import multiprocessing
import queue
import statistics
import sys
from dataclasses import dataclass
from functools import partial

import openmm

from benchmarks.speed.simulate import TEMPERATURE, liquid
from simulate.liquid import dynamics, ensemble, platform
from simulate.liquid.configuration import Configuration
from simulate.liquid.dynamics import Dynamics, Engine
from simulate.stage import command
from simulate.stage.command import InputError

START_LIMIT = 20.0


@dataclass(frozen=True)
class Way:
    """`count` contexts at once, in threads or in processes, each of edge^3 images, in a precision."""

    count: int = 1
    edge: int = 1
    apart: bool = False
    precision: str = "mixed"
    spin: bool = False

    def __str__(self) -> str:
        kind = "processes" if self.apart else "threads" if self.count > 1 else ""
        waiting = "spins" if self.spin else "sleeps"
        return f"{self.precision} | {self.count} {kind}".rstrip() + f" | {waiting} | {self.edge}"

    def device(self, name: str) -> platform.Device:
        """Return the platform called `name` as this way uses it."""
        device = platform.choose(name, precision=self.precision)
        if self.spin and "UseBlockingSync" in device.platform.getPropertyNames():
            device.properties |= {"UseBlockingSync": "false"}
        return device


def rate(start: Configuration, name: str, way: Way, seconds: float) -> float:
    """Return the particle-steps per second that a way makes on the platform called `name`.

    NaN where the device does not bear so many contexts (MPS: 48).
    """
    system = ensemble.supercell(start, way.edge)
    try:
        if way.apart:
            return _rate_of_processes(system, name, way, seconds)
        device = way.device(name)
        return ensemble.throughput([engine_of(system, device) for _ in range(way.count)], system, seconds) * len(
            system.types
        )
    except (InputError, openmm.OpenMMException, queue.Empty) as error:
        print(f"{way}: {error}", file=sys.stderr, flush=True)
        return float("nan")


def engine_of(system: Configuration, device: platform.Device) -> Engine:
    """Return a context as the isoconfigurational stage makes it."""
    return Engine(system.types, system.box, Dynamics("nve", TEMPERATURE, dynamics.TIME_STEP), device)


def _rate_of_processes(system: Configuration, name: str, way: Way, seconds: float) -> float:
    apart = multiprocessing.get_context("spawn")
    barrier, rates = apart.Barrier(way.count, timeout=START_LIMIT), apart.Queue()
    workers = [
        apart.Process(target=_worker, args=(system, name, way, seconds, barrier, rates)) for _ in range(way.count)
    ]
    for worker in workers:
        worker.start()
    found = [rates.get(timeout=START_LIMIT + seconds) for _ in workers]
    for worker in workers:
        worker.join()
    return sum(found) * len(system.types)


def _worker(system: Configuration, name: str, way: Way, seconds: float, barrier, rates) -> None:
    engine = engine_of(system, way.device(name))
    barrier.wait()
    rates.put(ensemble.throughput([engine], system, seconds))


def ways_of(arguments: argparse.Namespace) -> list[Way]:
    """Return the ways to compare; the first is one plain context."""
    together = [Way(count) for count in arguments.at_once if count > 1]
    apart = [Way(count, apart=True) for count in arguments.processes]
    cells = [Way(count, edge) for edge in arguments.supercell if edge > 1 for count in (1, 2)]
    precisions = [Way(precision=precision) for precision in arguments.precision if precision != "mixed"]
    spinning = [Way(count, spin=True) for count in arguments.spin]
    return [Way(), *together, *apart, *cells, *precisions, *spinning]


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
    print("| precision | contexts at once | waiting, a thread | supercell | 10^6 particle-steps per second | ratio |")
    print("|---|---|---|---|---|---|")
    for way, rates in found.items():
        ratio = statistics.median(a / b for a, b in zip(rates, found[ways[0]], strict=True))
        print(f"| {way} | {statistics.median(rates) / 1e6:.3f} | {ratio:.2f} |")
    if device.name in platform.DEVICES:
        make = partial(engine_of, start, device)
        chosen = ensemble.engines_by_trial(make, start, 32, seconds=arguments.seconds)
        print(f"contexts at once that the stage chooses by trial: {len(chosen)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--platform", default="auto")
    parser.add_argument("--particles", type=int, default=4096)
    parser.add_argument("--at-once", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--processes", type=int, nargs="*", default=[2, 4, 8])
    parser.add_argument("--supercell", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--spin", type=int, nargs="*", default=[1], help="contexts whose threads spin")
    precisions = ("single", "mixed", "double")
    parser.add_argument("--precision", nargs="*", default=precisions, choices=precisions)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
