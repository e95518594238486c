"""Energy and pressure of one configuration, in double precision, as one line of JSON.

`pressure` is rho T plus the virial of the plain truncated force (no impulsive and no long-range part); without a known
temperature it is null.
"""

import json

import numpy as np

from simulate.files import formats
from simulate.liquid import kob_andersen
from simulate.liquid.box import neighbour_pairs
from simulate.liquid.configuration import Configuration
from simulate.stage import command, options

# Pairs nearer than this, in both directions and without self, are the edges of the published graphs.
EDGE_LENGTH = 2.0


def summary(found: Configuration, temperature: float | None) -> dict:
    """Return the numbers of one configuration by name; energies per particle.

    Raises InputError where the box is smaller than two cutoffs.
    """
    n, volume = len(found.types), float(np.prod(found.box))
    evaluation = kob_andersen.evaluate(found.positions, found.types, found.box)
    pressure = None if temperature is None else n * temperature / volume + evaluation.virial / (3 * volume)
    return {
        "n_particles": n,
        "energy_per_particle": evaluation.energy / n,
        "energy_per_particle_unshifted": evaluation.unshifted / n,
        "pressure": pressure,
        "temperature": temperature,
        "nearest_distance": evaluation.nearest if np.isfinite(evaluation.nearest) else None,
        "directed_pairs": 2 * len(neighbour_pairs(found.positions, found.box, EDGE_LENGTH)),
    }


def main() -> None:
    parser = options.Parser(prog="simulate.energy", description=__doc__.splitlines()[0])
    parser.add_argument("configuration", help="any file that simulate.files.formats reads")
    formats.add_species(parser)
    parser.add_argument("--temperature", type=options.positive, help="instead of the one the file carries")
    arguments = parser.parse_args()
    found = formats.read(arguments.configuration, arguments.species)
    with command.about(arguments.configuration):
        print(json.dumps(summary(found, arguments.temperature or found.temperature)))


if __name__ == "__main__":
    command.run(main)
