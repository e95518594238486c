"""Bad files: one line that says which file, what is wrong and what was expected; nothing runs, nothing is written."""

import importlib
import json
import pickle
import re
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from learn.models import checkpoint
from simulate import energy
from tests.bad_input import good

pytestmark = pytest.mark.bad_input

# Commands by the file that they read.
READS = {
    "sample.h5": "simulate.energy sample.h5",
    "ensemble.h5": "analysis.propensity ensemble.h5 out.h5",
    "relaxation_run.h5": "analysis.relaxation relaxation_run.h5 --times 0.5 --output out.h5",
    "relaxation.h5": "simulate.isoconfigurational --configuration sample.h5 --temperature 1 --runs 2 "
    "--times-from relaxation.h5 --platform CPU --output out.h5",
    "graphs.h5": "learn.evaluate model.pt graphs.h5 --predictions out.h5 --scores out.csv",
    "model.pt": "learn.predict model.pt sample.h5 out.h5",
    "predictions.h5": "analysis.figures.scatter graphs.h5 predictions.h5 --output out.svg",
    "public.pickle": "analysis.propensity public.pickle out.h5",
    "isoconfig_T0.44.npz": "analysis.propensity isoconfig_T0.44.npz out.h5",
    "liquid.gro": "simulate.energy liquid.gro",
    "bundle.index": "learn.import_checkpoint bundle out.pt",
    "bundle.data-00000-of-00001": "learn.import_checkpoint bundle out.pt",
    "scores.csv": "analysis.metrics scores.csv --output out.csv",
}


def edited(**changes):
    """Return what changes arrays or attributes ("@name") of an HDF5 file; None deletes."""

    def change(path: Path) -> None:
        with h5py.File(path, "a") as file:
            for key, value in changes.items():
                *groups, name = key.split("__")
                where, at = "/".join(groups) or "/", name.removeprefix("at_")
                holder = file[where].attrs if name.startswith("at_") else file[where]
                old = holder.get(at)
                old = old[()] if isinstance(old, h5py.Dataset) else old
                if at in holder:
                    del holder[at]
                value = value(old) if callable(value) else value
                if value is not None:
                    holder[at] = value

    return change


def put(value, *place):
    """Return what puts a value into a copy of an array."""

    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[place] = value
        return array

    return change


def rewritten(content: bytes | str):
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content)


def truncated(share: float):
    return lambda path: path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def pickled(**changes):
    return lambda path: path.write_bytes(pickle.dumps(good.public() | changes))


def zipped(**changes):
    return lambda path: np.savez(path, **{k: v for k, v in (good.botan() | changes).items() if v is not None})


def saved(**changes):
    def change(path: Path) -> None:
        torch.save(torch.load(path, weights_only=True) | changes, path)

    return change


def weights(path: Path) -> None:
    trained = good.trained()
    next(trained.network.parameters()).data[0] = torch.nan
    checkpoint.save(path, trained)


def text(old: str, new: str, count: int = -1):
    return lambda path: path.write_text(path.read_text().replace(old, new, count))


class Attack:
    """What a hostile pickle does as it is opened: it leaves a file behind."""

    def __reduce__(self):
        return Path.touch, (Path("attacked"),)


