"""Isoconfigurational ensemble: many runs from one configuration, each with fresh velocities.

A. Widmer-Cooper, P. Harrowell and H. Fynewever, Phys. Rev. Lett. 93, 135701 (2004). Velocities are drawn from the
Maxwell-Boltzmann distribution without motion of the centre of mass. The times asked for are hit exactly: one that is
not a whole number of time steps is reached by one shorter position step (see `simulate.liquid.dynamics`).
"""

import argparse
import os
import sys

import numpy as np

from simulate.files import formats, restart, store
from simulate.liquid import dynamics, ensemble, platform
from simulate.liquid.configuration import Configuration
from simulate.liquid.dynamics import Dynamics, Engine
from simulate.liquid.platform import Device
from simulate.stage import command, options
from simulate.stage.command import InputError

# Several jobs that share a GPU cannot each try how many contexts it bears: whoever starts them may say so for all.
CONTEXTS = "SUPERCOOLED_CONTEXTS"


def sampling_times(times: list[float] | None, times_from: str | None) -> np.ndarray:
    """Return the increasing times asked for, given or from a relaxation file. Raises InputError where they are not."""
    if times_from is None:
        found, source = np.array(times), "--times"
    else:
        relaxation = store.read(times_from, "relaxation", ("sampling_time",))
        found, source = relaxation["sampling_time"].astype(np.float64), f"{times_from}: sampling_time"
    if found.ndim != 1 or not len(found) or not (np.diff(found, prepend=0.0) > 0).all():
        raise InputError(f"{source}: {' '.join(map(str, np.ravel(found)))}, expected increasing positive times")
    return found


def make_engines(start: Configuration, device: Device, steps: int, arguments: argparse.Namespace) -> list[Engine]:
    """Return the contexts that run at once: as many as asked for, one per core, or on a GPU what a trial shows best.

    steps: of one context after the other, in all, which bound how long is tried.
    """
    images = arguments.supercell**3
    system = ensemble.supercell(start, arguments.supercell) if images > 1 else start
    how = Dynamics(arguments.integrator, arguments.temperature, arguments.time_step, arguments.friction)

    def make() -> Engine:
        return Engine(system.types, system.box, how, device, arguments.restart_interval)

    most = -(-arguments.runs // images)
    wanted = arguments.at_once or (None if device.name in platform.DEVICES else arguments.threads)
    if wanted is None:
        engines = ensemble.engines_by_trial(make, system, most, steps)
        print(f"{len(engines)} contexts at once, by trial", file=sys.stderr, flush=True)
        return engines
    return [make() for _ in range(min(wanted, most))]


@command.polling()
def main() -> None:
    arguments = _arguments()
    start = formats.read(arguments.configuration, arguments.species)
    times = sampling_times(arguments.times, arguments.times_from)
    device = platform.choose(arguments.platform, arguments.precision)
    platform.announce(device)
    # How many run at once changes nothing; neither does the configuration's name.
    settings = options.settings(arguments, ("configuration", "species", "times_from", "threads", "at_once"))
    settings |= {"times": times.tolist(), "platform": device.label}
    settings["configuration_sha256"] = restart.fingerprint(start.positions, start.types, start.box)
    progress = ensemble.Progress.of(arguments.runs, len(times), arguments.supercell**3, len(start.types))
    saved = restart.load(arguments.output, settings)
    if saved is not None:
        progress.restore(saved)
    grid, _ = ensemble.time_grid(times, arguments.time_step)
    total = int(grid[-1]) * len(progress.batches)
    with command.about(arguments.configuration):
        engines = make_engines(start, device, total, arguments)
    with command.progress(total, f"isoconfigurational T={arguments.temperature}") as bar:
        bar.n = bar.initial = progress.steps(grid)
        ensemble.run(
            start,
            times,
            engines,
            progress,
            arguments.seed,
            arguments.sample,
            save=lambda: restart.save(arguments.output, settings, progress.arrays(), "a restart point"),
            moved=bar.update,
        )
    settings["configuration"] = arguments.configuration
    settings["periodic_ensemble"] = "exact" if arguments.supercell == 1 else f"supercell {arguments.supercell}"
    arrays = {"types": start.types, "box": start.box, "positions": start.positions, "time": times}
    arrays["trajectory_target_positions"] = progress.runs(arguments.runs)
    store.write(arguments.output, ensemble.STAGE, arrays, settings, seed=arguments.seed, platform=device.label)
    restart.remove(arguments.output)


def _arguments() -> argparse.Namespace:
    parser = options.Parser(prog="simulate.isoconfigurational", description=__doc__.splitlines()[0])
    parser.add_argument("--configuration", required=True, help="any file that simulate.files.formats reads")
    formats.add_species(parser)
    parser.add_argument("--temperature", type=options.positive, required=True)
    parser.add_argument("--runs", type=options.count, required=True)
    when = parser.add_mutually_exclusive_group(required=True)
    when.add_argument("--times", type=options.positive, nargs="+", help="increasing, in tau")
    when.add_argument("--times-from", metavar="RELAXATION", help="file whose sampling_time are the times")
    parser.add_argument("--output", required=True)
    parser.add_argument("--integrator", default="nve", choices=dynamics.INTEGRATORS)
    parser.add_argument("--time-step", type=options.positive, default=dynamics.TIME_STEP)
    parser.add_argument("--friction", type=options.positive, default=dynamics.FRICTION, help="thermostat rate, 1/tau")
    parser.add_argument(
        "--at-once",
        type=options.count,
        default=os.environ.get(CONTEXTS),
        help=f"contexts at once ({CONTEXTS}, else --threads, and on GPUs by trial)",
    )
    parser.add_argument("--supercell", type=options.count, default=1, metavar="K", help="K^3 images as K^3 runs in one")
    options.add_seed(parser)
    options.add_platform(parser)
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
