"""docs/add-a-model.md, done: the code stands there only, and every command knows the new model."""

import csv
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from simulate.files import store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the packages with the page's file and entry."""
    folder = tmp_path_factory.mktemp("tree")
    for package in ("simulate", "learn", "analysis"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.pt"))
    page = (ROOT / "docs/add-a-model.md").read_text()
    module, entry = (textwrap.dedent(block) for block in re.findall(r" *```python\n(.*?) *```", page, re.DOTALL))
    assert len(module.splitlines()) <= 60
    (folder / "learn/models/neighbours.py").write_text(module)
    registry = folder / "learn/models/__init__.py"
    registry.write_text(registry.read_text().replace("MODELS = {\n", f"MODELS = {{\n    {entry}"))
    return folder


def test_every_command_knows_the_new_model(tree, graphs, sample_folders):
    def run(*command):
        words = [sys.executable, "-m", *map(str, command)]
        done = subprocess.run(words, cwd=tree, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    model, sample = tree / "model.pt", sample_folders[0] / "sample.h5"
    run("learn.train", graphs, "--model", "neighbours", "--output", model, "--history", tree / "history.csv")
    predictions, scores = tree / "predictions.h5", tree / "scores.csv"
    run("learn.evaluate", model, graphs, "--predictions", predictions, "--scores", scores)
    assert ",neighbours," in scores.read_text()
    run("learn.predict", model, sample, tree / "prediction.h5")
    assert np.isfinite(store.read(tree / "prediction.h5")["propensity"]).all()
    # It sees its neighbours only: what lies beyond the first shell does not matter.
    given = ("--kind", "removal", "gap", "gradient", "--shells", 1, "--particles", 5, "--wrapped", "include")
    run("analysis.shells", model, graphs, tree / "shells.csv", *given)
    with open(tree / "shells.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["kind"] for row in rows} == {"removal", "gap", "gradient"}
    assert max(float(row["rms_change"]) for row in rows) < 1e-6
