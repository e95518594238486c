"""Results that travel: the cache between projects, and a results folder that is moved, archived and put back."""

import subprocess

import pytest

from tests.workflow.conftest import snakemake

SMALL = "equilibration={melt_time: 0.5, cooling_time: 0, relaxation_times: 1, allow_unequilibrated: true}"
SETTINGS = ("temperatures=[1.5]", SMALL)


def test_second_project_takes_configurations_from_the_cache(tmp_path, monkeypatch):
    """Two results folders and one cache: the second project computes nothing, and has the same files."""
    monkeypatch.setenv("SNAKEMAKE_OUTPUT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    found = []
    for name in ("first", "second"):
        results = tmp_path / name
        sample = results / "T1.500/samples/s0000/sample.h5"
        common = ("--configfile", "tests/config.yaml", "--config", f"pathvars={{results: {results}}}", *SETTINGS)
        outcome = snakemake("--cache", "--cores", "2", str(sample), *common)
        assert outcome.status == 0, outcome.output
        found.append(sample.read_bytes())
        assert sample.resolve().parent == tmp_path / "cache"
        # Snakemake touches the log of a job that it does not run.
        (log,) = (results / "logs").rglob("equilibrate.log")
        assert bool(log.read_text()) == (name == "first")
    assert found[0] == found[1]


@pytest.mark.pipeline
def test_results_archived_and_put_back_elsewhere_do_not_rerun(pipeline, tmp_path):
    moved = tmp_path / "elsewhere"
    archive = tmp_path / "results.tar"
    subprocess.run(["tar", "--create", "--file", archive, "--directory", pipeline.results, "."], check=True)
    moved.mkdir()
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", moved], check=True)
    outcome = snakemake(
        *("--dry-run", "--configfile", "tests/config.yaml"), "--config", f"pathvars={{results: {moved}}}"
    )
    assert outcome.status == 0, outcome.output
    assert outcome.planned() == {}
