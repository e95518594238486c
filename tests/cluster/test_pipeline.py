"""The tiny pipeline through SLURM: the same numbers as without."""

import csv

import h5py
import numpy as np
import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.pipeline]


def contents(file):
    """Return every array of a result file by name."""
    found = {}
    with h5py.File(file) as open_file:
        open_file.visititems(
            lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {})
        )
    return found


def rows(table):
    with open(table) as file:
        return [row for row in csv.DictReader(file) if float(row["temperature"]) == 1.5]


def test_one_temperature_gives_the_numbers_of_a_plain_run(clone, cluster, pipeline):
    """Of two temperatures one is run: what a temperature gives does not depend on the others."""
    outcome = clone.run("--config", "temperatures=[1.5]")
    assert outcome.status == 0, outcome.output
    results = clone.folder / "results-test"
    files = sorted(path.relative_to(results) for path in (results / "T1.500").rglob("*.h5"))
    assert files == sorted(path.relative_to(pipeline.results) for path in (pipeline.results / "T1.500").rglob("*.h5"))
    for file in files:
        ours, plain = contents(results / file), contents(pipeline.results / file)
        assert ours.keys() == plain.keys()
        for name, array in ours.items():
            np.testing.assert_array_equal(array, plain[name], err_msg=f"{file}: {name}")
    assert rows(results / "metrics.csv") == rows(pipeline.results / "metrics.csv")
    assert (results / "report.html").stat().st_size > 100_000
    # Simulations one by one, steps of seconds together: 32 submissions for 61 jobs. SLURM itself soon forgets them.
    retried = outcome.output.count("Trying to restart job")
    assert 20 < outcome.output.count("submitted with SLURM jobid") <= 32 + retried
    devices = cluster("squeue", "--noheader", "--states=all", "--format=%k %b %P")
    assert "gpu" in devices


@pytest.mark.slow
def test_temperatures_are_added_while_others_run(clone, cluster):
    first = clone.start("configurations", "--config", "temperatures=[1.0]", "equilibration={relaxation_times: 100}")
    clone.wait_for(lambda: cluster.waiting_or_running(), first)
    second = clone.run("configurations", "--config", "temperatures=[1.5]", output="second")
    assert second.status == 0, second.output
    assert clone.finish(first).status == 0
    assert len(list((clone.folder / "results-test/T1.500").rglob("sample.h5"))) == 6
    both = clone.run(
        *("--dry-run", "configurations", "--config", "temperatures=[1.0, 1.5]"),
        "equilibration={relaxation_times: 100}",
    )
    assert set(both.planned()) == {"equilibrate", "configurations"}
