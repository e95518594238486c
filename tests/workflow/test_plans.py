"""What reruns when something changes: dry runs of the real Snakefile on a finished run."""

import json
import re

import numpy as np
import pytest

from learn.data import archive
from tests.conftest import ROOT
from tests.workflow import copies
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
    assert planned["train"] == 3
    for line in outcome.output.splitlines():
        if line.strip().startswith("output:") and "samples" in line:
            assert "T1.200" in line


def test_learning_rate_reruns_only_training_and_what_follows(pipeline):
    planned = pipeline("--dry-run", settings=("networks={bapst2020: {learning_rate: 0.002}}",)).planned()
    assert planned["train"] == 2
    assert not SIMULATION & set(planned)
    assert "baselines" not in planned
    assert "graphs" not in planned


def test_another_integrator_reruns_the_ensembles_and_what_follows(pipeline):
    planned = pipeline("--dry-run", settings=("simulation={integrator: langevin}",)).planned()
    assert planned["isoconfigurational"] == 2 * 6
    assert planned["train"] == 2 * 3
    assert not {"equilibrate", "relaxation_run", "relaxation", "inherent"} & set(planned)


@pytest.mark.parametrize("setting", ["machine={device: Reference}", "equilibration={allow_unequilibrated: true}"])
def test_what_changes_no_result_reruns_nothing(setting, pipeline):
    assert pipeline("--dry-run", settings=(setting,)).planned() == {}


def test_looking_touches_nothing(pipeline, tmp_path):
    """Neither results nor the lock of another run: they may be read-only, and another snakemake may be at work."""
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").write_text("results/report.html\n")
    before = {path: path.stat().st_mtime_ns for path in [pipeline.results.parent, *pipeline.results.rglob("*")]}
    for look in ("--dry-run", "--rulegraph", "--summary"):
        where = ("--snakefile", str(ROOT / "Snakefile"), "--configfile", str(ROOT / "tests/config.yaml"))
        results = f"pathvars={{results: {json.dumps(str(pipeline.results))}}}"
        assert snakemake(look, *where, "--config", results, cwd=tmp_path).status == 0
    assert before == {path: path.stat().st_mtime_ns for path in [pipeline.results.parent, *pipeline.results.rglob("*")]}
    assert (tmp_path / ".snakemake/locks/0.output.lock").exists()


def test_new_shell_computes_only_itself(pipeline):
    """Of the answers to perturbed surroundings, those of one file per network; no training, no gradient, no control."""
    planned = pipeline("--dry-run", settings=("shells={shells: [1, 2], metric_shells: [1.5]}",)).planned()
    assert planned["shell_response"] == 2 * 2 * 2
    assert planned["response_length"] == 2 * 2
    after = {"response_length", "figure", "report", "settings", "all"}
    assert set(planned) == {"shell_response", *after}
    assert planned["figure"] == 2


def test_new_temperature_is_compared_with_the_old_ones_only_where_it_takes_part(pipeline):
    outcome = pipeline("--dry-run", settings=("temperatures=[1.0, 1.5, 1.2]",))
    planned = outcome.planned()
    assert planned["heterogeneity"] == planned["radial_distribution"] == 1
    assert planned["shell_gradient"] == 2
    # Of the nine pairs, the five with the new temperature on either side.
    assert planned["transfer"] == 5


def test_the_public_files_of_botan_are_split(tmp_path):
    """Their names decide: with no configuration to choose by, nothing would run."""
    for number in range(1, 11):
        (tmp_path / f"isoconfig_N4096T0.44_{number}_tc07.npz").touch()
    where = f"published={{folder: {tmp_path}}}"
    outcome = snakemake("--dry-run", "--configfile", "config/published.yaml", "--config", where)
    assert outcome.status == 0, outcome.output
    assert outcome.planned()["published"] == 10


def test_public_files_of_several_temperatures(tmp_path):
    """Their names say which, or those of their folders; each temperature has as many as there are, at its own times."""
    (tmp_path / "T0.50").mkdir()
    for number in range(10):
        (tmp_path / f"a_T0.44_{number}.npz").touch()
        (tmp_path / "T0.50" / f"{number}.npz").touch()
        (tmp_path / "T0.50" / f"more_{number}.npz").touch()
    settings = (f"published={{folder: {tmp_path}}}", "temperatures=[0.44, 0.5]", "times={0.44: [4120], 0.50: [217]}")
    outcome = snakemake("--dry-run", "-p", "--config", *settings, "split={validation: 0.3, test: 0.3}")
    assert outcome.status == 0, outcome.output
    assert outcome.planned()["published"] == 10 + 20
    for line in outcome.output.splitlines():
        if "-m simulate.published" in line:
            assert ("--time 4120" in line) == ("a_T0.44" in line)
            assert ("--time 217" in line) == ("/T0.50/" in line)


