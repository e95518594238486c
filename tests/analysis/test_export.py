"""Extended XYZ: read back as the format says, by hand and by ASE."""

import re
import sys

import numpy as np
import pytest

from analysis import export
from analysis.liquid import propensity_field as fields
from simulate.files import formats
from tests.analysis import figure_inputs


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """The exported fields; the file is out.xyz."""
    figure_inputs.write_graphs(tmp_path / "graphs.h5")
    words = ["graphs.h5", "--predictions", "predictions.h5", "--output", "out.xyz"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["export", *words])
    export.main()
    return fields.read(tmp_path / "graphs.h5", [tmp_path / "predictions.h5"])


def test_export_is_read_back_with_all_fields(shown, tmp_path):
    """By hand, as the format says."""
    lines = (tmp_path / "out.xyz").read_text().splitlines()
    n_particles = len(shown.types)
    assert len(lines) == 2 * (n_particles + 2)
    for index in range(2):
        first, comment, *rows = lines[index * (n_particles + 2) : (index + 1) * (n_particles + 2)]
        assert int(first) == n_particles
        assert f"time={shown.time[index]:g} temperature=0.7" in comment
        names = re.search(r"Properties=(\S+)", comment)[1].split(":")[0::3]
        assert names == ["species", "type", "pos", "propensity", "standard_error", "prediction", "error"]
        assert [row.split()[0] for row in rows] == [("Ni", "P")[species] for species in shown.types]
        assert [int(row.split()[1]) for row in rows] == shown.types.tolist()
        numbers = np.array([row.split()[2:] for row in rows], dtype=float)
        # Eight digits are written.
        expected = [shown.truth, shown.standard_error, shown.prediction, shown.prediction - shown.truth]
        np.testing.assert_allclose(numbers[:, 3:], np.array(expected)[:, index].T, rtol=1e-6, atol=1e-8)
        apart = (numbers[:, :3] - shown.positions) / shown.box
        np.testing.assert_allclose(apart, np.rint(apart), atol=1e-6)


def test_export_is_read_by_ase(shown, tmp_path):
    ase_io = pytest.importorskip("ase.io", reason="ASE is not installed: extended XYZ is checked by hand only")
    frames = ase_io.read(tmp_path / "out.xyz", index=":", format="extxyz")
    assert [frame.info["time"] for frame in frames] == shown.time.tolist()
    for index, frame in enumerate(frames):
        assert frame.pbc.all()
        assert frame.get_chemical_formula() == f"Ni{figure_inputs.N_A}P{figure_inputs.N_B}"
        np.testing.assert_array_equal(frame.arrays["type"], shown.types)
        np.testing.assert_allclose(frame.cell.lengths(), shown.box)
        for name, array in {"propensity": shown.truth, "prediction": shown.prediction, "error": shown.error}.items():
            np.testing.assert_allclose(frame.arrays[name], array[index], rtol=1e-6, atol=1e-8)


def test_export_reads_back_as_a_configuration(shown, tmp_path):
    found = formats.read(tmp_path / "out.xyz")
    np.testing.assert_array_equal(found.types, shown.types)
    np.testing.assert_allclose(found.box, shown.box)
    apart = (found.positions - shown.positions) / shown.box
    np.testing.assert_allclose(apart, np.rint(apart), atol=1e-6)
    assert found.temperature == 0.7
