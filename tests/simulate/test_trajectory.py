"""Files that other programs open: written, and read back by mdtraj."""

import numpy as np
import pytest

from simulate import trajectory
from simulate.files import formats as configuration
from simulate.files import store
from simulate.stage.command import InputError
from tests.simulate import stages


@pytest.fixture
def ensemble_file(tmp_path, liquid):
    path = tmp_path / "ensemble.h5"
    targets = np.stack([[liquid.positions + 0.1 * (run + 1)] for run in range(3)], axis=1).astype(np.float32)
    start = {"positions": liquid.positions, "types": liquid.types, "box": liquid.box}
    arrays = {**start, "time": [0.5], "trajectory_target_positions": targets}
    store.write(path, "isoconfigurational", arrays, {"temperature": 1.0})
    return path


# DCD keeps single precision; XTC rounds to 0.001.
@pytest.mark.parametrize(("suffix", "tolerance"), [(".dcd", 2e-5), (".xtc", 6e-4)])
def test_round_trip(tmp_path, liquid, ensemble_file, monkeypatch, suffix, tolerance):
    output = tmp_path / f"run{suffix}"
    stages.call(monkeypatch, trajectory.main, ensemble_file, output, "--run", 1)
    found = trajectory.read(output)
    assert found.n_frames == 2
    assert ["AB".index(atom.name) for atom in found.topology.atoms] == liquid.types.tolist()
    np.testing.assert_allclose(found.xyz[0], liquid.positions, atol=tolerance)
    np.testing.assert_allclose(found.xyz[1], liquid.positions + 0.2, atol=tolerance)
    np.testing.assert_allclose(found.unitcell_lengths[1], liquid.box, atol=1e-3)


def test_topology_file_is_a_configuration_again(tmp_path, liquid, ensemble_file):
    first = trajectory.write(tmp_path / "run.dcd", trajectory.of_file(ensemble_file, 0))
    found = configuration.read(first)
    # A PDB file counts in 0.001 angstrom, that is 1e-4 sigma.
    np.testing.assert_allclose(found.positions, liquid.positions, atol=6e-5)
    np.testing.assert_array_equal(found.types, liquid.types)
    np.testing.assert_allclose(found.box, liquid.box, atol=1e-3)


def test_other_formats_and_absent_runs_are_refused(tmp_path, ensemble_file):
    with pytest.raises(InputError, match=r"format '\.mov', expected \.dcd or \.xtc"):
        trajectory.write(tmp_path / "run.mov", trajectory.of_file(ensemble_file, 0))
    with pytest.raises(InputError, match="--run 3, expected below 3"):
        trajectory.of_file(ensemble_file, 3)
