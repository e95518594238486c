"""Propensities of one isoconfigurational ensemble, and how far their noise lets anything predict them.

    python -m analysis.propensity ENSEMBLE OUT.h5

ENSEMBLE is our isoconfigurational.h5, or a public file as it is (.pickle of Bapst et al., .npz of BOTAN or GlassBench).
Where propensities were published without the runs, their noise is not known: standard error and ceilings are NaN.
"""

from pathlib import Path

from analysis.liquid.propensity import read, write
from simulate.stage import command, options
from simulate.stage.command import InputError


def main() -> None:
    parser = options.Parser(prog="python -m analysis.propensity", description=__doc__.splitlines()[0])
    parser.add_argument("ensemble", help="isoconfigurational.h5, or a public .pickle or .npz")
    parser.add_argument("output", help="the propensity file to write (.h5)")
    parser.add_argument(
        "--time", type=options.positive, help="of a BOTAN .npz, which does not carry it; of GlassBench: only this"
    )
    arguments = parser.parse_args()
    if arguments.time is not None and Path(arguments.ensemble).suffix != ".npz":
        raise InputError(f"--time: {arguments.ensemble} carries its own times; expected a BOTAN .npz")
    result, types, settings = read(arguments.ensemble, arguments.time)
    write(arguments.output, result, types, settings)
    for index, time in enumerate(result.time):
        if settings["n_runs"] is None:
            print(f"t = {time:g}: propensities as published; their noise is not known, so there is no ceiling")
            continue
        ceilings = ", ".join(f"{name} {values[index]:.3f}" for name, values in result.ceiling.items())
        print(f"t = {time:g}: {settings['n_runs']} runs, noise ceiling {ceilings}")


if __name__ == "__main__":
    command.run(main)
