"""Aggregate particle-steps per second of the ways to fill a device: one context, several at once, supercells.

    python -m benchmarks.simulate_device --platform CUDA --particles 4096 --at-once 1 2 4 8 --supercell 1 2 3

Ways are interleaved in one run; medians over rounds; ratios to the first way named. Wall time.
"""

import argparse
import statistics

from benchmarks.simulate import TEMPERATURE
from simulate import dynamics, ensemble, equilibrate, kob_andersen, platform, seeds
from simulate.configuration import Configuration
from simulate.dynamics import Dynamics, Engine


def liquid(n: int, device: platform.Device) -> Configuration:
    """Return a liquid at T = 0.7, made on the device itself."""
    stream = seeds.generator(1, "benchmark", TEMPERATURE, n)
    positions, types, box = equilibrate.start(n, kob_andersen.DENSITY, stream, device)
    protocol = equilibrate.Protocol(300, 600, 1000, 2.0, TEMPERATURE)
    engine = Engine(types, box, Dynamics("langevin", 2.0, 0.005, 1.0), device)
    found = equilibrate.equilibrate(positions, engine, protocol, equilibrate.Progress(), stream)
    return Configuration(found, types, box, TEMPERATURE)


def rate(start: Configuration, device: platform.Device, at_once: int, edge: int, seconds: float) -> float:
    """Return the particle-steps per second of `at_once` contexts of edge^3 images each."""
    system = ensemble.supercell(start, edge)
    how = Dynamics("nve", TEMPERATURE, dynamics.TIME_STEP)
    engines = [Engine(system.types, system.box, how, device) for _ in range(at_once)]
    return ensemble.throughput(engines, system, seconds) * len(system.types)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--platform", default="auto")
    parser.add_argument("--particles", type=int, default=4096)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--supercell", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--precision", nargs="+", default=["mixed"], choices=("single", "mixed", "double"))
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    devices = {precision: platform.choose(arguments.platform, precision=precision) for precision in arguments.precision}
    start = liquid(arguments.particles, next(iter(devices.values())))
    ways = [(p, count, edge) for p in devices for edge in arguments.supercell for count in arguments.at_once]
    found = {way: [] for way in ways}
    for _ in range(arguments.rounds):
        for precision, count, edge in ways:
            found[precision, count, edge].append(rate(start, devices[precision], count, edge, arguments.seconds))
    print(f"{next(iter(devices.values())).label}, N = {arguments.particles}")
    print("| precision | contexts | supercell | 10^6 particle-steps per second | ratio |\n|---|---|---|---|---|")
    for way, rates in found.items():
        ratio = statistics.median(a / b for a, b in zip(rates, found[ways[0]], strict=True))
        print(f"| {way[0]} | {way[1]} | {way[2]} | {statistics.median(rates) / 1e6:.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
