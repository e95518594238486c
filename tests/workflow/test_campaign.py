"""Archives from one command, which resumes anywhere from the archives alone."""

import shutil
import subprocess
import sys

import pytest
import yaml

from learn.data import archive
from tests.conftest import ROOT

SETTINGS = {
    **{"temperatures": [1.5, 2.0], "samples": 4, "runs": 4, "times": {1.5: [0.1, 0.3], 2.0: [0.2]}},
    **{"liquid": {"particles": 256}, "relaxation": {"samples": 2, "duration": 8}},
    **{"equilibration": {"melt_time": 2, "cooling_time": 1}},
}


@pytest.mark.slow
@pytest.mark.pipeline
def test_what_archives_hold_is_not_simulated_again(tmp_path):
    results, output = tmp_path / "results", tmp_path / "out"
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SETTINGS | {"pathvars": {"results": str(results)}}))
    words = [sys.executable, "workflow/campaign.py", str(output), "--configfile", str(tmp_path / "small.yaml")]
    subprocess.run(words, cwd=ROOT, check=True)
    for name, times in (("T1.500", [0.1, 0.3]), ("T2.000", [0.2])):
        kept = archive.contents(output / f"{name}_1.h5")
        assert kept.names == ["s0000", "s0001", "s0002", "s0003"]
        assert kept.time.tolist() == times
    # Another machine, to which one archive comes along without the other.
    shutil.rmtree(results)
    (output / "T2.000_1.h5").unlink()
    (output / "relaxation_T2.000.h5").unlink()
    subprocess.run(words, cwd=ROOT, check=True)
    assert len(archive.contents(output / "T2.000_1.h5").names) == 4
    assert not (results / "T1.500/samples").exists()
    assert not (output / "T1.500_2.h5").exists()
