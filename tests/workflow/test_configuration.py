"""Bad configurations: one line that names the key or the file, a non-zero exit, before any work."""

import pytest

from tests.workflow.conftest import snakemake

BAD = {
    "unknown key": ("temprature=0.7", "temprature"),
    "unknown key below": ("liquid={particels: 500}", "liquid.particels"),
    "negative temperature": ("temperatures=[-0.7]", "temperatures.0"),
    "text for a number": ("runs=many", "runs"),
    "temperature twice": ("temperatures=[0.7, 0.7]", "temperatures"),
    "box below two cutoffs": ("liquid={particles: 100}", "liquid.particles"),
    "no test configurations": ("split={test: 0}", "split.test"),
    "no validation configurations": ("split={validation: 0.001}", "split"),
    "times not increasing": ("times=[0.5, 0.15]", "times"),
    "time that is none": ("times=[soon]", "times.0"),
    "impossible platform": ("simulation={platform: Abacus}", "simulation.platform"),
    "unwritable results": ("pathvars={results: /proc/results}", "pathvars.results"),
    "missing public folder": ("published={folder: no/such/folder}", "published.folder"),
    "unknown species": ("species=[C]", "species.0"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused_in_one_line(case):
    setting, key = BAD[case]
    outcome = snakemake("--config", setting)
    errors = [line for line in outcome.output.splitlines() if line.startswith("error: ")]
    assert outcome.status != 0
    assert len(errors) == 1
    assert errors[0].startswith(f"error: configuration: {key}: ")
    assert "Traceback" not in outcome.output
    assert "Job stats" not in outcome.output