def test_archives_stand_in_for_all_that_is_simulated(tmp_path):
    """As many configurations as each temperature has, in however many files, at the times that they carry."""
    for batch, (temperature, times, names) in enumerate(
        [(0.64, [1.65, 16.5], range(12)), (0.64, [1.65, 16.5], range(12, 16)), (0.8, [5.2], range(8))]
    ):
        samples = {f"s{number:04d}": kept_sample(f"s{number:04d}", len(times)) for number in names}
        relaxation = {key: np.ones(3) for key in archive.RELAXATION}
        archive.write(tmp_path / f"{batch}.h5", samples, np.array(times), temperature, relaxation, {})
    settings = (f"published={{folder: {tmp_path}}}", "temperatures=[0.64, 0.8]")
    where = f"pathvars={{results: {tmp_path / 'results'}}}"
    each = "networks={bapst2020: {per_time: true}}"
    outcome = snakemake("--dry-run", "-p", "--config", *settings, each, where)
    assert outcome.status == 0, outcome.output
    planned = outcome.planned()
    assert not {*SIMULATION, "published"} & set(planned)
    assert planned["graphs"] == 2
    assert planned["train"] == 4 + 3
    (line,) = (line for line in outcome.output.splitlines() if "python -P -m learn.graph" in line and "T0.640" in line)
    assert f"{tmp_path}/0.h5 {tmp_path}/1.h5 --identities s0000" in line
    outcome = snakemake("--dry-run", "--config", settings[0], "temperatures=[0.5]", where)
    assert "error: configuration: temperatures: no archive" in outcome.output


def kept_sample(name, n_times):
    """A configuration as archives hold them, of five particles."""
    arrays = {"types": np.array([0, 0, 0, 0, 1]), "box": np.full(3, 6.0)}
    arrays |= dict.fromkeys(("positions", "inherent_positions"), np.zeros((5, 3)))
    arrays |= {"halves": np.ones((2, n_times, 5)), "standard_error": np.ones((n_times, 5))}
    arrays |= {"overlap": np.ones((n_times, 4))}
    arrays |= dict.fromkeys(("F_s", "reliability_A", "reliability_B"), np.ones(n_times))
    return arrays | {"identity": name, "n_runs": 4, "seed": 1, "provenance": {}} | dict.fromkeys(archive.EVIDENCE, 0.0)


def test_new_times_of_one_temperature_rerun_only_what_is_theirs(pipeline):
    times = "times={1.0: [0.15, 1 tau_alpha], 1.5: [0.15, 0.5 tau_alpha, 1 tau_alpha]}"
    outcome = pipeline("--dry-run", settings=(times,))
    planned = outcome.planned()
    assert planned["relaxation"] == planned["graphs"] == 1
    assert planned["isoconfigurational"] == 6
    for line in outcome.output.splitlines():
        if line.strip().startswith("output:") and "samples" in line:
            assert "T1.500" in line


def test_a_network_is_left_out(pipeline):
    planned = pipeline("--dry-run", settings=("networks={bapst2020: null, pairs: null}",)).planned()
    assert "metrics" in planned
    assert not {"train", "shell_response", "figure_response", *SIMULATION} & set(planned)


def test_controls_are_trained_and_perturbed_but_not_scored(pipeline):
    planned = pipeline("--dry-run", settings=("shells={controls: [untrained, shuffled]}",)).planned()
    assert planned["train"] == planned["shell_gradient"] == planned["response_length"] == 2 * 2 * 2
    assert "evaluate" not in planned
    assert "metrics" not in planned


def test_propensities_alone():
    planned = snakemake("--dry-run", "propensities", "--config", "temperatures=[0.9]", "samples=17").planned()
    assert set(planned) == {*SIMULATION - {"inherent"}, "propensities"}
    assert planned["propensity"] == 17


def test_paper_plan_is_whole():
    planned = snakemake("--dry-run", "--quiet", "rules", "--configfile", "config/paper.yaml").planned()
    assert planned["isoconfigurational"] == 5 * 500
    # Ten times, by each of the published network and its two controls; pairs and its; the linear model.
    assert planned["train"] == 5 * (3 * 10 + 3 + 1)
    assert planned["shell_gradient"] == 5 * (3 * 10 + 3)


SHELLS = {"shell_response", "shell_gradient", "response_length"}


@pytest.mark.parametrize(
    ("edited", "again"),
    [
        ("analysis/figures/style.py", {"figure", "report"}),
        ("analysis/page/matrix.py", {"report"}),
        ("analysis/perturbation/surroundings.py", {*SHELLS, "figure", "report"}),
        # Of what shells are compared with; what networks were trained on stays.
        ("analysis/liquid/propensity.py", {*SHELLS, "figure", "report"}),
        ("simulate/files/store.py", set()),
        ("learn/training/loop.py", set()),
    ],
)
def test_an_edit_reruns_what_follows_from_it_and_no_simulation_or_training(edited, again, pipeline, tmp_path):
    folder = copies.copy(tmp_path / "edited")
    with open(folder / edited, "a") as file:
        file.write("# edited\n")
    where = f"pathvars={{results: {json.dumps(str(pipeline.results))}}}"
    outcome = snakemake("--dry-run", "--configfile", str(ROOT / "tests/config.yaml"), "--config", where, cwd=folder)
    assert set(outcome.planned()) - {"all", "settings"} == again, outcome.output


def test_snakemakes_own_report_holds_the_figures(pipeline, tmp_path):
    outcome = pipeline("--report", str(tmp_path / "report.html"))
    assert outcome.status == 0, outcome.output
    assert "figures/pearson_A.svg" in outcome.output + (tmp_path / "report.html").read_text()


def test_a_results_folder_that_is_called_like_a_temperature_names_none():
    where = "pathvars={results: scan/T1.000/seed0/run}"
    outcome = snakemake("--dry-run", "-p", "--configfile", "tests/config.yaml", "--config", where, "temperatures=[1.5]")
    labels = set(re.findall(r"T = [\d.]+, \w+, all, seed0", outcome.output))
    assert labels == {f"T = 1.5, {name}, all, seed0" for name in ("pairs", "bapst2020", "linear")}
    (maps,) = re.findall(r"-m analysis\.figures\.maps (.*?) --output", outcome.output)
    assert len(maps.split()) == 2
