"""Molecular dynamics of the mixture: one OpenMM context that runs, stops at restart points and goes on.

OpenMM's integrators are leapfrogs: positions at a step, velocities half a step before it. A run therefore starts from
v(0) - dt F(0) / 2m. Positions between two steps, where a time is not a whole number of steps, are those of one shorter
position step, x + h v + h^2 F / 2m with the velocity of that step: the error is of the integrator's own order, and the
trajectory is not disturbed.

Restart points lie at fixed numbers of steps from the start of a run. On the CPU platform the neighbour list, which
remembers the past, is made again there whether or not a file is written: so a resumed run and an uninterrupted one do
the same arithmetic, and end with the same bits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import openmm

from simulate.liquid import kob_andersen, units
from simulate.liquid.box import wrap
from simulate.liquid.pair_forces import PairForces
from simulate.liquid.platform import Device
from simulate.stage import command
from simulate.stage.command import InputError

INTEGRATORS = ("nve", "nose-hoover", "langevin")
TIME_STEP = 0.003
# Weak: at friction 1 propensities come out 2 to 3 % low, at 0.1 and below they do not.
FRICTION = 0.1
# Steps between looks at the energies.
CHECK_INTERVAL = 250


@dataclass(frozen=True)
class Dynamics:
    """How particles move: integrator (nve, nose-hoover, langevin), temperature, time step, thermostat rate 1/tau."""

    integrator: str
    temperature: float
    time_step: float = TIME_STEP
    friction: float = FRICTION


def context(
    types: np.ndarray, box: np.ndarray, integrator: openmm.Integrator, device: Device
) -> tuple[openmm.Context, PairForces | None]:
    """Return the OpenMM context of particles with `types` (N,), mass 1, in the periodic `box` (3,).

    With it, on the CPU platform, what computes its forces; elsewhere OpenMM compiles the expression of the pair energy.
    Raises InputError where the box is smaller than two cutoffs.
    """
    kob_andersen.check_box(box)
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*(openmm.Vec3(*row) for row in np.diag(np.asarray(box, dtype=float))))
    for _ in types:
        system.addParticle(1.0)
    pairs = PairForces(types, box) if device.name == "CPU" else None
    if pairs is not None:
        force = openmm.PythonForce(pairs.of_state)
        force.setUsesPeriodicBoundaryConditions(True)
    else:
        force = expression(types)
    system.addForce(force)
    return openmm.Context(system, integrator, device.platform, device.properties), pairs


def expression(types: np.ndarray) -> openmm.CustomNonbondedForce:
    """Return the mixture as one expression that OpenMM compiles."""
    force = openmm.CustomNonbondedForce(kob_andersen.openmm_expression())
    force.addPerParticleParameter("type")
    force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    force.setCutoffDistance(kob_andersen.LONGEST_CUTOFF)
    for kind in types:
        force.addParticle([float(kind)])
    return force


def integrator(dynamics: Dynamics) -> openmm.Integrator:
    """Return the OpenMM integrator of a dynamics. Raises InputError for an unknown name."""
    kelvin = units.kelvin(dynamics.temperature)
    if dynamics.integrator == "nve":
        return openmm.VerletIntegrator(dynamics.time_step)
    if dynamics.integrator == "nose-hoover":
        return openmm.NoseHooverIntegrator(kelvin, dynamics.friction, dynamics.time_step)
    if dynamics.integrator == "langevin":
        return openmm.LangevinMiddleIntegrator(kelvin, dynamics.friction, dynamics.time_step)
    raise InputError(f"integrator: {dynamics.integrator!r}, expected one of {', '.join(INTEGRATORS)}")


def maxwell_boltzmann(n: int, temperature: float, generator: np.random.Generator) -> np.ndarray:
    """Return velocities (N, 3) of unit masses at a temperature, without motion of the centre of mass."""
    velocities = generator.normal(scale=np.sqrt(temperature), size=(n, 3))
    return velocities - velocities.mean(axis=0)


class Engine:
    """One context of the mixture. Positions go in and come out unwrapped; `step` counts from the run's start.

    Raises InputError, naming step and temperature, where a run blows up.
    """

    def __init__(
        self, types: np.ndarray, box: np.ndarray, dynamics: Dynamics, device: Device, restart_interval: int = 2000
    ):
        self.dynamics = dynamics
        self.temperature = dynamics.temperature
        self.restart_interval = restart_interval
        self.step = 0
        self._total: float | None = None
        self._types, self._box, self._n = types, np.asarray(box, dtype=np.float64), len(types)
        self._integrator = integrator(dynamics)
        self._context, self._pairs = context(types, box, self._integrator, device)

    def start(self, positions: np.ndarray, velocities: np.ndarray, seed: int) -> None:
        """Put particles at `positions` (N, 3) with on-step `velocities` (N, 3); a langevin bath draws from `seed`.

        Raises InputError where two particles overlap.
        """
        kob_andersen.check_overlap(positions, self._types, self._box)
        self._place(positions, seed)
        self._renew(None)
        # Single precision: start inside the box, and add what was taken off to what comes out.
        self._context.setPositions(positions - self._offset)
        forces = self._context.getState(forces=True).getForces(asNumpy=True)._value
        self._context.setVelocities(velocities - 0.5 * self.dynamics.time_step * forces)
        self._look()

    def resume(self, positions: np.ndarray, seed: int, state: bytes, step: int) -> None:
        """Go on from `state` at `step` of the run that started at `positions` with `seed`."""
        self._place(positions, seed)
        self.step = step
        self._renew(state)

    def state(self) -> bytes:
        """Return everything that `resume` needs beside the start, at a restart point."""
        return self._context.createCheckpoint()

    def advance(
        self,
        target: int,
        *,
        at_restart_point: Callable[[], None] = lambda: None,
        moved: Callable[[int], object] = lambda steps: None,
        temperature: Callable[[int], float] | None = None,
    ) -> None:
        """Run until `step` is `target`; `moved` learns of progress, `temperature` sets a langevin bath by step."""
        while self.step < target:
            boundary = (self.step // self.restart_interval + 1) * self.restart_interval
            steps = min(CHECK_INTERVAL - self.step % CHECK_INTERVAL, boundary - self.step, target - self.step)
            if temperature is not None:
                self.temperature = temperature(self.step)
                self._integrator.setTemperature(units.kelvin(self.temperature))
            self._run(steps)
            moved(steps)
            if self.step % CHECK_INTERVAL == 0:
                self._look()
            if self.step == boundary:
                if self._pairs is not None:
                    self._renew(self.state())
                at_restart_point()

    def positions(self, ahead: float = 0.0) -> np.ndarray:
        """Return positions (N, 3) at a time `ahead`, below one time step, of the current step."""
        state = self._context.getState(positions=True, velocities=True, forces=ahead > 0)
        found = state.getPositions(asNumpy=True)._value + self._offset
        if ahead > 0:
            velocities = state.getVelocities(asNumpy=True)._value
            forces = state.getForces(asNumpy=True)._value
            found = found + ahead * velocities + 0.5 * ahead * (ahead + self.dynamics.time_step) * forces
        if not np.isfinite(found).all():
            raise self._blown_up("positions are not finite")
        return found

    def energies(self) -> tuple[float, float]:
        """Return the potential (shifted) and the kinetic energy per particle at the current step."""
        state = self._context.getState(energy=True)
        return state.getPotentialEnergy()._value / self._n, state.getKineticEnergy()._value / self._n

    def _place(self, positions: np.ndarray, seed: int) -> None:
        self._offset = positions - wrap(positions, self._box)
        self._seed, self._total, self.step = seed, None, 0

    def _renew(self, state: bytes | None) -> None:
        # A context made anew draws its random numbers from the start: each stretch has a seed of its own.
        if self.dynamics.integrator == "langevin":
            stretch = np.random.SeedSequence([self._seed, self.step]).generate_state(1)[0]
            self._integrator.setRandomNumberSeed(int(stretch >> 1) or 1)
        if self._pairs is not None:
            self._pairs.forget()
        if self.dynamics.integrator != "nve":
            self._context.reinitialize()
        if state is not None:
            self._context.loadCheckpoint(state)

    def _run(self, steps: int) -> None:
        try:
            self._integrator.step(steps)
        except openmm.OpenMMException as error:
            command.reraise()
            raise self._blown_up(" ".join(str(error).split())) from None
        self.step += steps

    def _look(self) -> None:
        potential, kinetic = self.energies()
        if not np.isfinite(potential + kinetic):
            raise self._blown_up("energies are not finite")
        bath = max(self.temperature, self.dynamics.temperature)
        if kinetic > 5 * 1.5 * bath:
            raise self._blown_up(f"kinetic temperature {kinetic / 1.5:.3g}")
        if self.dynamics.integrator == "nve":
            total = potential + kinetic
            if self._total is not None and abs(total - self._total) > 0.1 * max(1.0, bath):
                raise self._blown_up(f"energy per particle jumped by {total - self._total:.3g}")
            self._total = total

    def _blown_up(self, what: str) -> InputError:
        return InputError(
            f"simulation blew up at step {self.step} (time {self.step * self.dynamics.time_step:.4g}) at temperature "
            f"{self.temperature}: {what}; expected a smaller --time-step or another start"
        )
