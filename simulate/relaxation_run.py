"""Relaxation run: one NVE trajectory of a sample, stored so that relaxation functions can be averaged over origins.

The run of length D is cut into `origins` blocks of equal length s = D / origins. Frames lie at the start of every
block, at the end of the run, and inside every block at the same offsets, spaced evenly in log t from 10 time steps to
s. So a lag below s occurs once in every block (origin = the block's start), and a lag of m blocks occurs
origins - m + 1 times (origin = any block's start). All frame times are whole numbers of time steps: equal lags are
equal to rounding, and grouping pairs of frames by round(lag / time_step) finds them all.
"""

import argparse
from dataclasses import dataclass, field

import numpy as np

from simulate.files import formats, restart, store
from simulate.liquid import dynamics, platform
from simulate.liquid.dynamics import Dynamics, Engine
from simulate.liquid.kob_andersen import expected_tau_alpha
from simulate.stage import command, options, seeds
from simulate.stage.command import InputError

STAGE = "relaxation_run"
SHORTEST = 10


@dataclass
class Progress:
    """How far a run is: frames (recorded, N, 3) so far, and the state at `step`."""

    frames: list[np.ndarray] = field(default_factory=list)
    step: int = 0
    state: bytes = b""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a restart file holds."""
        state = np.frombuffer(self.state, dtype=np.uint8)
        return {"frames": np.array(self.frames), "step": np.array(self.step), "state": state}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take over what a restart file holds."""
        self.frames, self.step = list(arrays["frames"]), int(arrays["step"])
        self.state = arrays["state"].tobytes()


def frame_steps(total: int, origins: int, per_decade: int) -> np.ndarray:
    """Return the increasing steps (F,) of the frames, from 0 to about `total` (a whole number of blocks).

    Raises InputError where a block is shorter than 20 steps.
    """
    block = total // origins
    if block < 2 * SHORTEST:
        raise InputError(
            f"--duration: blocks of {block} steps, expected at least {2 * SHORTEST}: a longer run or fewer --origins"
        )
    count = max(2, round(per_decade * np.log10(block / SHORTEST)) + 1)
    offsets = np.unique(np.rint(np.geomspace(SHORTEST, block, count)).astype(int))[:-1]
    starts = block * np.arange(origins)
    inside = (starts[:, np.newaxis] + offsets).ravel()
    return np.unique(np.concatenate([starts, inside, [block * origins]]))


@command.polling()
def main() -> None:
    arguments = _arguments()
    start = formats.read(arguments.configuration, arguments.species)
    device = platform.choose(arguments.platform, arguments.precision)
    platform.announce(device)
    length = arguments.duration * expected_tau_alpha(arguments.temperature)
    steps = frame_steps(int(np.ceil(length / arguments.time_step)), arguments.origins, arguments.frames_per_decade)
    settings = options.settings(arguments, leave_out=("configuration", "species")) | {"platform": device.label}
    settings["configuration_sha256"] = restart.fingerprint(start.positions, start.types, start.box)
    how = Dynamics("nve", arguments.temperature, arguments.time_step)
    with command.about(arguments.configuration):
        engine = Engine(start.types, start.box, how, device, arguments.restart_interval)
    stream = seeds.generator(arguments.seed, STAGE, arguments.temperature, arguments.sample)
    progress = Progress()
    saved = restart.load(arguments.output, settings)
    if saved is not None:
        progress.restore(saved)
        engine.resume(start.positions, 0, progress.state, progress.step)
    else:
        velocities = dynamics.maxwell_boltzmann(len(start.types), arguments.temperature, stream)
        engine.start(start.positions, velocities, 0)

    def mark() -> None:
        progress.step, progress.state = engine.step, engine.state()
        restart.save(arguments.output, settings, progress.arrays(), f"step {progress.step}")

    with command.progress(int(steps[-1]), f"relaxation T={arguments.temperature}") as bar:
        bar.n = bar.initial = engine.step
        for step in steps[len(progress.frames) :]:
            engine.advance(int(step), at_restart_point=mark, moved=bar.update)
            progress.frames.append(engine.positions().astype(np.float32))
    arrays = {"types": start.types, "box": start.box, "time": steps * arguments.time_step}
    arrays["positions"] = np.array(progress.frames)
    settings["configuration"] = arguments.configuration
    store.write(arguments.output, STAGE, arrays, settings, seed=arguments.seed, platform=device.label)
    restart.remove(arguments.output)


def _arguments() -> argparse.Namespace:
    parser = options.Parser(prog="simulate.relaxation_run", description=__doc__.splitlines()[0])
    parser.add_argument("--configuration", required=True, help="any file that simulate.files.formats reads")
    formats.add_species(parser)
    parser.add_argument("--temperature", type=options.positive, required=True)
    parser.add_argument("--duration", type=options.positive, default=5.0, help="in units of the expected tau_alpha")
    parser.add_argument("--origins", type=options.count, default=20, help="blocks of the run")
    parser.add_argument("--frames-per-decade", type=options.count, default=8, help="inside a block")
    parser.add_argument("--time-step", type=options.positive, default=dynamics.TIME_STEP)
    parser.add_argument("--output", required=True)
    options.add_seed(parser)
    options.add_platform(parser)
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
