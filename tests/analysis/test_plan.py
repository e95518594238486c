"""Plans: jobs as Snakemake counts them, hours and disk as the arithmetic gives them."""

import json

import pytest
import yaml
from snakemake.utils import update_config

from analysis import plan
from analysis.accounts import costs
from simulate.liquid.kob_andersen import expected_tau_alpha
from tests.conftest import ROOT
from tests.workflow.conftest import snakemake


def configuration(name="config.yaml"):
    whole = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(whole, yaml.safe_load((ROOT / name).read_text()))
    return whole


@pytest.mark.parametrize("name", ["tests/config.yaml", "config/evidence.yaml"])
def test_jobs_are_those_that_snakemake_counts(name):
    planned = snakemake(
        "--dry-run", "--quiet", "rules", "--configfile", name, "--config", "pathvars={results: none}"
    ).planned()
    rows = plan.table(configuration(name))
    ours = {stage: sum(row["jobs"] for row in rows if row["stage"] == stage) for stage in costs.STAGES}
    assert {stage: count for stage, count in ours.items() if count} == {
        stage: count for stage, count in planned.items() if stage in costs.STAGES
    }


def test_hours_follow_from_steps_and_speed():
    config = configuration()
    config |= {"machine": {"device": "gpu", "simulation": 1e6, "ensemble": 4e6, "training": 1e3}}
    config |= {"temperatures": [1.0], "times": [0.5, 20.0], "runs": 1000, "samples": 10}
    config |= {"liquid": {"particles": 1024, "density": 1.2}}
    config |= {"simulation": config["simulation"] | {"time_step": 0.005}}
    rows = {row["stage"]: row for row in plan.table(config)}
    seconds = 10 * (1000 * 20.0 / 0.005 * 1024 / 4e6 + costs.START)
    assert rows["isoconfigurational"]["gpu_hours"] == pytest.approx(seconds / 3600)
    assert rows["isoconfigurational"]["core_hours"] == 0
    assert rows["train"]["gpu_hours"] == 0
    # Float32 positions of every run, time and particle; 40 bytes a particle for the configuration itself.
    assert rows["isoconfigurational"]["gigabytes"] == pytest.approx(10 * 1024 * (1000 * 2 * 12 + 40) / 1e9)


@pytest.mark.parametrize(
    ("time", "expected"), [(7.5, 7.5), ("0.5 tau_alpha", 0.5), ("F_s 0.36787944", 1.0)], ids=["tau", "tau_alpha", "F_s"]
)
def test_last_time_understands_every_way_to_say_one(time, expected):
    scale = 1.0 if isinstance(time, float) else expected_tau_alpha(0.7)
    assert costs.last_time({"times": [0.01, time]}, 0.7) == pytest.approx(expected * scale, rel=1e-6)


def test_each_temperature_has_its_own_times(monkeypatch):
    monkeypatch.setattr(costs, "START", 0.0)
    config = configuration() | {"temperatures": [0.5, 0.8], "times": {"0.5": [1.0, 434], "0.80": [5.2]}}
    assert [costs.last_time(config, temperature) for temperature in (0.5, 0.8)] == [434, 5.2]
    hours = [row["core_hours"] for row in plan.table(config) if row["stage"] == "isoconfigurational"]
    assert hours[0] / hours[1] == pytest.approx(434 / 5.2)


def test_nothing_is_simulated_where_archives_are_learned_from():
    config = configuration() | {"temperatures": [0.5, 0.8]}
    stages = {row["stage"] for row in plan.table(config, [24, 12], archived=True)}
    assert stages == {"graphs", "baselines", "reach", *costs.PER_NETWORK, "shell_response", "shell_gradient"}


def test_training_is_counted_where_it_computes():
    config = configuration("tests/config.yaml")
    config["machine"] |= {"device": "gpu", "training_on_gpu": 1e6}
    rows = {row["stage"]: row for row in plan.table(config)}
    steps = config["networks"]["bapst2020"]["epochs"] * 6 * (1 - 0.2 - 0.1 * 2 / 3)
    network = (costs.FIRST_WEIGHTS + steps * 256 / 1e6) / 3600
    assert rows["train"]["gpu_hours"] == pytest.approx(network)
    # The linear model has no use for one.
    assert rows["train"]["core_hours"] > 0
    config["machine"]["device"] = "cpu"
    assert {row["gpu_hours"] for row in plan.table(config) if row["stage"] == "train"} == {0.0}


def test_the_command_prints_hours_and_their_sum(monkeypatch, capsys):
    config = configuration("tests/config.yaml")
    monkeypatch.setattr("sys.argv", ["plan", json.dumps(config)])
    plan.main()
    printed = capsys.readouterr().out.splitlines()
    (whole,) = (line.split() for line in printed if line.startswith("in all"))
    hours = sum(row["core_hours"] for row in plan.table(config))
    assert float(whole[4]) == pytest.approx(hours, rel=1e-3)
    assert json.loads(printed[-1].partition("machine: ")[2]) == config["machine"]
