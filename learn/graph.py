"""The stage that collects the graphs of one temperature.

`python -m learn.graph SAMPLE_FOLDER... --output graphs.h5` reads `sample.h5`, `propensity.h5` and, where present,
`inherent.h5` of every sample folder. An archive (`learn/data/archive.py`) in place of folders brings all that it holds.
"""

import hashlib
from pathlib import Path

import h5py
import numpy as np

from learn.data import archive, splits
from learn.data.graph import CUTOFF, build
from simulate.files import store
from simulate.liquid.box import wrap
from simulate.stage import command, options
from simulate.stage.command import InputError

# Times of public configurations at which F_s has one value lie within this factor of those of the first.
TIME_SPREAD = 2.0
# What archives tell of a configuration beside what a graph file holds.
NOT_LEARNED = {"halves", "overlap", "F_s", "seed", "identity", "provenance", *archive.EVIDENCE}


def read_sample(source: Path) -> dict[str, np.ndarray]:
    """Return the arrays of one sample folder; `temperature`, `n_runs` and `is_values` where the settings tell them.

    is_values (M,): the F_s by which the times of a public file were chosen. The folder of a configuration in an archive
    is named as if the archive were a folder.

    Raises InputError where a file is missing, or where the files of a folder do not belong together.
    """
    if source.parent.is_file():
        kept = archive.read(source.parent, source.name)
        return {name: kept[name] for name in kept.keys() - NOT_LEARNED}
    start = store.read(source / "sample.h5", names=("positions", "types", "box"))
    sample = {name: start[name] for name in ("positions", "types", "box")}
    measured = store.read(source / "propensity.h5", "propensity", ("types", "time", "propensity", "standard_error"))
    if not np.array_equal(measured["types"], sample["types"]):
        raise InputError(f"{source / 'propensity.h5'}: its particles are not those of sample.h5")
    names = ("time", "propensity", "standard_error", "reliability_A", "reliability_B")
    sample |= {name: measured[name] for name in names if name in measured}
    told = start.settings | measured.settings
    sample |= {
        name: np.array(told[name]) for name in ("temperature", "n_runs", "is_values") if told.get(name) is not None
    }
    if (source / "inherent.h5").exists():
        quenched = store.read(source / "inherent.h5", "inherent", ("inherent_positions", "positions"))
        if not np.array_equal(quenched["positions"], sample["positions"]):
            raise InputError(f"{source / 'inherent.h5'}: of other positions than sample.h5")
        optional = ("inherent_positions", "inherent_energy")
        sample |= {name: quenched[name] for name in optional if name in quenched}
    return sample


def collect(
    sources: list[Path], identities: list[str], output: Path, cutoff: float, validation: float, test: float
) -> dict[str, str]:
    """Write graphs.h5, one sample in memory at a time; return the split of each sample.

    Where times were chosen by F_s in each configuration, they differ (up to TIME_SPREAD): the time of the file is then
    their mean, and every sample keeps its own beside.
    Raises InputError where two samples share a name, an identity or their positions, their times differ, or a split is
    empty.
    """
    names = [source.resolve().name for source in sources]
    for what in (names, identities):
        repeated = sorted({name for name in what if what.count(name) > 1})
        if repeated:
            raise InputError(f"{repeated[0]}: given twice; every sample needs a name of its own")
    chosen = {name: splits.split(identity, validation, test) for name, identity in zip(names, identities, strict=True)}
    splits.check(chosen.values(), str(output))
    settings = {"cutoff": cutoff, "validation": validation, "test": test}
    seen: dict[bytes, Path] = {}
    with store.create(output, "graphs", settings) as file, command.progress(len(names), "graphs", "sample") as bar:
        for name, identity, source in zip(names, identities, sources, strict=True):
            sample = read_sample(source)
            places = np.rint(wrap(sample["positions"], sample["box"]) * 1000).astype(np.int32).tobytes()
            if (first := seen.setdefault(hashlib.sha256(places).digest(), source)) is not source:
                raise InputError(f"{source}: has the positions of {first}; expected every configuration once")
            _append(file, name, sample, cutoff, source)
            file[name].attrs["identity"] = identity
            file[name].attrs["split"] = chosen[name]
            bar.update()
        if "F_s" in file.attrs:
            file["time"][...] = np.mean([file[name]["time"] for name in names], axis=0)
    return chosen


def _append(file: h5py.File, name: str, sample: dict[str, np.ndarray], cutoff: float, source: Path) -> None:
    time = np.asarray(sample.pop("time"), dtype=np.float64)
    temperature = float(sample.pop("temperature", np.nan))
    values = sample.pop("is_values", None)
    if "time" not in file:
        file["time"] = time
        file.attrs["temperature"] = temperature
        if values is not None:
            file.attrs["F_s"] = values
    first, labels = file["time"][()], file.attrs.get("F_s")
    by_value = values is not None and labels is not None and np.array_equal(values, labels)
    if not by_value and (values is not None or labels is not None):
        raise InputError(f"{source}: times at F_s = {values}, of the first sample at {labels}")
    spread = TIME_SPREAD - 1 if by_value else 1e-6
    if len(time) != len(first) or not np.allclose(
        np.maximum(time, first), np.minimum(time, first), rtol=spread, equal_nan=True
    ):
        raise InputError(f"{source}: times {time} differ from those of the first sample, {first}")
    if not np.isclose(temperature, file.attrs["temperature"], equal_nan=True):
        raise InputError(f"{source}: temperature {temperature}, of the first sample {file.attrs['temperature']}")
    with command.about(source):
        graph = build(sample["positions"], sample["types"], sample["box"], cutoff)
    group = file.create_group(name)
    group.attrs["temperature"] = temperature
    if by_value:
        group["time"] = time
    for key, array in sample.items():
        group[key] = array
    for key, array in (("senders", graph.senders), ("receivers", graph.receivers)):
        group.create_dataset(key, data=array.astype(np.int32), compression="gzip", compression_opts=1, shuffle=True)


def _places(source: Path) -> list[Path]:
    """Return a sample's folder as it is, and for an archive its configurations as if it were their folder."""
    return [source / name for name in archive.contents(source).names] if source.is_file() else [source]


def main() -> None:
    """Collect the samples of one temperature into graphs.h5."""
    parser = options.Parser(prog="python -m learn.graph", description=main.__doc__)
    parser.add_argument("samples", nargs="+", type=Path, help="sample folders, or archives of reduced ones")
    parser.add_argument("--cutoff", type=options.positive, default=CUTOFF, help="edge cutoff, sigma_AA (default 2.0)")
    parser.add_argument("--validation", type=float, default=0.15, help="fraction of configurations")
    parser.add_argument("--test", type=float, default=0.2, help="fraction of configurations")
    parser.add_argument("--identities", nargs="+", help="one per sample; default: the folder's name")
    parser.add_argument("--output", type=Path, required=True, help="graphs.h5")
    arguments = parser.parse_args()
    sources = [place for source in arguments.samples for place in _places(source)]
    identities = arguments.identities or [source.resolve().name for source in sources]
    if len(identities) != len(sources):
        raise InputError(f"--identities: {len(identities)} given for {len(sources)} samples")
    chosen = collect(sources, identities, arguments.output, arguments.cutoff, arguments.validation, arguments.test)
    counts = ", ".join(f"{list(chosen.values()).count(name)} {name}" for name in splits.SPLITS)
    print(f"{arguments.output}: {counts}")


if __name__ == "__main__":
    command.run(main)
