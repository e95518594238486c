"""What the long comparisons share: rows of docs/validation.md, error bars, liquids in equilibrium."""

import functools
import os
import time
from pathlib import Path

import numpy as np

from simulate import equilibrate
from simulate.liquid import dynamics, ensemble, kob_andersen, platform
from simulate.liquid.configuration import Configuration
from simulate.liquid.dynamics import Dynamics, Engine
from simulate.stage import seeds

N = 1000
BLOCKS = 12


def row(quantity, reference, ours, error):
    """Print a row of the table; `make validate` names a file in VALIDATION_TABLE that collects them."""
    text = f"| {quantity} | {reference} | {ours:.4g} | {f'{error:.2g}' if error else '-'} |"
    print(f"\n{text}")
    if "VALIDATION_TABLE" in os.environ:
        table = Path(os.environ["VALIDATION_TABLE"])
        made = f"`make validate`, {time.strftime('%Y-%m-%d')}"
        header = f"{made}\n\n| quantity | reference | ours | error |\n|---|---|---|---|"
        with table.open("a") as file:
            print(text if table.stat().st_size else f"{header}\n{text}", file=file)


def mean_and_error(series) -> tuple[float, float]:
    """Mean and its standard error from block averages."""
    blocks = np.array([block.mean() for block in np.array_split(np.asarray(series), BLOCKS)])
    return float(blocks.mean()), float(blocks.std(ddof=1) / np.sqrt(BLOCKS))


@functools.cache
def equilibrated(temperature, n=N, relaxation_times=12.0) -> Configuration:
    """A liquid after its own melt, in the bath of `simulate.equilibrate`."""
    device = platform.choose("CPU")
    stream = seeds.generator(17, "validation", temperature, 0)
    positions, types, box = equilibrate.start(n, kob_andersen.DENSITY, stream, device)
    held = round(relaxation_times * kob_andersen.expected_tau_alpha(temperature) / 0.005)
    protocol = equilibrate.Protocol(1000, 2000, 2000 + held, 2.5, temperature)
    engine = Engine(types, box, Dynamics("langevin", 2.5, 0.005, equilibrate.FRICTION), device)
    found = equilibrate.equilibrate(positions, engine, protocol, equilibrate.Progress(), stream)
    return Configuration(found, types, box, temperature)


@functools.cache
def canonical(temperature, duration, time_step=0.005) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Configurations (F, N, 3) half a time unit apart, types, box, of a langevin run of N particles.

    Friction 5: a weaker bath lets the energy of the whole wander, and averages of U and P with it.
    """
    start = equilibrated(temperature)
    engine = Engine(start.types, start.box, Dynamics("langevin", temperature, time_step, 5.0), platform.choose("CPU"))
    engine.start(start.positions, dynamics.maxwell_boltzmann(N, temperature, np.random.default_rng(1)), 2)
    frames = []
    every = round(0.5 / time_step)
    for step in range(every, round(duration / time_step) + 1, every):
        engine.advance(step)
        frames.append(engine.positions())
    return np.array(frames), start.types, start.box


@functools.cache
def displacements(n_runs, seed, time_step=0.003, edge=1, n=512, times=(0.5, 2.25)) -> np.ndarray:
    """Displacements (M, R, n) of the A particles of one liquid at T = 0.7.

    Separate runs, or with `edge` K the images of supercells of K^3.
    """
    start = equilibrated(0.7, n, 6.0)
    system = ensemble.supercell(start, edge)
    engine = Engine(system.types, system.box, Dynamics("nve", 0.7, time_step), platform.choose("CPU"))
    progress = ensemble.Progress.of(n_runs, len(times), edge**3, len(start.types))
    ensemble.run(start, np.array(times), [engine], progress, seed, 0)
    found = np.linalg.norm(progress.runs(n_runs) - start.positions, axis=-1)
    return found[:, :, start.types == kob_andersen.A]
