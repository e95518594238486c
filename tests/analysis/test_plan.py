"""Plans: jobs as Snakemake counts them, hours and disk as the arithmetic gives them; used beside planned."""

import math

import pytest
import yaml
from snakemake.utils import update_config

from analysis import plan
from analysis.accounts import costs, used
from simulate.files import provenance, store, tables
from simulate.liquid.kob_andersen import expected_tau_alpha
from simulate.stage.command import InputError
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
    assert stages == {"graphs", "baselines", *costs.PER_NETWORK, "shell_response", "shell_gradient"}


def test_trial_gives_speeds_and_clusters_keep_their_gpus():
    config = configuration("tests/config.yaml")
    measured = plan.measure(config, 0.2)
    assert measured["device"] in ("cpu", "gpu")
    assert all(math.isfinite(measured[name]) and measured[name] > 0 for name in ("simulation", "ensemble", "training"))
    cluster = config | {"machine": {"device": "gpu", "simulation": 5.0, "ensemble": 6.0, "training": 7.0}}
    here = measured | {"device": "cpu"}
    assert plan.chosen(cluster, here) == cluster["machine"] | {"training": measured["training"]}
    assert plan.chosen(config, here) == here


def test_training_is_counted_where_it_computes():
    config = configuration("tests/config.yaml")
    config["machine"] |= {"device": "gpu", "training_on_gpu": 1e6}
    rows = {row["stage"]: row for row in plan.table(config)}
    steps = config["networks"]["bapst2020"]["epochs"] * 6 * (1 - 0.2 - 0.1 * 2 / 3)
    network = (costs.FIRST_WEIGHTS + steps * 256 / 1e6) / 3600
    assert rows["train"]["gpu_hours"] == pytest.approx(network)
    # The linear model has no use for one.
    assert rows["train"]["core_hours"] > 0
    config["training"]["device"] = "cpu"
    assert {row["gpu_hours"] for row in plan.table(config) if row["stage"] == "train"} == {0.0}


def test_planned_and_used_stand_side_by_side(tmp_path):
    config = configuration("tests/config.yaml")
    results, benchmarks = tmp_path / "results", tmp_path / "benchmarks"
    store.write(results / "T1.000/samples/s0000/sample.h5", "sample", {}, {}, platform="CUDA (Precision mixed)")
    store.write(results / "T1.000/graphs.h5", "graphs", {}, {})
    (benchmarks / "T1.000/bapst2020/all/seed0").mkdir(parents=True)
    (benchmarks / "T1.000/bapst2020/all/seed0/train.tsv").write_text("s\tcpu_time\n100\t7200.0\n")
    tables.write(tmp_path / "plan.csv", plan.COLUMNS, plan.table(config), ".6g")
    found = {row["stage"]: row for row in used.used(results, benchmarks)}
    assert found["equilibrate"]["gpu_hours"] > 0
    assert found["equilibrate"]["core_hours"] == 0
    assert found["graphs"]["core_hours"] > 0
    assert found["train"] == {
        **{"stage": "train", "temperature": 1.0, "jobs": 1},
        **{"gpu_hours": 0, "core_hours": 2.0, "gigabytes": 0},
    }
    # The same on a GPU: its time, whatever its processor did meanwhile.
    history = store.sidecar(results / "T1.000/bapst2020/all/seed0/history.csv")
    history.parent.mkdir(parents=True)
    history.write_text('{"platform": "cuda (NVIDIA)"}')
    (on_gpu,) = (row for row in used.used(results, benchmarks) if row["stage"] == "train")
    assert (on_gpu["gpu_hours"], on_gpu["core_hours"]) == (pytest.approx(100 / 3600), 0)
    html = used.table(used.read(tmp_path / "plan.csv"), list(found.values()))
    assert html.count("<tr>") == 1 + len(plan.table(config)) + 1
    assert "<tr><td>train</td><td>1</td><td>2</td><td>1</td>" in html


def test_public_files_are_one_job_each(tmp_path, monkeypatch):
    """The stage that takes them writes a configuration and its runs, which simulations write in two."""
    monkeypatch.setattr(provenance, "command", lambda: ["simulate.published", "public.npz"])
    for name, kind in (("sample.h5", "sample"), ("isoconfigurational.h5", "isoconfigurational")):
        store.write(tmp_path / "T0.440/samples/s0000" / name, kind, {}, {})
    (row,) = used.used(tmp_path, tmp_path / "benchmarks")
    assert (row["stage"], row["jobs"]) == ("published", 1)


def test_table_of_something_else_is_refused(tmp_path):
    (tmp_path / "plan.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"plan.csv: no column 'stage'"):
        used.read(tmp_path / "plan.csv")


def test_text_for_a_number_in_the_plan_is_refused(tmp_path):
    (tmp_path / "plan.csv").write_text(",".join(plan.COLUMNS) + "\ntrain,0.7,1,many,0,0\n")
    with pytest.raises(InputError, match=r"plan\.csv: column gpu_hours: 'many', expected a number"):
        used.read(tmp_path / "plan.csv")


def test_seconds_of_earlier_attempts_count(monkeypatch):
    monkeypatch.setattr(provenance, "_started", dict(provenance._started))
    before = provenance.elapsed()
    provenance.carry_on(1000.0)
    # Seconds are rounded to tenths.
    assert 999.8 <= provenance.elapsed() - before < 1000 + 600
