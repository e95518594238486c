"""Inherent structure: the local minimum of the potential energy below a configuration.

F. H. Stillinger and T. A. Weber, Phys. Rev. A 25, 978 (1982). OpenMM's L-BFGS minimiser, then everything that is
reported (energies, residual force) in double precision. The truncated force jumps by up to 0.04 epsilon/sigma where a
pair crosses its cutoff, so a residual much below the default tolerance means little.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import openmm

from simulate.files import formats as configuration
from simulate.files import store
from simulate.files.formats import Configuration
from simulate.liquid import cage, dynamics, kob_andersen, platform
from simulate.liquid.box import wrap
from simulate.liquid.dynamics import Dynamics, Engine
from simulate.liquid.platform import Device
from simulate.stage import command, options
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


def minimise(start: Configuration, device: Device | None = None, tolerance: float = TOLERANCE) -> Inherent:
    """Return the inherent structure of a configuration, minimised to a residual force of `tolerance` or thrice at most.

    Raises InputError where particles overlap, the box is too small, or the minimiser does not get there.
    """
    device = device or platform.choose()
    kob_andersen.check_overlap(start.positions, start.types, start.box)
    inside = wrap(start.positions, start.box)
    context = openmm.Context(
        dynamics.system(start.types, start.box), openmm.VerletIntegrator(0.001), device.platform, device.properties
    )
    context.setPositions(inside)
    openmm.LocalEnergyMinimizer.minimize(context, tolerance, 0)
    found = context.getState(positions=True).getPositions(asNumpy=True)._value
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


def main() -> None:
    parser = options.Parser(prog="simulate.inherent_structure", description=__doc__.splitlines()[0])
    parser.add_argument("configuration", help="any file that simulate.files.formats reads")
    parser.add_argument("output")
    parser.add_argument("--tolerance", type=options.positive, default=TOLERANCE, help="residual force, epsilon/sigma")
    parser.add_argument("--cage-time", type=options.positive, help="also find cages, from runs of this length (tau)")
    parser.add_argument("--cage-runs", type=options.count, default=4)
    parser.add_argument("--temperature", type=options.positive, help="of the cage runs; not given: the file's")
    options.add_seed(parser)
    options.add_platform(parser)
    arguments = parser.parse_args()
    start = configuration.read(arguments.configuration)
    device = platform.choose(arguments.platform, arguments.threads, arguments.precision)
    platform.announce(device)
    with command.about(arguments.configuration):
        found = minimise(start, device, arguments.tolerance)
    print(
        f"inherent structure: U/N = {found.energies.mean():.5f}, residual force {found.residual_rms:.2g} (rms), "
        f"{found.residual_max:.2g} (largest)"
    )
    arrays: dict[str, Any] = {
        "positions": start.positions,
        "types": start.types,
        "box": start.box,
        "inherent_positions": found.positions,
        "inherent_energy": found.energies,
        "residual_rms": found.residual_rms,
        "residual_max": found.residual_max,
    }
    temperature = arguments.temperature or start.temperature
    if arguments.cage_time is not None:
        if temperature is None:
            raise InputError(f"{arguments.configuration}: carries no temperature, expected --temperature")
        engine = Engine(start.types, start.box, Dynamics("nve", temperature), device, arguments.restart_interval)
        caged = cage.cages(
            start, found.positions, engine, arguments.cage_time, arguments.cage_runs, arguments.seed, arguments.sample
        )
        print(f"cages: {100 * caged.left.mean():.1f} % of particles leave theirs within {arguments.cage_time} tau")
        arrays |= {"cage_positions": caged.positions, "left_cage": caged.left}
    settings = options.settings(arguments) | {"temperature": temperature}
    store.write(arguments.output, "inherent", arrays, settings, platform=device.label)


if __name__ == "__main__":
    command.run(main)
