"""Bad command lines, disks and devices: one line, nothing half-written. Odd names that are valid work."""

import os
import re
import resource
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from simulate.files import store
from tests.bad_input.conftest import contents, judged
from tests.conftest import ROOT

pytestmark = pytest.mark.bad_input

ENSEMBLE = "simulate.isoconfigurational --configuration sample.h5 --platform CPU --output out.h5"
EQUILIBRATE = "simulate.equilibrate --platform CPU --output out.h5"
SHELLS = "analysis.shells model.pt sample.h5 out.csv"
TRAIN = "learn.train graphs.h5 --output out.pt"

# what is wrong: (the command line, its exit status, what the error says)
BAD = {
    "no such option": (f"{EQUILIBRATE} --particels 10", 2, "required: --particles"),
    "an option too many": ("simulate.energy sample.h5 --hot", 2, "unrecognized arguments: --hot"),
    "no configuration": ("simulate.energy", 2, "required: configuration"),
    "a missing configuration": ("simulate.energy absent.h5", 2, r"absent\.h5: no such file"),
    "negative temperature": ("simulate.energy sample.h5 --temperature -1", 2, "--temperature: -1, expected a positive"),
    "temperature that is none": ("simulate.energy sample.h5 --temperature nan", 2, "nan, expected a positive number"),
    "infinite temperature": ("simulate.energy sample.h5 --temperature inf", 2, "inf, expected a positive number"),
    "temperature in words": ("simulate.energy sample.h5 --temperature cold", 2, "--temperature: .*'cold'"),
    "half a particle": (f"{EQUILIBRATE} --particles 10.5 --temperature 1", 2, "--particles: .*'10.5'"),
    "no particles": (f"{EQUILIBRATE} --particles 0 --temperature 1", 2, "0, expected a positive integer"),
    "too few particles": (f"{EQUILIBRATE} --particles 50 --temperature 1", 2, "box: shortest edge .* two cutoffs"),
    "a melt below the target": (
        f"{EQUILIBRATE} --particles 160 --temperature 1 --melt-temperature 0.5", 2, "0.5, expected at least --temperature"),
    "no time": (f"{ENSEMBLE} --temperature 1 --runs 2", 2, "one of the arguments --times --times-from is required"),
    "times twice": (
        f"{ENSEMBLE} --temperature 1 --runs 2 --times 1 --times-from relaxation.h5", 2, "not allowed with argument"),
    "times that go back": (f"{ENSEMBLE} --temperature 1 --runs 2 --times 2 1", 2, "2.0 1.0, expected increasing positive"),
    "an unknown integrator": (
        f"{ENSEMBLE} --temperature 1 --runs 2 --times 1 --integrator euler", 2, "'euler' .choose from"),
    "a time step that blows up": (
        f"{ENSEMBLE} --temperature 1 --runs 1 --times 50 --time-step 0.5", 2, "blew up at step .* smaller --time-step"),
    "a missing device": (
        "simulate.inherent_structure sample.h5 out.h5 --platform Abacus", 2, "'Abacus', expected auto, cpu, gpu or one of those available"),
    "a device that is not here": (
        "simulate.inherent_structure sample.h5 out.h5 --platform HIP", 2, "platform: .*HIP"),
    "an unknown trajectory format": ("simulate.trajectory ensemble.h5 out.mp4", 2, "format '.mp4', expected .dcd or .xtc"),
    "a run that is not there": ("simulate.trajectory ensemble.h5 out.dcd --run 9", 2, "--run 9, expected below 4"),
    "public time unknown": (
        "simulate.published isoconfig_T0.44.npz --sample out.h5 --ensemble out2.h5", 2, "expected --time"),
    "public file of another temperature": (
        "simulate.published isoconfig_T0.44.npz --time 9 --temperature 0.5 --sample out.h5 --ensemble out2.h5", 2,
        r"isoconfig_T0\.44\.npz: temperature 0\.44, as the file or its name says, expected 0\.5"),
    "a pickle of another temperature": (
        "simulate.published public.pickle --temperature 0.44 --sample out.h5 --ensemble out2.h5", 2,
        r"public\.pickle: temperature 1, as the file or its name says, expected 0\.44"),
    "two values of one time": (
        "simulate.published public.pickle --is-values 0.9 0.901 --sample out.h5 --ensemble out2.h5", 2, "a time of their own"),
    "a folder for a configuration": ("simulate.energy samples", 2, "error: samples: a folder, expected a file"),
    "a folder for a model": ("learn.predict samples sample.h5 out.h5", 2, "error: samples: a folder, expected a file"),
    "a folder for a table": ("analysis.metrics samples --output out.csv", 2, "error: samples: a folder, expected a file"),
    "a folder for a plan": ("analysis.plan samples", 2, "error: samples: a folder, expected a file"),
    "a plan of no YAML": ("analysis.plan {[", 2, "configuration: no YAML"),
    "a plan of a binary file": ("analysis.plan sample.h5", 2, "sample.h5: (no YAML|str, expected a whole)"),
    "a plan of a list": ("analysis.plan scores.csv", 2, "scores.csv: str, expected a whole configuration"),
    "bins wider than the box": (
        "analysis.radial_distribution sample.h5 --bin-width 100 --output out.h5", 2, "bins of 100, expected at most the largest"),
    "infinite bins": (
        "analysis.radial_distribution sample.h5 --bin-width inf --output out.h5", 2, "--bin-width: inf, expected a positive"),
    "F_s that is not there": (
        "simulate.published public.pickle --sample out.h5 --ensemble out2.h5 --is-values 0.7", 2, "no time with F_s = 0.7"),
    "a missing ensemble": ("analysis.propensity absent.npz out.h5", 2, r"absent\.npz: no such file"),
    "half precision": (f"{EQUILIBRATE} --particles 160 --temperature 1 --precision half", 2, "--precision: .*'half'"),
    "a pretrained model that is none": ("learn.predict gpt sample.h5 out.h5", 2, "no pretrained model of that name; there"),
    "fractions beyond one": (
        "learn.graph samples/s0000 --validation 0.5 --test 0.6 --output out.h5", 2, "expected fractions whose sum is below 1"),
    "a sample twice": ("learn.graph samples/s0000 samples/s0000 --output out.h5", 2, "given twice"),
    "identities missing": ("learn.graph samples/s0000 samples/s0001 --identities a --output out.h5", 2, "1 given for 2"),
    "a folder that is no sample": ("learn.graph samples --output out.h5", 2, "no .* configurations|no such file"),
    "no epochs": (f"{TRAIN} --epochs 0", 2, "--epochs: 0, expected a positive integer"),
    "a learning rate of nothing": (f"{TRAIN} --learning-rate 0", 2, "--learning-rate 0.0: expected a positive number"),
    "a time that is not measured": (f"{TRAIN} --time-index 7", 2, "--time-index 7: .* holds 2 times, 0 to 1"),
    "a time without what says it": (f"{TRAIN} --time 0.5", 2, "--time: expected with --times-from"),
    "a time that was not asked for": (f"{TRAIN} --time soon --times-from relaxation.h5", 2, "--time: 'soon', expected one of relaxation.h5: 0.5, 1 tau_alpha"),
    "an unknown recipe": (f"{TRAIN} --recipe haute", 2, "--recipe: invalid choice: 'haute'"),
    "a control of what was trained": (f"{TRAIN} --control shuffled --start model.pt", 2, "--start model.pt: not with --control"),
    "a start of other kind": (f"{TRAIN} --start sample.h5", 2, "sample.h5: not a whole archive"),
    "shells that shrink": (f"{SHELLS} --kind gap --shells 2 1", 2, "expected positive numbers that increase"),
    "a shell that is no number": (f"{SHELLS} --kind gap --shells 1 nan", 2, "nan.*, expected positive numbers that incr"),
    "an infinite shell": (f"{SHELLS} --kind gap --shells 1 inf", 2, "inf.*, expected positive numbers that increase"),
    "half a shell": (f"{SHELLS} --kind gap --shells 1.5", 2, "expected whole numbers of edges"),
    "a gap of nothing": (f"{SHELLS} --kind gap --shells 1 --delta 0", 2, "expected gap widths between 0 and 1 sigma"),
    "no marked particles": (f"{SHELLS} --kind gap --shells 1 --particles 0", 2, "--particles: 0, expected a positive"),
    "negative seed": (f"{SHELLS} --kind gap --shells 1 --seed -1", 2, "--seed: -1, expected 0 or a positive integer"),
    "a figure that is no picture": (
        "analysis.figures.training a.csv --labels a --output out.doc", 2, r"out.doc, expected a name that ends in \.svg"),
    "labels missing": (
        "analysis.figures.training a.csv b.csv --labels a --output out.svg", 2, "1 different ones for 2 files"),
    "a run that is too short": (
        "analysis.relaxation relaxation_run.h5 --times 0.5 --output out.h5", 2, "tau_alpha not reached: .* run for 13 or longer"),
    "an output in a file": ("simulate.inherent_structure sample.h5 sample.h5/out.h5 --platform CPU", 1, "out.h5: not written: "),
    "an output that is a folder": ("simulate.inherent_structure sample.h5 samples --platform CPU", 1, "samples: not written: "),
    "a read-only disk": ("simulate.inherent_structure sample.h5 /proc/out.h5 --platform CPU", 1, "/proc/out.h5: not written: "),
    "a table on a read-only disk": ("analysis.metrics scores.csv --output /proc/out.csv", 1, "/proc/out.csv: not written"),
    "a figure on a read-only disk": (
        "analysis.figures.scatter graphs.h5 predictions.h5 --output /proc/out.svg", 1, r"/proc/out\.\w+: not written"),
    "a model on a read-only disk": (f"{TRAIN} --model linear --output /proc/out.pt", 2, "expected at least 2"),
}  # fmt: skip
# ruff: noqa: E501 (the table: one case a line)


