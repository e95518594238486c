"""A few seeded spoilings of every good file, in every run of the tests; `make fuzz` goes on for minutes."""

import numpy as np
import pytest

from tests.fuzz import readers

pytestmark = pytest.mark.bad_input
TRIES = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("fuzz")
    readers.write_good(place)
    return place


def spoilt(content: bytes, random: np.random.Generator) -> bytes:
    """Return a file with a few bytes changed, a piece missing, doubled, or cut off."""
    found = bytearray(content)
    kind = random.integers(5)
    place, length = random.integers(len(found)), int(random.geometric(0.02))
    if kind <= 1:
        # Most that a reader decides about stands near the beginning.
        for _ in range(random.integers(1, 9)):
            at = min(len(found) - 1, int(random.exponential(len(found) / 8)))
            found[at] = random.integers(256)
    elif kind == 2:
        del found[place:]
    elif kind == 3:
        del found[place : place + length]
    else:
        found[place:place] = found[place : place + length]
    return bytes(found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", readers.READERS)
def test_spoilt_files_are_read_or_refused(name, folder):
    reader, random = readers.READERS[name], np.random.default_rng(12)
    good = {file: (folder / file).read_bytes() for file in (*reader.good, reader.name)}
    try:
        for number in range(TRIES):
            content = spoilt(good[reader.good[number % len(reader.good)]], random)
            try:
                readers.attempt(reader, folder, content)
            except Exception as error:
                raise AssertionError(f"{name}, try {number}: {error!r}") from error
    finally:
        (folder / reader.name).write_bytes(good[reader.name])
