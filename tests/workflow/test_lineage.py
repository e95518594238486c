"""Every file of a finished run says what made it, back to the melts of its seed."""

import numpy as np
import pytest

from analysis import lineage
from simulate.files import store
from tests.workflow import copies

pytestmark = pytest.mark.pipeline


def test_every_result_says_what_made_it(pipeline):
    # The configuration is what it was made from.
    files = [path for path in copies.files(pipeline.results) if path.name != "config.yaml"]
    results = [path for path in files if not path.name.endswith(".provenance.json")]
    assert [path for path in results if lineage.made_by(pipeline.results / path) is None] == []


@pytest.mark.parametrize("name", ["figures/response.svg", "report.html", "metrics.csv"])
def test_lineage_ends_at_the_melts(name, pipeline):
    lines = lineage.lineage(pipeline.results / name)
    found = "\n".join(lines)
    assert found.count("python -m simulate.equilibrate") >= 6
    assert "from outside" not in found
    assert "seed 1, temperature 1.0, sample 0, platform CPU" in found
    assert lines[-1].endswith("all inputs are what was read then")


def test_relaxation_runs_start_with_velocities_of_their_own(pipeline):
    """Shortly after the start displacements are velocities: those of two runs do not correlate, to 1 / sqrt(3 N)."""
    runs = [store.read(path) for path in sorted((pipeline.results / "T1.000").rglob("relaxation_run.h5"))]
    first, second = [(run["positions"][1] - run["positions"][0]).ravel() for run in runs]
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(len(first))
