"""Bad configurations: one line that names the key or the file, a non-zero exit, before any work."""

import pytest
import yaml

from analysis.figures import scores
from learn import baselines
from simulate.files import store
from tests.bad_input import good
from tests.conftest import ROOT
from tests.workflow.conftest import snakemake

pytestmark = pytest.mark.bad_input

BAD = {
    "unknown key": ("temprature=0.7", "temprature"),
    "unknown key below": ("liquid={particels: 500}", "liquid.particels"),
    "negative temperature": ("temperatures=[-0.7]", "temperatures.0"),
    "temperature of four decimals": ("temperatures=[0.7001]", "temperatures"),
    "no temperature": ("temperatures=[]", "temperatures"),
    "infinite temperature": ("temperatures=[.inf]", "temperatures.0"),
    "no number": ("temperatures=[.nan]", "temperatures.0"),
    "text for a number": ("runs=many", "runs"),
    "half a run": ("runs=4.5", "runs"),
    "a number for a table": ("liquid=5", "liquid"),
    "temperature twice": ("temperatures=[0.7, 0.7]", "temperatures"),
    "negative seed": ("seed=-1", "seed"),
    "box below two cutoffs": ("liquid={particles: 100}", "liquid.particles"),
    "graph wider than the box": ("graph={cutoff: 6}", "liquid.particles"),
    "no test configurations": ("split={test: 0}", "split.test"),
    "no validation configurations": ("split={validation: 0.001}", "split"),
    "nothing to train on": ("split={validation: 0.5, test: 0.5}", "split"),
    "more followed than there are": ("relaxation={samples: 30}", "relaxation.samples"),
    "times not increasing": ("times=[0.5, 0.15]", "times"),
    "F_s that rises": ("times=[F_s 0.5, F_s 0.9]", "times"),
    "tau_alpha before F_s 0.9": ("times=[1 tau_alpha, F_s 0.9]", "times"),
    "a time below the time step": ("times=[0.001]", "times"),
    "a temperature without times": ("times={0.7: [0.15]}", "times"),
    "times of one temperature that fall": ("times={0.7: [0.15], 1.0: [0.5, 0.15]}", "times"),
    "no times": ("times={0.7: [0.15], 1.0: []}", "times.1.0"),
    "times of no temperature": ("times={soon: [0.15]}", "times"),
    "a gap of one sigma": ("shells={deltas: [0.1, 1]}", "shells.deltas.1"),
    "time that is none": ("times=[soon]", "times.0"),
    "F_s above one": ("times=[F_s 1.5]", "times.0"),
    "impossible device": ("machine={device: Abacus}", "machine.device"),
    "supercell of a small box": ("simulation={supercell: 2}", "simulation.supercell"),
    "time step that blows up": ("simulation={time_step: 0.5}", "simulation.time_step"),
    "results that Snakemake takes for a wildcard": ("pathvars={results: 'a{b}'}", "pathvars.results"),
    "missing public folder": ("published={folder: no/such/folder}", "published.folder"),
    "unknown species": ("species=[C]", "species.0"),
    "too few for a linear model": ("samples=3; relaxation={samples: 1}", "networks.pairs"),
    "more to learn from than there are": ("networks={linear: {samples: 12}}", "networks.linear.samples"),
    "network without model": ("networks={mine: {seeds: 1}}", "networks.mine"),
    "network of a bad name": ("networks={My-Net: {model: linear, per_time: false, seeds: 1}}", "networks"),
    "unknown baseline": ("baselines=[guess]", "baselines.0"),
}


def errors(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("error: ")]


@pytest.fixture
def in_process(monkeypatch, capfd):
    """Snakemake as its command runs it, but in this process: an import of snakemake per case would take a minute."""
    cli = pytest.importorskip("snakemake.cli")
    monkeypatch.chdir(ROOT)

    def call(*arguments: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["--nolock", "--cores", "2", "--dry-run", *arguments])
        captured = capfd.readouterr()
        # What `sys.exit` is given as text, Python prints as it ends.
        said = f"{ended.value.code}\n" if isinstance(ended.value.code, str) else ""
        return ended.value.code, captured.out + captured.err + said

    return call


@pytest.mark.parametrize("case", BAD)
def test_refused_in_one_line(case, in_process):
    setting, key = BAD[case]
    code, output = in_process("--config", *setting.split("; "))
    assert code not in (0, None)
    assert len(errors(output)) == 1, output
    assert errors(output)[0].startswith(f"error: configuration: {key}: ")
    assert "Traceback" not in output
    assert "Job stats" not in output