@pytest.mark.parametrize("wrong", BAD)
def test_refused_in_one_line(wrong, files, refused):
    words, status, message = BAD[wrong]
    refusal = refused(*words.split())
    assert refusal.status == status, refusal.line
    assert re.search(message, refusal.line), refusal.line


def called(*words, **options) -> subprocess.CompletedProcess:
    """Run `python -m WORDS...` in a process of its own, in the working directory."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, **options)


@pytest.mark.parametrize("wrong", ["no such option", "a missing device", "a read-only disk"])
def test_refused_in_one_line_by_the_command_itself(wrong, files):
    words, status, message = BAD[wrong]
    before = contents(files)
    done = called(*words.split())
    refusal = judged(done.returncode, done.stdout + done.stderr)
    assert refusal.status == status
    assert re.search(message, refusal.line)
    assert contents(files) == before


def test_without_torch_scatter_one_line_says_how_to_get_it(files):
    code = (
        "import runpy, sys; sys.modules['torch_scatter'] = None; runpy.run_module(sys.argv.pop(1), run_name='__main__')"
    )
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = ["learn.predict", "model.pt", "sample.h5", "out.h5"]
    done = subprocess.run([*command, *words], env=environment, capture_output=True, text=True)
    assert "torch-scatter is not installed" in judged(done.returncode, done.stdout + done.stderr).line


FULL = {
    "one array after the other": ("learn.graph samples/s0000 samples/s0001 samples/s0002 --output out.h5", 20_000),
    "at the end": ("learn.graph samples/s0000 samples/s0001 samples/s0002 --output out.h5", 60_000),
    "a checkpoint": (f"{TRAIN} --epochs 1 --recipe published", 100_000),
    "a figure": ("analysis.figures.scatter graphs.h5 predictions.h5 --output out.svg", 5_000),
    "a table": ("analysis.metrics scores.csv --output out.csv", 100),
}


@pytest.mark.parametrize("case", FULL)
def test_full_disk(case, files):
    """A limit on the size of files stands for a full disk: writing beyond it fails in the same place."""
    words, limit = FULL[case]
    before = contents(files)
    done = called(*words.split(), preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)))
    refusal = judged(done.returncode, done.stdout + done.stderr)
    assert refusal.status == 1
    assert re.search(r"out\.\w+(\.state)?: not written: ", refusal.line), refusal.line
    # Of a figure's four files those that were whole before the disk was full may stand.
    left = {name: content for name, content in contents(files).items() if not re.fullmatch(r"out\.(csv|txt)", name)}
    assert left == before


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs root and mount")
def test_a_disk_that_is_really_full(files, refused):
    place = files / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no permission to mount")
    try:
        samples = " ".join(f"samples/s000{number}" for number in range(3))
        refusal = refused(*f"learn.graph {samples} --output disk/out.h5".split())
        assert re.search(r"disk/out\.h5: not written: No space left on device", refusal.line)
        assert not list(place.iterdir())
    finally:
        subprocess.run(["umount", str(place)], check=True)


ODD = ["my sample.h5", "Glas Übergang.h5", "玻璃.h5", "it's $HOME; %s {x}.h5", "-.h5"]


@pytest.mark.parametrize("name", ODD)
def test_names_with_spaces_and_other_letters_work(name, files, monkeypatch):
    from analysis import propensity
    from simulate import energy

    name = f"./{name}"
    shutil.copy("ensemble.h5", name)
    for words in ([energy, name], [propensity, name, f"{name} out.h5"]):
        monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        words[0].main()
    assert store.read(f"{name} out.h5", "propensity")["propensity"].shape[0] == 2
    assert not [path for path in Path.cwd().iterdir() if path.name.startswith(".")]


def test_a_read_only_input_works(files, monkeypatch, capsys):
    from simulate import energy

    (files / "sample.h5").chmod(0o400)
    monkeypatch.setattr(sys, "argv", ["energy", "sample.h5"])
    energy.main()
    assert "energy_per_particle" in capsys.readouterr().out


def test_what_a_killed_process_left_is_removed_by_the_next(files):
    """A temporary file of a process that is no more goes; that of a living one stays."""
    import socket

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = socket.gethostname()
    for process in (dead.pid, os.getpid()):
        (files / f".out.h5.{here}-{process}.abc.h5").write_bytes(b"half")
    (files / f".out.h5.elsewhere-{dead.pid}.abc.h5").write_bytes(b"half")
    store.write(files / "out.h5", "sample", {}, {})
    left = {path.name for path in files.iterdir() if path.name.startswith(".out")}
    assert left == {f".out.h5.{here}-{os.getpid()}.abc.h5", f".out.h5.elsewhere-{dead.pid}.abc.h5"}
