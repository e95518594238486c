"""A folder of public files: which are in it, what their names tell, and what must not lie together.

Imports nothing heavy: the workflow asks this before every job.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from simulate.stage.command import InputError

SUFFIXES = (".npz", ".pickle", ".pkl")
# The one set whose names also tell the split (`learn.data.splits`) and whose files hold ten times.
GLASSBENCH = re.compile(r"N\d+T\d+\.\d+_(\d+)\.npz")


def public_files(folder: Path, temperature: float, alone: bool = True) -> list[Path]:
    """Return the public files of one temperature in a folder and the folders in it, in order of their names.

    A name, or else that of a folder, tells the temperature (T0.44); where it is `alone`, files may leave it open.
    Raises InputError where there is none, or where the names say that the files are of several times, or that one
    configuration is there twice, or that somebody has split them already.
    """
    found = sorted(file for deep in ("*", "*/*", "*/*/*") for file in folder.glob(deep))
    # A name that begins with a dot is a system's, not a configuration's.
    files = [file for file in found if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
    wrong = next((file for file in files if file.suffix not in SUFFIXES or not file.is_file()), None)
    if wrong is not None:
        raise InputError(f"{wrong}: expected a file whose name ends in {', '.join(SUFFIXES)}, in small letters")
    if not files:
        raise InputError(f"{folder} holds no archive (.h5), no .npz and no .pickle file")
    told = {file: re.findall(r"T(\d+\.\d+)", str(file.relative_to(folder))) for file in files}
    files = [file for file in files if (abs(float(told[file][-1]) - temperature) < 5e-4 if told[file] else alone)]
    if not files:
        raise InputError(f"{folder}: no public file has T{temperature:.3f} in its name or in that of its folder")
    others = [file.parent.name for file in files if not GLASSBENCH.fullmatch(file.name)]
    parts = sorted({name for name in others if name.lower() in ("train", "validation", "valid", "val", "test")})
    if parts:
        raise InputError(f"{folder}: files lie in {' and '.join(parts)}; expected one of them, or all in one folder")
    _check_names(folder, files)
    return files


def _check_names(folder: Path, files: Sequence[Path]) -> None:
    """BOTAN names a configuration and, behind it, one of its times: `isoconfig_N4096T0.44_1_tc07`."""
    times: dict[str, str] = {}
    named = defaultdict(list)
    for file in files:
        configuration, _, time = re.sub(r"_(tc\d+)$", r"/\1", file.stem).partition("/")
        named[configuration].append(str(file.relative_to(folder)))
        times[time or "none"] = file.name
    if len(times) > 1:
        told = ", ".join(f"{time}: {name}" for time, name in sorted(times.items()))
        raise InputError(f"{folder} holds files of several times by their names ({told}), expected files of one time")
    twice = next((names for names in named.values() if len(names) > 1), None)
    if twice:
        raise InputError(f"{folder} holds one configuration twice by its names, {' and '.join(twice)}")
    if len({file.suffix == ".npz" for file in files}) > 1:
        raise InputError(f"{folder} holds .npz and .pickle files, expected files of one format")


def check_times(files: Sequence[Path], times: Sequence[float | str]) -> None:
    """Raise InputError where files cannot be asked for these times: numbers, or values of F_s as text."""
    numbers = [time for time in times if not isinstance(time, str)]
    if files[0].suffix != ".npz":
        wrong = [time for time in times if not re.fullmatch(r"F_s 0\.\d+|1 tau_alpha", str(time))]
        if wrong:
            raise InputError(f"{wrong[0]}: .pickle files carry their own times, expected 'F_s X' or '1 tau_alpha'")
    elif len(numbers) < len(times):
        raise InputError(f"{times}: .npz files do not carry F_s, expected numbers")
    elif len(numbers) > 1 and not all(GLASSBENCH.fullmatch(file.name) for file in files):
        raise InputError(f"{times}: each file of BOTAN has one time, expected one number")