# What no dry run asks, but every run before its first job.
AT_START = {
    "unwritable results": ("pathvars={results: /proc/results}", "configuration: pathvars.results: "),
    "a device that is not here": ("machine={device: HIP}", "configuration: machine.device: platform: "),
}


@pytest.mark.parametrize("case", AT_START)
def test_refused_at_the_start(case, tmp_path):
    setting, message = AT_START[case]
    where = ("--snakefile", str(ROOT / "Snakefile"))
    outcome = snakemake(*where, "--config", setting, cwd=tmp_path)
    assert outcome.status != 0
    assert [line.startswith(f"error: {message}") for line in errors(outcome.output)] == [True], outcome.output
    assert "Traceback" not in outcome.output
    assert not (tmp_path / "results").exists()


def test_samples_that_stand_are_compared_before_any_work(tmp_path):
    """Another number of particles than the configuration's would fail a job, or two, after all simulations."""
    start = good.structure()
    sample = tmp_path / "results/T0.700/samples/s0003/sample.h5"
    store.write(sample, "sample", start, {"temperature": 0.7})
    outcome = snakemake("--snakefile", str(ROOT / "Snakefile"), "propensities", cwd=tmp_path)
    assert errors(outcome.output) == [
        "error: results/T0.700/samples/s0003/sample.h5: particles: 216, expected 680, as the configuration has it"
    ]
    assert not (tmp_path / "results/T0.700/samples/s0000").exists()


@pytest.mark.parametrize("content", ["- 1\n- 2\n", "a: [1\n", "", "\x00"], ids=["list", "no yaml", "empty", "binary"])
def test_configuration_files_that_are_none(content, in_process, tmp_path):
    """Snakemake reads the file, and says so."""
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    code, output = in_process("--configfile", str(file))
    assert code not in (0, None)
    assert "Config file must be given" in output or "Config file is not valid" in output
    assert "Traceback" not in output


def test_baselines_are_those_that_the_command_knows():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    assert tuple(schema["properties"]["baselines"]["items"]["enum"]) == baselines.NAMES
    # What figures do not know by its name they draw as a network.
    assert [name.split()[0] for name in scores.BASELINES] == list(baselines.NAMES)


def test_public_folder_of_other_files(in_process, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    code, output = in_process("--config", f"published={{folder: {tmp_path}}}")
    assert code != 0
    assert errors(output)[0].startswith("error: configuration: published.folder: ")


def test_public_files_of_several_temperatures_say_which(in_process, tmp_path):
    (tmp_path / "a_T0.44.npz").touch()
    _, output = in_process("--config", f"published={{folder: {tmp_path}}}", "temperatures=[0.44, 0.5]", "times=[4120]")
    assert errors(output)[0].startswith("error: configuration: published.folder: ")
    assert "no public file has T0.500 in its name" in output


def test_times_of_public_files_are_asked_for_as_they_carry_them(in_process, tmp_path):
    (tmp_path / "a.pickle").touch()
    _, output = in_process("--config", f"published={{folder: {tmp_path}}}", "temperatures=[0.44]", "times=[4120]")
    assert errors(output)[0].startswith("error: configuration: times: 4120: .pickle files carry their own times")


def test_controls_never_go_on_from_trained_weights(in_process, tmp_path):
    (tmp_path / "start.pt").touch()
    network = f"networks={{bapst2020: {{start: {tmp_path / 'start.pt'}}}}}"
    where = f"pathvars={{results: '{tmp_path / 'results'}'}}"
    settings = ("--config", network, "shells={controls: [untrained, shuffled]}", where)
    code, output = in_process("-p", "models", "shells", "--configfile", "tests/config.yaml", *settings)
    assert code == 0, output
    trainings = [line for line in output.splitlines() if "python -P -m learn.train" in line]
    assert any("--control shuffled" in line for line in trainings)
    assert any("--start" in line for line in trainings)
    assert not any("--start" in line and "--control" in line for line in trainings)


def test_defaults_are_left_out(in_process, tmp_path):
    where = f"pathvars={{results: '{tmp_path / 'results'}'}}"
    settings = ("--config", "networks={bapst2020: null}", "baselines=[]", where)
    code, output = in_process("--configfile", "tests/config.yaml", *settings)
    assert code == 0, output
    assert "learn.train" not in output or "--model linear" in output
    assert "rule baselines" not in output
    assert "rule report" in output


def test_names_with_spaces_and_other_letters_work(in_process, tmp_path):
    """The results may lie anywhere: a plan for them is whole."""
    for name in ("my results", "Glas-Übergang 玻璃"):
        where = tmp_path / name / "results"
        place = f"pathvars={{results: '{where}'}}"
        code, output = in_process("--configfile", "tests/config.yaml", "--config", place)
        assert code == 0, output
