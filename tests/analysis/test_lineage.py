"""What made a result, from the files alone."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis import lineage
from simulate.files import provenance, store
from simulate.stage.command import InputError
from tests.bad_input import good
from tests.conftest import ROOT

CHAIN = [
    "simulate.published public.pickle --sample samples/s0003/sample.h5 --ensemble samples/s0003/ensemble.h5",
    "analysis.propensity samples/s0003/ensemble.h5 samples/s0003/propensity.h5",
    "learn.graph samples/s0001 samples/s0002 samples/s0003 --identities s0001 s0002 s0000 --output graphs.h5",
    "learn.evaluate model.pt graphs.h5 --predictions predictions.h5 --scores scores.csv",
    "analysis.metrics scores.csv --output metrics.csv",
    "analysis.figures.pearson metrics.csv --output figures/pearson.svg",
]


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """A folder in which commands have run one after the other, from a public file and files of a seed to a figure."""
    folder = tmp_path_factory.mktemp("lineage") / "results"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "_read", {})
        good.write(folder)
    for name in ("graphs.h5", "predictions.h5", "scores.csv"):
        (folder / name).unlink()
    (folder / "samples/s0003").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in CHAIN:
            module, *arguments = words.split()
            # A process of its own has read nothing yet.
            patch.setattr(provenance, "_read", {})
            patch.setattr(sys, "argv", [module, *arguments])
            patch.setattr(provenance, "command", lambda: list(sys.argv))
            importlib.import_module(module).main()
    return folder


def test_a_figure_leads_back_to_seeds_and_public_files(results):
    found = "\n".join(lineage.lineage(results / "figures/pearson.svg"))
    for words in CHAIN:
        assert f"python -m {words.split()[0]}" in found
    assert "public.pickle\n" in found
    assert f"from outside, SHA-256 {provenance.digest(results / 'public.pickle')}" in found
    assert "seed 3" in found  # of the model
    assert found.splitlines()[-1].endswith("all inputs are what was read then")


def test_every_file_of_a_figure_says_the_same(results):
    svg, *others = (results / f"figures/pearson.{suffix}" for suffix in ("svg", "png", "csv", "txt"))
    for other in others:
        assert lineage.lineage(other)[1:] == lineage.lineage(svg)[1:]


def test_inputs_are_found_where_the_results_have_moved(results, tmp_path):
    shutil.copytree(results, tmp_path / "moved")
    found = lineage.lineage(tmp_path / "moved/metrics.csv")
    assert found[-1].endswith("all inputs are what was read then")
    assert len(found) == len(lineage.lineage(results / "metrics.csv"))


def test_what_changed_or_is_gone_is_named(results, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    with open(folder / "scores.csv", "a") as file:
        file.write("\n")
    (folder / "samples/s0001/sample.h5").unlink()
    last = lineage.lineage(folder / "figures/pearson.svg")[-1]
    assert "scores.csv has changed since" in last
    assert "samples/s0001/sample.h5 is missing" in last


def test_a_file_of_nobody_is_refused_in_one_line(tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "analysis.lineage", "table.csv"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: table.csv: does not say what made it, expected a result of this project\n"


def test_damaged_records_are_refused(results, tmp_path):
    shutil.copytree(results, tmp_path / "results")
    table = tmp_path / "results/metrics.csv"
    store.sidecar(table).write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        lineage.lineage(table)
