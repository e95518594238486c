"""Minimisation of the potential energy, down to the inherent structure: the local minimum below a configuration.

F. H. Stillinger and T. A. Weber, Phys. Rev. A 25, 978 (1982). OpenMM's L-BFGS, watched so that it can be stopped, then
everything that is reported (energies, residual force) in double precision. The truncated force jumps by up to 0.04
epsilon/sigma where a pair crosses its cutoff, so a residual much below the default tolerance means little.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import openmm

from simulate.liquid import dynamics, kob_andersen, platform
from simulate.liquid.box import wrap
from simulate.liquid.configuration import Configuration
from simulate.liquid.platform import Device
from simulate.stage import command
from simulate.stage.command import InputError

# Root mean square of the force components, epsilon/sigma.
TOLERANCE = 0.005


@dataclass
class Inherent:
    """positions (N, 3) near the thermal ones (unwrapped), energies (N,) whose sum is U (shifted), residual forces.

    residual_rms: root mean square of the force components; residual_max: the largest of them.
    """

    positions: np.ndarray
    energies: np.ndarray
    residual_rms: float
    residual_max: float


def inherent_structure(
    start: Configuration,
    device: Device | None = None,
    tolerance: float = TOLERANCE,
    moved: Callable[[int], object] = lambda iterations: None,
) -> Inherent:
    """Return the inherent structure of a configuration, minimised to a residual force of `tolerance` or thrice at most.

    Raises InputError where particles overlap, the box is too small, or the minimiser does not get there.
    """
    device = device or platform.choose()
    kob_andersen.check_overlap(start.positions, start.types, start.box)
    inside = wrap(start.positions, start.box)
    found = minimise(inside, start.types, start.box, device, tolerance, moved=moved)
    evaluation = kob_andersen.evaluate(found, start.types, start.box)
    rms = float(np.sqrt((evaluation.forces**2).mean()))
    # A factor for the difference between single and double precision forces.
    limit = 3 * tolerance
    if not rms < limit:
        raise InputError(f"minimisation stopped at a residual force of {rms:.3g}, expected below {limit:g}")
    return Inherent(
        positions=found + (start.positions - inside),
        energies=evaluation.energies,
        residual_rms=rms,
        residual_max=float(np.abs(evaluation.forces).max()),
    )


class _Reporter(openmm.MinimizationReporter):
    def __init__(self, moved: Callable[[int], object]):
        super().__init__()
        self._moved = moved

    def report(self, iteration: int, x: object, gradient: object, args: object) -> bool:
        self._moved(1)
        return command.stop_requested()


@command.polling()
def minimise(
    positions: np.ndarray,
    types: np.ndarray,
    box: np.ndarray,
    device: Device,
    tolerance: float,
    iterations: int = 0,
    moved: Callable[[int], object] = lambda iterations: None,
) -> np.ndarray:
    """Return positions (N, 3) whose root mean square force is below `tolerance` (epsilon/sigma).

    positions: inside the box; iterations: how many at most, 0 for as many as it takes; `moved` learns of each. Raises
    Interrupted where the stage was told to stop.
    """
    context, _ = dynamics.context(types, box, openmm.VerletIntegrator(0.001), device)
    context.setPositions(positions)
    try:
        openmm.LocalEnergyMinimizer.minimize(context, tolerance, iterations, _Reporter(moved))
    finally:
        command.reraise()
    if command.stop_requested():
        raise command.Interrupted("stopped while minimising")
    return context.getState(positions=True).getPositions(asNumpy=True)._value
