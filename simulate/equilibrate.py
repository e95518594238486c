"""Equilibration: one sample from nothing, with its evidence of equilibrium.

Particles start on random sites of a face-centred cubic lattice, types at random; the start is minimised, melted at a
high temperature, cooled linearly and held at the temperature asked for, all in a langevin bath at constant volume.
Every sample has a melt of its own, so samples are independent of each other whatever the relaxation time is.
"""

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np

from simulate.files import restart, store
from simulate.liquid import dynamics, kob_andersen, platform
from simulate.liquid import equilibrium as evidence
from simulate.liquid.dynamics import Dynamics, Engine
from simulate.liquid.minimisation import minimise
from simulate.liquid.platform import Device
from simulate.stage import command, options, seeds
from simulate.stage.command import InputError

STAGE = "equilibrate"
TIME_STEP = 0.005
# Strong enough to take up the heat of the quench; it slows the relaxation by a few per cent.
FRICTION = 1.0
ENERGY_RECORDS = 120


@dataclass(frozen=True)
class Protocol:
    """Steps of melting, of cooling and in all; temperatures before and after."""

    melt: int
    cooled: int
    total: int
    melt_temperature: float
    temperature: float

    def bath(self, step: int) -> float:
        """Return the temperature of the bath at a step."""
        if step >= self.cooled:
            return self.temperature
        share = max(0, step - self.melt) / max(1, self.cooled - self.melt)
        return float(self.melt_temperature + share * (self.temperature - self.melt_temperature))

    def records(self) -> np.ndarray:
        """Return the steps at which the energy is recorded: the end of the quench, then evenly to the end."""
        return np.unique(np.linspace(self.cooled, self.total, ENERGY_RECORDS + 1).astype(int))


@dataclass
class Progress:
    """How far a run is: energies per particle recorded so far, positions (N, 3) at the quench's end, the state."""

    energies: list[float] = field(default_factory=list)
    quenched: np.ndarray | None = None
    step: int = 0
    state: bytes = b""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a restart file holds."""
        found = {"energies": np.array(self.energies), "step": np.array(self.step)}
        found["state"] = np.frombuffer(self.state, dtype=np.uint8)
        return found if self.quenched is None else {**found, "quenched": self.quenched}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take over what a restart file holds."""
        self.energies, self.step = arrays["energies"].tolist(), int(arrays["step"])
        self.quenched, self.state = arrays.get("quenched"), arrays["state"].tobytes()


