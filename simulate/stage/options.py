"""Command-line options that several stages share, each defined once."""

import argparse
import os
from typing import NoReturn

from simulate.stage.command import InputError

# Where all stages of a machine compute, where nothing else is said: auto, cpu, gpu, or a platform of OpenMM's.
DEVICE = "SUPERCOOLED_DEVICE"


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, like every other user error."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{self.prog}: {message}")

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Parse, and refuse an `output` that is one of the inputs: it would be written over."""
        found, rest = super().parse_known_args(args, namespace)
        output = str(getattr(found, "output", ""))
        given = [value for name, value in vars(found).items() if name != "output"]
        names = [str(part) for value in given for part in (value if isinstance(value, list) else [value])]
        # os.path, unlike pathlib, takes any text.
        if os.path.isfile(output) and any(os.path.isfile(name) and os.path.samefile(name, output) for name in names):
            self.error(f"{output} is an input, expected another name for the output")
        return found, rest


def positive(text: str) -> float:
    """Parse a positive, finite number."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}, expected a positive number")
    return value


def not_negative(text: str) -> float:
    """Parse zero or a positive, finite number."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}, expected 0 or a positive number")
    return value


def count(text: str) -> int:
    """Parse a positive integer."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}, expected a positive integer")
    return value


def natural(text: str) -> int:
    """Parse a non-negative integer."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text}, expected 0 or a positive integer")
    return value


def add_platform(parser: argparse.ArgumentParser) -> None:
    """Add where OpenMM computes, and how often a run can be resumed."""
    parser.add_argument("--platform", default="auto", help="auto, cpu, gpu, CUDA, HIP, OpenCL or Reference")
    parser.add_argument("--precision", default="mixed", choices=("single", "mixed", "double"), help="on GPUs")
    # Snakemake sets this variable to the cores of a job.
    cores = os.environ.get("OMP_NUM_THREADS", "1")
    parser.add_argument(
        "--threads", type=count, default=cores, help="runs at once on the CPU platform (OMP_NUM_THREADS, else 1)"
    )
    parser.add_argument("--restart-interval", type=count, default=2000, help="steps between restart points")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add what random numbers depend on."""
    parser.add_argument("--seed", type=natural, default=0, help="of the whole study")
    parser.add_argument("--sample", type=natural, default=0, help="number of the sample; each has its random numbers")


def settings(arguments: argparse.Namespace, leave_out: tuple[str, ...] = ()) -> dict:
    """Return the options that make a result what it is: all but the output's name and those named."""
    return {name: value for name, value in vars(arguments).items() if name not in ("output", *leave_out)}
