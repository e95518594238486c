"""A folder of public files: which are in it, what their names tell, and what must not lie together.

Imports nothing heavy: the workflow asks this before every job.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from simulate.stage.command import InputError

PATTERNS = ("*.npz", "*.pickle", "*.pkl")
# GlassBench: configurations 1 to 400 are there to train on, the rest to test.
GLASSBENCH = re.compile(r"N\d+T\d+\.\d+_(\d+)\.npz")
LAST_TO_TRAIN = 400


def public_files(folder: Path) -> list[Path]:
    """Return the public files of a folder, in order of their names.

    Raises InputError where there is none, or where the names say that the files are of several times, or one
    configuration is there twice.
    """
    files = sorted(file for pattern in PATTERNS for file in folder.glob(pattern))
    if not files:
        others = sorted(other.name for other in folder.glob("*/") if any(other.glob(p) for p in PATTERNS))
        hint = f"; its folders do: {', '.join(others)}. Expected one of them, or their files in one" if others else ""
        raise InputError(f"{folder} holds no .npz and no .pickle file{hint}")
    suffixes = {file.suffix.replace(".pkl", ".pickle") for file in files}
    if len(suffixes) > 1:
        raise InputError(f"{folder} holds .npz and .pickle files, expected files of one format")
    _check_names(folder, files)
    return files


def _check_names(folder: Path, files: Iterable[Path]) -> None:
    """BOTAN names a configuration and, behind it, one of its times: `isoconfig_N4096T0.44_1_tc07`."""
    times: dict[str, str] = {}
    named = defaultdict(list)
    for file in files:
        configuration, _, time = re.sub(r"_(tc\d+)$", r"/\1", file.stem).partition("/")
        named[configuration].append(file.name)
        times[time or "none"] = file.name
    if len(times) > 1:
        raise InputError(
            f"{folder} holds files of several times by their names ({', '.join(sorted(times))}: "
            f"{', '.join(sorted(times.values()))}), expected files of one time"
        )
    twice = next((names for names in named.values() if len(names) > 1), None)
    if twice:
        raise InputError(f"{folder} holds one configuration twice by its names, {' and '.join(twice)}")


def given_split(file: Path) -> str | None:
    """Return 'train' or 'test' where a public file's name says so (GlassBench), else None."""
    number = GLASSBENCH.fullmatch(file.name)
    return None if number is None else "train" if int(number[1]) <= LAST_TO_TRAIN else "test"
