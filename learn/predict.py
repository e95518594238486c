"""Predict the propensity of every particle of one configuration.

python -m learn.predict [MODEL.pt] CONFIGURATION OUT.h5

MODEL.pt is a checkpoint, or the name of a pretrained model in learn/pretrained.
"""

from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree

from learn.models import checkpoint
from simulate.files import formats, store
from simulate.liquid import kob_andersen
from simulate.liquid.box import wrap
from simulate.liquid.configuration import Configuration
from simulate.stage import command, options
from simulate.stage.command import InputError

PRETRAINED = Path(__file__).parent / "pretrained"
DEFAULT = "ka-T0.440-public"
# What a configuration may differ by from those a model was trained on before that is said: density and temperature by
# these parts, the share of B by so much. No point of the liquid at T = 0.44 is farther than 0.82 from every particle,
# some of an ideal gas of its density are 1.33.
DENSITY, TEMPERATURE, SHARE, HOLE = 0.05, 0.1, 0.05, 1.1


def model_path(named: str) -> Path:
    """Return the file of a model given by its path or by the name of a pretrained one.

    Raises InputError where there is neither.
    """
    if Path(named).exists():
        return Path(named)
    pretrained = PRETRAINED / f"{named}.pt"
    if pretrained.is_file():
        return pretrained
    known = ", ".join(sorted(path.stem for path in PRETRAINED.glob("*.pt")))
    raise InputError(f"{named}: no such file, and no pretrained model of that name; there are {known}")


def strange(found: Configuration, settings: dict) -> str:
    """Return how a configuration differs from those that a model of these settings was trained on, empty where little.

    A model that does not say its density was trained at that of the mixture.
    """
    density, usual = len(found.types) / found.box.prod(), settings.get("density", kob_andersen.DENSITY)
    points = np.random.default_rng(0).uniform(size=(20_000, 3)) * found.box
    hole = cKDTree(wrap(found.positions, found.box), boxsize=found.box).query(points)[0].max()
    share, trained_at = found.types.mean(), settings.get("temperature")
    said = []
    if abs(density / usual - 1) > DENSITY:
        said.append(f"density {density:.3g}")
    if hole > HOLE:
        said.append(f"empty space {hole:.2g} sigma around")
    if abs(share - kob_andersen.FRACTION_B) > SHARE:
        said.append(f"{share:.0%} B")
    if found.temperature and trained_at and abs(found.temperature / trained_at - 1) > TEMPERATURE:
        said.append(f"T = {found.temperature:g}")
    known = (
        f"density {usual:g}, "
        + (f"T = {trained_at:g}, " if trained_at else "unknown temperature, ")
        + f"{kob_andersen.FRACTION_B:.0%} B"
    )
    return f"{', '.join(said)}: far from the liquid that the model was trained on, {known}" if said else ""


def main() -> None:
    """Predict the propensity of every particle of a configuration, from its structure alone.

    OUT.h5 holds time (M,), propensity (M, N), and the positions, types and box predicted for; of an ensemble the
    standard deviation over its members, propensity_uncertainty (M, N).
    """
    parser = options.Parser(prog="python -m learn.predict", description=main.__doc__)
    parser.add_argument(
        "model", nargs="?", default=DEFAULT, help=f"MODEL.pt, or the name of a pretrained model (default: {DEFAULT})"
    )
    parser.add_argument("configuration", type=Path, help="any file that simulate.files.formats reads")
    parser.add_argument("output", type=Path, help="OUT.h5")
    formats.add_species(parser)
    parser.add_argument("--threads", type=options.count, default=None)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    trained = checkpoint.load(model_path(arguments.model))
    structure = formats.read(arguments.configuration, arguments.species)
    if different := strange(structure, trained.settings):
        command.warn(f"{arguments.configuration}: {different}")
    with command.about(arguments.configuration):
        propensity, spread = trained.propensity(trained.network.inputs(structure))
    arrays = {
        "time": trained.time,
        "propensity": propensity,
        "positions": structure.positions,
        "types": structure.types,
        "box": structure.box,
    }
    arrays |= {} if spread is None else {"propensity_uncertainty": spread}
    settings = {"model": trained.settings, "temperature": structure.temperature}
    store.write(arguments.output, "prediction", arrays, settings)
    mean = ", ".join(
        f"{row[structure.types == 0].mean():.4f} at t = {t:g}" for t, row in zip(trained.time, propensity, strict=True)
    )
    print(f"{arguments.output}: {len(structure.types)} particles, mean of A: {mean}")


if __name__ == "__main__":
    command.run(main)