def bomb(path: Path) -> None:
    """A zip archive of a few kilobytes that swells to gigabytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("positions.npy", "w") as entry:
        for _ in range(64):
            entry.write(bytes(2**20))


def vast(path: Path) -> None:
    """An HDF5 file of a few kilobytes that claims terabytes."""
    with h5py.File(path, "a") as file:
        del file["positions"]
        file.create_dataset("positions", (10**11, 3), "f8", chunks=(1000, 3), compression="gzip")


def swapped(with_file: str):
    return lambda path: path.write_bytes(Path(with_file).read_bytes())


def far_fewer(path: Path) -> None:
    """Particles in a box that is no longer two cutoffs wide."""
    with h5py.File(path, "a") as file:
        file["box"][:] = 4.0


# file: {what is wrong: (how it is spoilt, what the error says of it)}
# ruff: noqa: E501 (the table: one case a line)
BAD = {
    "sample.h5": {
        "empty": (rewritten(b""), "HDF5"),
        "truncated": (truncated(0.6), "truncated"),
        "text": (rewritten("a letter\n"), "HDF5"),
        "a folder": (lambda path: (path.unlink(), path.mkdir()), "a folder, expected a file"),
        "missing": (lambda path: path.unlink(), "no such file"),
        "of another program": (edited(at_schema=None), "not written by supercooled"),
        "another schema": (edited(at_schema=99), r"schema 99, expected 1"),
        "schema that is none": (edited(at_schema=np.arange(3)), "schema .*, expected 1"),
        "other units": (edited(at_units="SI"), r"units 'SI', expected 'LJ'"),
        "damaged settings": (edited(at_settings="{"), "'settings' is missing or damaged"),
        "a name that is no text": (
            lambda path: path.write_bytes(path.read_bytes().replace(b"types\0", b"typ\xff\xfe\0")),
            "names that are no text",
        ),
        "no positions": (edited(positions=None), "no array 'positions'"),
        "positions of text": (edited(positions=np.full((good.N, 3), b"x")), r"positions is of type .*expected an array"),
        "positions in two dimensions": (edited(positions=np.zeros((good.N, 2))), rf"expected \({good.N}, 3\)"),
        "a particle short": (edited(positions=lambda x: x[1:]), rf"shape \({good.N - 1}, 3\), expected \({good.N}, 3\)"),
        "not a number": (edited(positions=put(np.nan, 5, 1)), r"NaN or infinite numbers \(first at \(5, 1\)\)"),
        "infinite": (edited(positions=put(np.inf, 0, 0)), "NaN or infinite"),
        "far outside the box": (edited(positions=put(1e12, 0, 0)), "expected at most 100000"),
        "the same particle twice": (edited(positions=lambda x: put(x[3], 7)(x)), "particles 3 and 7 are at the same place"),
        "its periodic image": (edited(positions=lambda x: put(x[3], 7)(x), box=np.full(3, 8.0)), "3 and 7 are at the same"),
        "a third type": (edited(types=put(2, 4)), "types hold 2, expected 0"),
        "a fractional type": (edited(types=np.full(good.N, 0.5)), "types hold 0.5, expected 0"),
        "a box of nothing": (edited(box=np.zeros(3)), "expected three positive edges"),
        "an infinite box": (edited(box=put(np.inf, 0)), "expected three positive edges"),
        "a triclinic box": (edited(box=np.eye(3)), r"box has shape \(3, 3\), expected \(3,\)"),
        "a box below two cutoffs": (far_fewer, "box: shortest edge 4.000, expected at least two cutoffs"),
        "no particles": (edited(positions=np.zeros((0, 3)), types=np.zeros(0, np.int8)), "holds no particles"),
        "a claim of terabytes": (vast, "claims 2400000000000 bytes"),
        "another kind": (swapped("graphs.h5"), "no array 'positions'"),
    },
    "ensemble.h5": {
        "another kind": (swapped("sample.h5"), "holds 'sample', expected 'isoconfigurational'"),
        "a time short": (edited(time=np.array([0.5])), r"trajectory_target_positions has shape"),
        "a run that blew up": (edited(trajectory_target_positions=put(np.nan, 1, 2, 3)), "NaN or infinite"),
        "one run": (edited(trajectory_target_positions=lambda x: x[:, :1]), "1 run, expected at least 2"),
    },
    "relaxation_run.h5": {
        "another kind": (swapped("ensemble.h5"), "holds 'isoconfigurational', expected 'relaxation_run'"),
        "times that go back": (edited(time=np.array([0.0, 4.0, 0.5])), "increasing"),
        "not a number": (edited(positions=put(np.nan, 1, 2)), "NaN or infinite"),
    },
    "relaxation.h5": {
        "no times": (edited(sampling_time=np.zeros(0)), "expected increasing positive times"),
        "a time that is none": (edited(sampling_time=np.array([0.5, np.nan])), "NaN or infinite"),
    },
    "graphs.h5": {
        "another kind": (swapped("sample.h5"), "holds 'sample', expected 'graphs'"),
        "an unknown split": (edited(s0000__at_split="exam"), "split 'exam', expected train, validation, test"),
        "no test samples": (edited(s0000__at_split="train"), "no test"),
        "no edges": (edited(s0000__senders=None), "sample 's0000': no array 'senders'"),
        "an edge to nobody": (edited(s0000__receivers=put(good.N, 0)), f"name particle {good.N}"),
        "propensity of others": (edited(s0000__propensity=np.ones((2, 5))), rf"expected \(M, {good.N}\)"),
        "propensity that is none": (edited(s0000__propensity=put(np.nan, 0, 0)), "NaN or infinite"),
        "other times": (edited(time=np.array([1.0, 2.0])), "no time 0.5"),
    },
    "model.pt": {
        "empty": (rewritten(b""), "not a whole archive"),
        "truncated": (truncated(0.9), "truncated"),
        "a hostile pickle": (lambda path: path.write_bytes(pickle.dumps(Attack())), "not a whole archive"),
        "a hostile checkpoint": (saved(weights=Attack()), "expected tensors and plain containers only"),
        "a zip bomb": (bomb, "expected an archive of arrays"),
        "another version": (saved(schema=99), "schema 1"),
        "weights that are none": (weights, "NaN or infinite"),
        "a scale that is none": (saved(scale=torch.tensor([1.0, torch.nan])), "expected finite numbers"),
        "more times than outputs": (saved(time=torch.zeros(3)), "do not fit"),
        "times of terabytes": (saved(time=torch.zeros(1).expand(10**12)), "do not fit together"),
        "another network": (saved(settings='{"model": "gpt"}'), "model 'gpt': unknown; models are"),
        "a sample": (swapped("sample.h5"), "not a whole archive"),
        "a list": (lambda path: torch.save([1, 2], path), "expected a checkpoint, found list"),
        "weights alone": (lambda path: torch.save(good.trained().network.state_dict(), path), "expected a checkpoint of this"),
        "no weights": (saved(weights={}), "its weights do not fit the network"),
    },
    "predictions.h5": {
        "of another sample": (lambda path: edited(s0000=None)(path), "holds no samples"),
        "of other times": (edited(time=np.array([1.0, 2.0])), "no time 1; measured at"),
        "for other particles": (edited(s0000__prediction=np.ones((2, 7))), "expected 2 times and the 216 particles"),
        "no prediction": (edited(s0000__prediction=None), "no array 'prediction'"),
    },
    "public.pickle": {
        "empty": (rewritten(b""), "expected a whole pickle"),
        "truncated": (truncated(0.5), "expected a whole pickle"),
        "hostile": (lambda path: path.write_bytes(pickle.dumps(Attack())), "refused"),
        "a list": (lambda path: path.write_bytes(pickle.dumps([1])), "expected positions, types, box; no 'positions'"),
        "no number of times": (pickled(time_indices=[9, 1]), "do not fit together"),
        "runs of others": (pickled(trajectory_target_positions=[np.zeros((4, 3, 3))] * 2), "runs have shape"),
        "type 256, which is 0 in a byte": (pickled(types=np.full(good.N, 256)), "types hold 256"),
        "positions of text": (pickled(positions="here"), "positions: expected an array of numbers"),
        "runs of one time, no propensities": (
            pickled(trajectory_target_positions=[good.runs()[0]]), "runs of 1 of 2 times, and no `targets`"),
        "propensities of others": (
            pickled(trajectory_target_positions=[], targets=[np.ones(5)] * 2), r"propensities have shape \(2, 5\), expected"),
        "positions in two dimensions": (pickled(positions=np.ones((good.N, 2))), "three-dimensional only"),
    },
    "isoconfig_T0.44.npz": {
        "empty": (rewritten(b""), "not a whole archive"),
        "truncated": (truncated(0.7), "not a whole archive"),
        "a bomb": (bomb, "expected an archive of arrays"),
        "objects": (zipped(types=np.array([Attack()] * good.N, dtype=object)), "plain arrays"),
        "no runs": (zipped(positions=None), "neither runs .'positions'. nor propensities"),
        "a third type": (zipped(types=np.full(good.N, 3)), "types hold 3"),
        "positions that are none": (zipped(initial_positions=np.full((good.N, 3), np.nan)), "NaN or infinite"),
        "runs of others": (zipped(positions=np.zeros((4, 9, 3))), "runs have shape"),
    },
    "liquid.gro": {
        "empty": (rewritten(""), "not a configuration"),
        "truncated": (truncated(0.5), "not a configuration"),
        "another element": (text("    A", "   He", 1), "types A B He, expected A and B.*; --species"),
        "a triclinic box": (lambda path: path.write_text(good.gro(**good.structure() | {"box": [6, 6, 6, 0, 0, 1, 0, 1, 1]})),
                            "expected an orthogonal periodic box"),
        "no box": (lambda path: path.write_text(good.gro(**good.structure() | {"box": np.zeros(3)})), "box"),
    },
    "bundle.index": {
        "empty": (rewritten(b""), "not a TensorFlow bundle index"),
        "truncated": (truncated(0.5), "not a TensorFlow bundle index"),
        "another network": (lambda path: None, "found none, expected one of shape"),
    },
    "bundle.data-00000-of-00001": {
        "empty": (rewritten(b""), "truncated"),
        "a flipped bit": (rewritten(b"\1\2\3\4"), "the checksum of weight is wrong"),
    },
    "scores.csv": {
        "empty": (rewritten(""), "no rows"),
        "binary": (rewritten(b"\x80\xff\x00\x01"), "not a CSV table"),
        "other columns": (text("pcc_mean", "score"), "no column 'pcc_mean'"),
        "text for a number": (text("simulated,1,2", "simulated,cold,2"), "column temperature: 'cold', expected a number"),
        "a short row": (lambda path: path.write_text(path.read_text() + "simulated,1\n"), "row 4: 2 entries, expected 14"),
    },
}  # fmt: skip
CASES = [(file, wrong) for file, cases in BAD.items() for wrong in cases]


@pytest.mark.parametrize(("file", "wrong"), CASES, ids=[f"{file}: {wrong}" for file, wrong in CASES])
def test_refused_in_one_line(file, wrong, files, refused):
    spoil, message = BAD[file][wrong]
    spoil(files / file)
    refusal = refused(*READS[file].split())
    assert refusal.status == 2
    assert file.split(".")[0] in refusal.line
    assert re.search(message, refusal.line), refusal.line


def test_good_files_are_good(files, monkeypatch, capsys):
    """What the table spoils is whole: all commands end well (the bundle holds one number only)."""
    for file, words in READS.items():
        if file in ("relaxation_run.h5", "relaxation.h5") or file.startswith("bundle"):
            continue
        module, *arguments = words.split()
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        importlib.import_module(module).main()


def test_positions_outside_the_box_are_unwrapped_ones(files, monkeypatch, capsys):
    """No error: energies are those of the periodic images inside."""
    found = []
    for shift in (0, 1000):
        edited(positions=lambda x, shift=shift: x + shift * good.structure()["box"])(files / "sample.h5")
        monkeypatch.setattr(sys, "argv", ["energy", "sample.h5"])
        energy.main()
        found.append(json.loads(capsys.readouterr().out)["energy_per_particle"])
    assert found[1] == pytest.approx(found[0], rel=1e-9)
