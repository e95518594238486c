"""Isoconfigurational ensemble: many runs from one configuration, each with fresh velocities.

A. Widmer-Cooper, P. Harrowell and H. Fynewever, Phys. Rev. Lett. 93, 135701 (2004). Velocities are drawn from the
Maxwell-Boltzmann distribution without motion of the centre of mass. The times asked for are hit exactly: one that is
not a whole number of time steps is reached by one shorter position step (see `simulate.dynamics`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from simulate import command, configuration, dynamics, options, platform, restart, seeds, store
from simulate.command import InputError
from simulate.configuration import Configuration
from simulate.dynamics import Dynamics, Engine

STAGE = "isoconfigurational"


@dataclass
class Progress:
    """How far an ensemble is: targets (R, M, N, 3) filled up to `run` and `recorded` times of it, then `state`."""

    targets: np.ndarray
    run: int = 0
    recorded: int = 0
    step: int = 0
    state: bytes = b""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a restart file holds."""
        return {
            "targets": self.targets[: self.run + 1],
            "run": np.array(self.run),
            "recorded": np.array(self.recorded),
            "step": np.array(self.step),
            "state": np.frombuffer(self.state, dtype=np.uint8),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take over what a restart file holds."""
        self.run, self.recorded, self.step = (int(arrays[name]) for name in ("run", "recorded", "step"))
        self.targets[: self.run + 1] = arrays["targets"]
        self.state = arrays["state"].tobytes()


def time_grid(times: np.ndarray, time_step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return for each time the whole steps before it, and the rest (below one step).

    A rest below a millionth of a step is rounding, and dropped.
    """
    steps = np.floor(times / time_step + 1e-6).astype(int)
    rests = np.maximum(times - steps * time_step, 0.0)
    return steps, np.where(rests < 1e-6 * time_step, 0.0, rests)


def ensemble(
    start: Configuration,
    times: np.ndarray,
    engine: Engine,
    progress: Progress,
    seed: int,
    sample: int,
    *,
    save: Callable[[], None] = lambda: None,
    moved: Callable[[int], object] = lambda steps: None,
) -> np.ndarray:
    """Return the positions (M, R, N, 3) of R runs at `times` (M,), going on from `progress`.

    `save` is called at every restart point, with `progress` up to date. With a langevin bath the motion of the centre
    of mass is subtracted. Raises InputError where a run blows up or starts with an overlap.
    """
    steps, rests = time_grid(times, engine.dynamics.time_step)
    n_runs = len(progress.targets)
    for run in range(progress.run, n_runs):
        stream = seeds.generator(seed, STAGE, engine.dynamics.temperature, sample, run)
        bath = seeds.integer(stream)
        if progress.state:
            engine.resume(start.positions, bath, progress.state, progress.step)
        else:
            velocities = dynamics.maxwell_boltzmann(len(start.types), engine.dynamics.temperature, stream)
            engine.start(start.positions, velocities, bath)
        mark = partial(_mark, progress, engine, save)
        for index in range(progress.recorded, len(times)):
            engine.advance(int(steps[index]), at_restart_point=mark, moved=moved)
            found = engine.positions(ahead=float(rests[index]))
            if engine.dynamics.integrator == "langevin":
                found = found - (found - start.positions).mean(axis=0)
            progress.targets[run, index] = found
            progress.recorded = index + 1
        progress.run, progress.recorded, progress.step, progress.state = run + 1, 0, 0, b""
    return progress.targets.swapaxes(0, 1)


def _mark(progress: Progress, engine: Engine, save: Callable[[], None]) -> None:
    progress.step, progress.state = engine.step, engine.state()
    save()


def sampling_times(arguments) -> np.ndarray:
    """Return the increasing times asked for. Raises InputError where they are not."""
    if arguments.times_from is None:
        times, source = np.array(arguments.times), "--times"
    else:
        relaxation = store.read(arguments.times_from, "relaxation", ("sampling_time",))
        times, source = relaxation["sampling_time"].astype(np.float64), f"{arguments.times_from}: sampling_time"
    if times.ndim != 1 or not len(times) or not (np.diff(times, prepend=0.0) > 0).all():
        raise InputError(f"{source}: {' '.join(map(str, np.ravel(times)))}, expected increasing positive times")
    return times


def main() -> None:
    arguments = _arguments()
    start = configuration.read(arguments.configuration)
    times = sampling_times(arguments)
    device = platform.choose(arguments.platform, arguments.threads, arguments.precision)
    platform.announce(device)
    settings = options.settings(arguments, leave_out=("configuration", "times_from"))
    settings |= {"times": times.tolist(), "platform": device.label}
    settings["configuration_sha256"] = restart.fingerprint(start.positions, start.types, start.box)
    how = Dynamics(arguments.integrator, arguments.temperature, arguments.time_step, arguments.friction)
    engine = Engine(start.types, start.box, how, device, arguments.restart_interval)
    progress = Progress(np.empty((arguments.runs, len(times), *start.positions.shape), dtype=np.float32))
    saved = restart.load(arguments.output, settings)
    if saved is not None:
        progress.restore(saved)
    steps, _ = time_grid(times, arguments.time_step)
    with command.progress(int(steps[-1]) * arguments.runs, f"isoconfigurational T={arguments.temperature}") as bar:
        bar.update(int(steps[-1]) * progress.run + progress.step)
        targets = ensemble(
            start,
            times,
            engine,
            progress,
            arguments.seed,
            arguments.sample,
            save=lambda: restart.save(
                arguments.output, settings, progress.arrays(), f"run {progress.run} step {progress.step}"
            ),
            moved=bar.update,
        )
    arrays = {"types": start.types, "box": start.box, "positions": start.positions, "time": times}
    arrays["trajectory_target_positions"] = targets
    settings["configuration"] = arguments.configuration
    store.write(arguments.output, STAGE, arrays, settings, seed=arguments.seed, platform=device.label)
    restart.remove(arguments.output)


def _arguments():
    parser = options.Parser(prog="simulate.isoconfigurational", description=__doc__.splitlines()[0])
    parser.add_argument("--configuration", required=True, help="any file that simulate.configuration reads")
    parser.add_argument("--temperature", type=options.positive, required=True)
    parser.add_argument("--runs", type=options.count, required=True)
    when = parser.add_mutually_exclusive_group(required=True)
    when.add_argument("--times", type=options.positive, nargs="+", help="increasing, in tau")
    when.add_argument("--times-from", metavar="RELAXATION", help="file whose sampling_time are the times")
    parser.add_argument("--output", required=True)
    parser.add_argument("--integrator", default="nve", choices=dynamics.INTEGRATORS)
    parser.add_argument("--time-step", type=options.positive, default=dynamics.TIME_STEP)
    parser.add_argument("--friction", type=options.positive, default=dynamics.FRICTION, help="thermostat rate, 1/tau")
    options.add_seed(parser)
    options.add_platform(parser)
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
