"""Predict the propensity of every particle of one configuration.

python -m learn.predict [MODEL.pt] CONFIGURATION OUT.h5

MODEL.pt is a checkpoint, or the name of a pretrained model in learn/pretrained.
"""

from pathlib import Path

import torch

from learn.data import domain
from learn.models import checkpoint
from simulate.files import formats, store
from simulate.stage import command, options
from simulate.stage.command import InputError

PRETRAINED = Path(__file__).parent / "pretrained"
DEFAULT = "ka-T0.440-public"


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
    if different := domain.outside(structure, trained.settings):
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
