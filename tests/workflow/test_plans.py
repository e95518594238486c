"""What reruns when something changes: dry runs of the real Snakefile on a finished run."""

import pytest

from tests.workflow.conftest import snakemake

pytestmark = pytest.mark.pipeline

SIMULATION = {"equilibrate", "relaxation_run", "relaxation", "isoconfigurational", "inherent", "propensity"}


def test_second_run_does_nothing(pipeline):
    assert pipeline("--dry-run").planned() == {}


def test_report_is_there(pipeline):
    assert (pipeline.results / "report.html").stat().st_size > 100_000


def test_new_temperature_plans_only_itself(pipeline):
    outcome = pipeline("--dry-run", settings=("temperatures=[1.0, 1.5, 1.2]",))
    planned = outcome.planned()
    assert planned["equilibrate"] == 6
    assert planned["graphs"] == 1
    assert planned["train"] == 2
    for line in outcome.output.splitlines():
        if "output:" in line and "samples" in line:
            assert "T1.200" in line


def test_learning_rate_reruns_only_training_and_what_follows(pipeline):
    planned = pipeline("--dry-run", settings=("networks={bapst2020: {learning_rate: 0.002}}",)).planned()
    assert planned["train"] == 2
    assert not SIMULATION & set(planned)
    assert "baselines" not in planned
    assert "graphs" not in planned


def test_propensities_alone():
    planned = snakemake("--dry-run", "propensities", "--config", "temperatures=[0.9]").planned()
    assert set(planned) == {*SIMULATION - {"inherent"}, "propensities"}
    assert planned["propensity"] == 18


def test_paper_plan_is_whole():
    planned = snakemake("--dry-run", "--quiet", "rules", "--configfile", "config/paper.yaml").planned()
    assert planned["isoconfigurational"] == 5 * 500
    assert planned["train"] == 5 * (10 + 1)
