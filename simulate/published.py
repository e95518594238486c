"""Public files, as a sample and an ensemble of ours: Bapst et al. (.pickle), BOTAN and GlassBench (.npz)."""

from pathlib import Path

import numpy as np

from simulate.files import public, store
from simulate.files.public import Ensemble
from simulate.stage import command, options
from simulate.stage.command import InputError


def converted(
    path: str | Path, temperature: float | None, times: list[float] | None, is_values: list[float] | None
) -> Ensemble:
    """Return a public file's ensemble at a known temperature, at the times where F_s takes `is_values` (None: all).

    `times` is that of a BOTAN file, or those to take of a GlassBench file. Raises InputError where the temperature or
    the time is unknown, the temperature is another than the one the file or its name carries, or a value is absent or
    no other than the one before.
    """
    ensemble = public.ensemble(path, times, temperature)
    if np.isnan(ensemble.time).any():
        raise InputError(f"{path}: the file does not carry its time, expected --time")
    known = ensemble.start.temperature
    # Names carry three decimals.
    if known is not None and temperature is not None and abs(known - temperature) > 5e-4:
        raise InputError(f"{path}: temperature {known:g}, as the file or its name says, expected {temperature:g}")
    ensemble.start.temperature = temperature if known is None else known
    if ensemble.start.temperature is None:
        raise InputError(f"{path}: the file does not carry its temperature, expected --temperature")
    if is_values is not None:
        if ensemble.is_values is None:
            raise InputError(f"{path}: --is-values: the file does not carry values of F_s")
        absent = [value for value in is_values if not np.isclose(ensemble.is_values, value, atol=5e-3).any()]
        if absent:
            raise InputError(f"{path}: no time with F_s = {absent[0]}, expected one of {ensemble.is_values.round(4)}")
        chosen = np.unique([np.abs(ensemble.is_values - value).argmin() for value in is_values])
        if len(chosen) < len(is_values):
            raise InputError(f"{path}: --is-values: {is_values}, expected values that each have a time of their own")
        return ensemble.at(chosen)
    return ensemble


def main() -> None:
    parser = options.Parser(prog="simulate.published", description=__doc__.splitlines()[0])
    parser.add_argument("input", help="a .pickle of Bapst et al., or an .npz of BOTAN or GlassBench")
    parser.add_argument("--sample", required=True, help="output: the configuration")
    parser.add_argument("--ensemble", required=True, help="output: its isoconfigurational runs, or its propensities")
    parser.add_argument("--temperature", type=options.positive, help="where file and name carry none, else theirs")
    parser.add_argument(
        "--time", type=options.positive, nargs="+", help="of a BOTAN file, or those of GlassBench to take"
    )
    parser.add_argument("--is-values", type=options.positive, nargs="+", help="only the times with these F_s")
    arguments = parser.parse_args()
    command.check_file(arguments.input)
    found = converted(arguments.input, arguments.temperature, arguments.time, arguments.is_values)
    settings = options.settings(arguments, leave_out=("sample", "ensemble"))
    settings |= {"temperature": found.start.temperature}
    if arguments.is_values is not None:
        settings["is_values"] = sorted(arguments.is_values, reverse=True)
    start = {"positions": found.start.positions, "types": found.start.types, "box": found.start.box}
    store.write(arguments.sample, "sample", start, settings)
    measured = {"time": found.time, "trajectory_target_positions": found.targets, "propensity": found.propensity}
    measured["is_values"] = found.is_values
    known = {name: array for name, array in measured.items() if array is not None}
    store.write(arguments.ensemble, "isoconfigurational", {**start, **known}, settings)


if __name__ == "__main__":
    command.run(main)
