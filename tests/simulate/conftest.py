"""One small liquid for all tests of the simulation."""

from pathlib import Path

import numpy as np
import pytest

from simulate import equilibrate
from simulate.files import store
from simulate.liquid import platform
from simulate.liquid.configuration import Configuration
from simulate.liquid.dynamics import Dynamics, Engine
from simulate.stage import seeds


@pytest.fixture(scope="session")
def device():
    return platform.choose("CPU")


@pytest.fixture(scope="session")
def liquid(device) -> Configuration:
    """216 particles at T = 1.0, held for three relaxation times: a liquid, not a sample of record."""
    stream = seeds.generator(11, "test", 1.0)
    positions, types, box = equilibrate.start(216, 1.2, stream, device)
    protocol = equilibrate.Protocol(melt=400, cooled=600, total=1400, melt_temperature=2.0, temperature=1.0)
    engine = Engine(types, box, Dynamics("langevin", 2.0, 0.005, 1.0), device)
    found = equilibrate.equilibrate(positions, engine, protocol, equilibrate.Progress(), stream)
    assert np.isfinite(found).all()
    return Configuration(found, types, box, 1.0)


@pytest.fixture(scope="session")
def sample(liquid, tmp_path_factory) -> Path:
    """The liquid as a file."""
    path = tmp_path_factory.mktemp("start") / "sample.h5"
    arrays = {"positions": liquid.positions, "types": liquid.types, "box": liquid.box}
    store.write(path, "sample", arrays, {"temperature": 1.0})
    return path
