"""The inherent structure of one configuration, as a file."""

from typing import Any

from simulate.files import formats, store
from simulate.liquid import platform
from simulate.liquid.minimisation import TOLERANCE, inherent_structure
from simulate.stage import command, options


def main() -> None:
    parser = options.Parser(prog="simulate.inherent_structure", description=__doc__.splitlines()[0])
    parser.add_argument("configuration", help="any file that simulate.files.formats reads")
    formats.add_species(parser)
    parser.add_argument("output")
    parser.add_argument("--tolerance", type=options.positive, default=TOLERANCE, help="residual force, epsilon/sigma")
    options.add_platform(parser)
    arguments = parser.parse_args()
    start = formats.read(arguments.configuration, arguments.species)
    device = platform.choose(arguments.platform, arguments.precision)
    platform.announce(device)
    with command.about(arguments.configuration), command.progress(None, "minimisation", "iteration") as bar:
        found = inherent_structure(start, device, arguments.tolerance, bar.update)
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
    settings = options.settings(arguments) | {"temperature": start.temperature}
    store.write(arguments.output, "inherent", arrays, settings, platform=device.label)


if __name__ == "__main__":
    command.run(main)
