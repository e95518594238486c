"""One good file of every kind that commands read, as small as the physics allows; tests spoil copies of them."""

import csv
import pickle
import struct
from pathlib import Path

import numpy as np

from simulate.files import store
from simulate.liquid.kob_andersen import composition, cubic_box

N, RUNS, TIME = 216, 4, np.array([0.5, 4.0])


def structure() -> dict[str, np.ndarray]:
    """Return positions, types, box of a jittered lattice at density 1.2, one in five particles B."""
    random = np.random.default_rng(8)
    box = cubic_box(N)
    lattice = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    positions = (lattice + 0.5) * box / 6 + random.uniform(-0.05, 0.05, lattice.shape)
    return {"positions": positions, "types": random.permutation(composition(N)), "box": box}


def runs() -> np.ndarray:
    """Return where runs went, (M, R, N, 3) float32: random displacements that grow with time."""
    random = np.random.default_rng(9)
    moved = random.normal(scale=0.1, size=(len(TIME), RUNS, N, 3)) * TIME[:, None, None, None] ** 0.3
    return (structure()["positions"] + moved).astype(np.float32)


def write_ours(folder: Path) -> None:
    """Write the files of one sample, the graphs of three, an untrained model, its predictions."""
    from analysis.liquid import propensity
    from learn import graph
    from learn.data.scores import write_predictions
    from learn.models import checkpoint

    start = structure()
    store.write(folder / "sample.h5", "sample", start, {"temperature": 1.0})
    ensemble = start | {"time": TIME, "trajectory_target_positions": runs()}
    store.write(folder / "ensemble.h5", "isoconfigurational", ensemble, {"temperature": 1.0})
    frames = np.concatenate([start["positions"][None].astype(np.float32), runs()[:, 0]])
    run = {"types": start["types"], "box": start["box"], "time": np.array([0.0, *TIME]), "positions": frames}
    store.write(folder / "relaxation_run.h5", "relaxation_run", run, {"temperature": 1.0})
    meant = {"temperature": 1.0, "times": {"0.5": 0.5, "1 tau_alpha": 4.0}}
    store.write(folder / "relaxation.h5", "relaxation", {"sampling_time": TIME}, meant)
    measured, types, settings = propensity.read(folder / "ensemble.h5")
    for number in range(3):
        sample = folder / "samples" / f"s{number:04d}"
        shifted = start | {"positions": start["positions"] + 0.01 * number * np.sin(np.arange(3 * N)).reshape(N, 3)}
        store.write(sample / "sample.h5", "sample", shifted, {"temperature": 1.0})
        propensity.write(sample / "propensity.h5", measured, types, settings)
    samples = sorted((folder / "samples").iterdir())
    graph.collect(samples, [sample.name for sample in samples], folder / "graphs.h5", 2.0, 0.15, 0.2)
    checkpoint.save(folder / "model.pt", trained())
    write_predictions(folder / "predictions.h5", TIME, {"s0000": measured.propensity}, {})


def trained():
    """Return an untrained network of two times."""
    import torch

    from learn.models.bapst2020.model import Bapst2020
    from learn.models.model import Trained

    torch.manual_seed(0)
    settings = {"model": "bapst2020", "cutoff": 2.0, "seed": 3, "temperature": 1.0}
    return Trained(Bapst2020(outputs=2), settings, TIME, np.array([0.2, 0.6]), np.array([0.05, 0.2]))


def public() -> dict:
    """Return what a pickle of Bapst et al. holds."""
    start = structure()
    return {
        **start,
        "time": [0.0, *TIME],
        "time_indices": [1, 2],
        "is_values": [0.9, 0.5],
        "trajectory_target_positions": list(runs()),
        "metadata": {"temperature": 1.0},
    }


def botan() -> dict[str, np.ndarray]:
    """Return what an .npz of BOTAN holds."""
    start = structure()
    return {"types": start["types"], "initial_positions": start["positions"], "positions": runs()[0]}


def write_foreign(folder: Path) -> None:
    """Write the public formats, a .gro file, and a TensorFlow bundle that holds one number."""
    (folder / "public.pickle").write_bytes(pickle.dumps(public()))
    np.savez(folder / "isoconfig_T0.44.npz", **botan())
    start = structure()
    (folder / "liquid.gro").write_text(gro(**start))
    index, data = bundle()
    (folder / "bundle.index").write_bytes(index)
    (folder / "bundle.data-00000-of-00001").write_bytes(data)


def gro(positions, types, box, names="AB") -> str:
    """Return a configuration in the format of GROMACS."""
    lines = []
    for index, (kind, place) in enumerate(zip(types, positions, strict=True), 1):
        atom = f"{index:5d}{names[kind]:<5s}{names[kind]:>5s}{index:5d}"
        lines.append(atom + "".join(f"{x:8.3f}" for x in place))
    return "\n".join(["liquid", str(len(lines)), *lines, " ".join(f"{edge:.5f}" for edge in np.ravel(box))]) + "\n"


def bundle() -> tuple[bytes, bytes]:
    """Return index and data of a TensorFlow bundle of one tensor, of one number."""
    from learn.import_checkpoint import TABLE_MAGIC, crc32c, masked

    data = struct.pack("<f", 1.5)
    entry = b"\x08\x01\x28\x04\x35" + struct.pack("<I", masked(crc32c(data)))

    def block(key: bytes, value: bytes) -> bytes:
        content = bytes([0, len(key), len(value)]) + key + value + struct.pack("<II", 0, 1)
        return content + b"\0" + struct.pack("<I", masked(crc32c(content + b"\0")))

    first = block(b"weight", entry)
    second = block(b"weight", bytes([0, len(first) - 5]))
    footer = bytes([0, 0, len(first), len(second) - 5]).ljust(40, b"\0") + struct.pack("<Q", TABLE_MAGIC)
    return first + second + footer, data


def write_tables(folder: Path) -> None:
    """Write one table of scores and one of shells."""
    from learn.data.scores import COLUMNS

    row = dict.fromkeys(COLUMNS, 1) | {"source": "simulated", "model": "ridge", "species": "A", "pcc_mean": 0.5}
    with open(folder / "scores.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows([row, row | {"time": 2}])


def write(folder: Path) -> None:
    """Write everything."""
    write_ours(folder)
    write_foreign(folder)
    write_tables(folder)