def start(
    n: int, density: float, generator: np.random.Generator, device: Device
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions (N, 3), types (N,) and box (3,) of particles on random lattice sites, partly minimised."""
    box = kob_andersen.cubic_box(n, density)
    types = generator.permutation(kob_andersen.composition(n))
    cells = int(np.ceil((n / 4) ** (1 / 3) - 1e-9))
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sites = ((corners + basis).reshape(-1, 3) + 0.25) / cells * box
    positions = sites[generator.permutation(len(sites))[:n]]
    return minimise(positions, types, box, device, tolerance=10.0, iterations=200), types, box


def equilibrate(
    positions: np.ndarray,
    engine: Engine,
    protocol: Protocol,
    progress: Progress,
    stream: np.random.Generator,
    *,
    save: Callable[[], None] = lambda: None,
    moved: Callable[[int], object] = lambda steps: None,
) -> np.ndarray:
    """Return the equilibrated positions (N, 3), going on from `progress`; `save` is called at restart points.

    Raises InputError where the run blows up.
    """
    bath = seeds.integer(stream)
    if progress.state:
        engine.resume(positions, bath, progress.state, progress.step)
    else:
        velocities = dynamics.maxwell_boltzmann(len(positions), protocol.melt_temperature, stream)
        engine.start(positions, velocities, bath)

    def mark() -> None:
        progress.step, progress.state = engine.step, engine.state()
        save()

    for step in protocol.records()[len(progress.energies) :]:
        engine.advance(int(step), at_restart_point=mark, moved=moved, temperature=protocol.bath)
        progress.energies.append(engine.energies()[0])
        if progress.quenched is None:
            progress.quenched = engine.positions()
    return engine.positions()


@command.polling()
def main() -> None:
    arguments = _arguments()
    if arguments.melt_temperature < arguments.temperature:
        raise InputError(f"--melt-temperature: {arguments.melt_temperature}, expected at least --temperature")
    device = platform.choose(arguments.platform, arguments.precision)
    platform.announce(device)
    # Whether a failing sample may be written does not change the run: it may be said on a second try.
    settings = options.settings(arguments, leave_out=("allow_unequilibrated",)) | {"platform": device.label}
    protocol = _protocol(arguments)
    stream = seeds.generator(arguments.seed, STAGE, arguments.temperature, arguments.sample)
    positions, types, box = start(arguments.particles, arguments.density, stream, device)
    how = Dynamics("langevin", protocol.melt_temperature, arguments.time_step, arguments.friction)
    engine = Engine(types, box, how, device, arguments.restart_interval)
    progress = Progress()
    saved = restart.load(arguments.output, settings)
    if saved is not None:
        progress.restore(saved)
    with command.progress(protocol.total, f"equilibrate T={arguments.temperature}") as bar:
        bar.n = bar.initial = progress.step
        found = equilibrate(
            positions,
            engine,
            protocol,
            progress,
            stream,
            save=lambda: restart.save(arguments.output, settings, progress.arrays(), f"step {progress.step}"),
            moved=bar.update,
        )
    assert progress.quenched is not None  # The first record takes it.
    known = evidence.gather(
        np.array(progress.energies), arguments.relaxation_times, progress.quenched, found, types, box
    )
    objections = known.objections()
    if objections and not arguments.allow_unequilibrated:
        raise InputError(
            f"{arguments.output}: not equilibrated: {'; '.join(objections)}: raise --relaxation-times, or give "
            "--allow-unequilibrated"
        )
    arrays = {"positions": found, "types": types, "box": box, "equilibrated": not objections, **asdict(known)}
    arrays |= {"energy": np.array(progress.energies), "energy_time": protocol.records() * arguments.time_step}
    store.write(arguments.output, "sample", arrays, settings, seed=arguments.seed, platform=device.label)
    restart.remove(arguments.output)


def _protocol(arguments: argparse.Namespace) -> Protocol:
    def steps(time: float) -> int:
        return int(np.ceil(time / arguments.time_step))

    hold = arguments.relaxation_times * kob_andersen.expected_tau_alpha(arguments.temperature)
    melt = steps(arguments.melt_time)
    cooled = melt + steps(arguments.cooling_time)
    return Protocol(
        melt, cooled, cooled + max(ENERGY_RECORDS, steps(hold)), arguments.melt_temperature, arguments.temperature
    )


def _arguments() -> argparse.Namespace:
    parser = options.Parser(prog="simulate.equilibrate", description=__doc__.splitlines()[0])
    parser.add_argument("--particles", type=options.count, required=True)
    parser.add_argument("--density", type=options.positive, default=kob_andersen.DENSITY)
    parser.add_argument("--temperature", type=options.positive, required=True)
    parser.add_argument("--melt-temperature", type=options.positive, default=2.0)
    parser.add_argument("--melt-time", type=options.positive, default=5.0, help="in tau")
    parser.add_argument("--cooling-time", type=options.not_negative, default=5.0, help="in tau; 0: a quench")
    parser.add_argument(
        "--relaxation-times", type=options.positive, default=10.0, help="time held, in units of the expected tau_alpha"
    )
    parser.add_argument("--time-step", type=options.positive, default=TIME_STEP)
    parser.add_argument("--friction", type=options.positive, default=FRICTION, help="of the langevin bath, 1/tau")
    parser.add_argument("--allow-unequilibrated", action="store_true", help="write a failing sample, marked")
    parser.add_argument("--output", required=True)
    options.add_seed(parser)
    options.add_platform(parser)
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
