"""What a step on the CPU platform costs: the pair energy written in several ways, and the rest of the engine.

    python -m benchmarks.simulate_expression --particles 1024

All expressions take turns in one run, CPU time of one thread; medians over rounds. "no force" is the same neighbour
list with a force of 0: what remains when the expression costs nothing (its particles fly freely, so its list is
made anew more often). Energies are compared before anything is timed.
"""

import argparse
import statistics
import time
from unittest import mock

from benchmarks.simulate import TEMPERATURE, liquid

from simulate.liquid import kob_andersen, platform
from simulate.liquid.dynamics import CHECK_INTERVAL, Dynamics, Engine
from simulate.liquid.kob_andersen import CUTOFF, EPSILON, SHIFT, SIGMA, _polynomial

STEPS = 150


def expressions() -> dict[str, str]:
    """Return the pair energy in several ways by name; `s` is the sum of the two types."""
    repulsion, attraction, shift = 4 * EPSILON * SIGMA**12, 4 * EPSILON * SIGMA**6, 4 * EPSILON * SHIFT
    powers = (
        f"step({_polynomial(CUTOFF * SIGMA)} - r)*(x*(({_polynomial(repulsion)})*x - ({_polynomial(attraction)}))"
        f" - ({_polynomial(shift)})); s = type1 + type2; x = "
    )
    return {
        "ours": kob_andersen.openmm_expression(),
        "coefficients of r^-12 and r^-6": f"{powers}r^(-6)",
        "the same, r^-6 by products": f"{powers}y*y*y; y = 1/(r*r)",
        "cutoff in (sigma/r)^6": f"step(a - {CUTOFF**-6!r})*4*({_polynomial(EPSILON)})*(a*(a - 1) - {SHIFT!r});"
        f"a = ({_polynomial(SIGMA**6)})*r^(-6); s = type1 + type2",
        "no force": "0*step(2.5 - r)*type1*type2",
    }


def engine_of(expression: str, start, device) -> Engine:
    """Return an engine of an expression, past its first steps."""
    positions, types, box, velocities = start
    with mock.patch.object(kob_andersen, "openmm_expression", return_value=expression):
        engine = Engine(types, box, Dynamics("nve", TEMPERATURE), device, restart_interval=10**9)
    engine.start(positions, velocities, 1)
    return engine


def timed(work) -> float:
    """Return the CPU seconds of a call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def renewed(engine: Engine) -> None:
    """Make a context anew as at a restart point, with the first step after it."""
    engine._renew(engine.state())
    engine.advance(engine.step + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--particles", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    device = platform.choose("CPU")
    start = liquid(arguments.particles, device)
    engines = {name: engine_of(text, start, device) for name, text in expressions().items()}
    energies = [engine.energies()[0] for name, engine in engines.items() if name != "no force"]
    assert max(energies) - min(energies) < 1e-5, energies
    seconds, looks, renewals = {name: [] for name in engines}, [], []
    for _ in range(arguments.rounds):
        for name, engine in engines.items():
            # The neighbour list of free flight is no liquid's: a short stretch from the start every time.
            engine.start(start[0], start[3], 1)
            engine.advance(20)
            seconds[name].append(timed(lambda engine=engine: engine.advance(20 + STEPS)) / STEPS)
        looks.append(timed(engines["ours"].energies))
        renewals.append(timed(lambda: renewed(engines["ours"])))
    print(f"N = {arguments.particles}\n| expression | ms per step | speed / ours |\n|---|---|---|")
    for name, found in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(seconds["ours"], found, strict=True))
        print(f"| {name} | {1e3 * statistics.median(found):.2f} | {ratio:.2f} |")
    step = statistics.median(seconds["ours"])
    look, renewal = statistics.median(looks) / step, statistics.median(renewals) / step
    print(f"looks at the energies, every {CHECK_INTERVAL} steps: {look / CHECK_INTERVAL:.2%} of the time")
    print(f"contexts made anew, every 2000 steps: {renewal / 2000:.2%}")


if __name__ == "__main__":
    main()
