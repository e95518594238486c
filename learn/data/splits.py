"""Which configurations a network learns from, is chosen on, and is tested on.

A configuration's split follows from its identity alone, so adding configurations never moves one.
"""

import hashlib
import re
from collections.abc import Iterable

from simulate.files.folder import GLASSBENCH
from simulate.stage.command import InputError

GOLDEN_RATIO = (5**0.5 - 1) / 2
GLASSBENCH_TO_LEARN = 400
SPLITS = ("train", "validation", "test")


def split(identity: str, validation: float, test: float) -> str:
    """Return 'train', 'validation' or 'test' for one configuration.

    A number u in [0, 1) is made from the identity: test where u < test, validation where
    u < test + validation, else train. A simulated sample (identity ending in `s0012`) has u = frac(12 g) with
    g the golden ratio: any run of consecutive samples then covers [0, 1) evenly, so that few samples already fill
    all three splits. Anything else (the name of a public file) has u from its SHA-256. Those of GlassBench
    (`N4096T0.44_401.npz`) keep its test set, from number 401 on: the others are validation where u < validation.

    Raises InputError where the fractions leave no room for training.
    """
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise InputError(f"validation {validation}, test {test}: expected fractions whose sum is below 1")
    u = coordinate(identity)
    if number := GLASSBENCH.fullmatch(identity.rsplit("/", 1)[-1]):
        test = float(int(number[1]) > GLASSBENCH_TO_LEARN)
    if u < test:
        return "test"
    return "validation" if u < test + validation else "train"


def coordinate(identity: str) -> float:
    """Return the number in [0, 1) that decides about an identity."""
    simulated = re.search(r"(?:^|/)s(\d+)$", identity)
    if simulated:
        return int(simulated.group(1)) * GOLDEN_RATIO % 1.0
    name = identity.rsplit("/", 1)[-1]
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48


def check(splits: Iterable[str], where: str) -> None:
    """Raise InputError where one of the three splits holds no configuration."""
    found = list(splits)
    for name in SPLITS:
        if name not in found:
            counts = ", ".join(f"{found.count(other)} {other}" for other in SPLITS)
            raise InputError(f"{where}: no {name} configurations ({counts}); add samples or change the fractions")
