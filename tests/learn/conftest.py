"""Small samples on disk: a jittered lattice whose propensity is a known function of the structure."""

from pathlib import Path

import numpy as np
import pytest

from simulate.files import store
from simulate.liquid.box import minimum_image

EDGE = 5.2
TIME = np.array([0.5, 4.0])


def make_structure(number: int, side: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions, types, box of a jittered cubic lattice, one in five particles B."""
    random = np.random.default_rng(number)
    lattice = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    box = np.full(3, EDGE)
    positions = (lattice + 0.5) * EDGE / side + random.normal(scale=0.08, size=lattice.shape)
    types = (random.permutation(len(lattice)) < len(lattice) // 5).astype(np.int8)
    return positions, types, box


def propensity(positions: np.ndarray, types: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return (2, N): the distance to the nearest particle, and twice that plus 0.1 for B."""
    vectors = minimum_image(positions[:, None] - positions[None], box)
    distances = np.sqrt((vectors**2).sum(axis=-1)) + 10 * np.eye(len(types))
    nearest = distances.min(axis=1)
    return np.stack([nearest, 2 * nearest + 0.1 * types])


def write(folder: Path, number: int, **changes) -> Path:
    positions, types, box = make_structure(number)
    values = propensity(positions, types, box)
    start = {"positions": positions, "types": types, "box": box} | changes
    store.write(folder / "sample.h5", "sample", start, {"temperature": 0.7})
    measured = {"types": types, "time": TIME, "propensity": values, "standard_error": np.full_like(values, 0.01)}
    measured |= {f"reliability_{name}": np.array([0.9, 0.8]) for name in "AB"}
    store.write(folder / "propensity.h5", "propensity", measured, {"n_runs": 7, "temperature": 0.7})
    return folder


@pytest.fixture(scope="session")
def sample_folders(tmp_path_factory) -> list[Path]:
    """Six sample folders, s0000 to s0005: with the default fractions 3 train, 1 validation, 2 test."""
    root = tmp_path_factory.mktemp("samples")
    return [write(root / f"s{number:04d}", number) for number in range(6)]


@pytest.fixture(scope="session")
def graphs(sample_folders, tmp_path_factory) -> Path:
    """graphs.h5 of the six sample folders."""
    from learn.graph import collect

    path = tmp_path_factory.mktemp("graphs") / "graphs.h5"
    collect(sample_folders, [folder.name for folder in sample_folders], path, 2.0, 0.15, 0.2)
    return path


@pytest.fixture(scope="session")
def structure():
    """The function number -> positions, types, box of a jittered lattice."""
    return make_structure


@pytest.fixture(scope="session")
def write_sample():
    """The function (folder, number, **other arrays) that writes a sample folder."""
    return write


@pytest.fixture(scope="session")
def glass():
    """The function number -> positions, types, box, inherent positions of 216 disordered particles at density 1.2."""
    from functools import cache

    from simulate.liquid import platform
    from simulate.liquid.configuration import Configuration
    from simulate.liquid.minimisation import inherent_structure

    @cache
    def make(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        random = np.random.default_rng(number)
        side, box = 6, np.full(3, (216 / 1.2) ** (1 / 3))
        lattice = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        start = (lattice + 0.5) * box / side + random.uniform(-0.08, 0.08, size=lattice.shape)
        types = (random.permutation(len(lattice)) < len(lattice) // 5).astype(np.int8)
        place = inherent_structure(Configuration(start, types, box), platform.choose("CPU", 1)).positions
        return place + random.normal(scale=0.05, size=place.shape), types, box, place

    return make
