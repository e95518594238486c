"""Write one configuration with all its per-particle fields as extended XYZ, for OVITO, ASE and their like.

    python -m analysis.export results/T0.700/graphs.h5 [--predictions MODEL/predictions.h5] --output s0000.xyz

One frame per time. Columns: species (Ni for A, P for B: programs want elements, and the mixture was made after
Ni80P20), type (0 = A, 1 = B), pos (3), propensity, standard_error and, with predictions, prediction and error
(prediction minus propensity). The comment line holds Lattice, Properties, pbc, time, and temperature where known.
Format: https://github.com/libAtoms/extxyz. Lengths in sigma_AA.
"""

import numpy as np

from analysis.liquid import propensity_field as fields
from simulate.files import store
from simulate.liquid import box as periodic
from simulate.stage import command, options


def frames(configuration: fields.Fields) -> list[str]:
    """Return one extended-XYZ frame per time; positions are wrapped into the box."""
    positions = periodic.wrap(configuration.positions, configuration.box)
    species = np.array(["Ni", "P"])[configuration.types]
    return [_frame(configuration, index, positions, species) for index in range(len(configuration.time))]


def _frame(configuration: fields.Fields, index: int, positions: np.ndarray, species: np.ndarray) -> str:
    columns = {"propensity": configuration.truth, "standard_error": configuration.standard_error}
    if configuration.prediction.size:
        columns |= {"prediction": configuration.prediction, "error": configuration.error}
    lattice = " ".join(f"{edge:.8g}" for edge in np.diag(configuration.box).ravel())
    properties = ":".join(["species:S:1:type:I:1:pos:R:3", *(f"{name}:R:1" for name in columns)])
    comment = f'Lattice="{lattice}" Properties={properties} pbc="T T T" time={configuration.time[index]:.8g}'
    if not np.isnan(configuration.temperature):
        comment += f" temperature={configuration.temperature:.8g}"
    numbers = np.column_stack([positions, *(field[index] for field in columns.values())])
    lines = [
        f"{name} {kind} " + " ".join(f"{value:.8g}" for value in row)
        for name, kind, row in zip(species, configuration.types, numbers, strict=True)
    ]
    return "\n".join([str(len(species)), comment, *lines]) + "\n"


def main() -> None:
    parser = options.Parser(prog="python -m analysis.export", description=__doc__.splitlines()[0])
    parser.add_argument("graphs", help="graphs.h5 of one temperature")
    text = "predictions.h5; several where each holds one time"
    parser.add_argument("--predictions", nargs="*", default=[], help=text)
    parser.add_argument("--sample", help="name of the sample, as s0000 (the first predicted, or the first)")
    parser.add_argument("--output", required=True, help="the file to write (.xyz)")
    arguments = parser.parse_args()
    configuration = fields.read(arguments.graphs, arguments.predictions, arguments.sample)
    with store.text(arguments.output) as file:
        file.writelines(frames(configuration))


if __name__ == "__main__":
    command.run(main)
