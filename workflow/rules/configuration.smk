# The configuration, checked before any work; names of temperatures, samples, times and networks follow from it.
import math
import re
from pathlib import Path

import analysis.accounts.costs as costs
from learn.data.splits import split
from learn.models import MODELS
from simulate.files import folder as public_folder
from simulate.stage.command import InputError

# The Kob-Andersen potential reaches this far; the box must exceed twice that (minimum image).
POTENTIAL_CUTOFF = 2.5
# From so many particles on the box no longer slows them: displacements in supercells are those in the box (docs/validation.md).
SUPERCELLS_FROM = 4096


def asked(key, function, *arguments):
    """What a function returns; what it refuses is said of the key."""
    try:
        return function(*arguments)
    except InputError as error:
        refuse(key, error)


def check_sense():
    """What the schema cannot say: how the values fit together."""
    temperatures = config["temperatures"]
    if len({temperature_name(t) for t in temperatures}) < len(temperatures):
        refuse("temperatures", f"{temperatures} holds a value twice")
    if any(abs(round(t, 3) - t) > 1e-9 for t in temperatures):
        refuse("temperatures", f"{temperatures}: expected at most three decimals")
    for times in TIMES.values():
        check_times(list(times.values()))
    if PUBLISHED and not KEPT:
        for temperature, files in PUBLISHED.items():
            asked("times", public_folder.check_times, list(files.values()), list(TIMES[temperature].values()))
    edge = (config["liquid"]["particles"] / config["liquid"]["density"]) ** (1 / 3)
    reach = max(POTENTIAL_CUTOFF, config["graph"]["cutoff"])
    if "published" not in config and edge <= 2 * reach:
        refuse(
            "liquid.particles",
            f"the box edge is {edge:.2f}, expected more than two cutoffs of {reach}",
        )
    if config["simulation"]["supercell"] > 1 and config["liquid"]["particles"] < SUPERCELLS_FROM:
        refuse(
            "simulation.supercell",
            f"{config['simulation']['supercell']}: displacements in a box of {config['liquid']['particles']} particles are "
            f"smaller than in its supercells; expected 1, or liquid.particles of {SUPERCELLS_FROM} or more",
        )
    controls = {f"{name}_{control}" for name in config["networks"] for control in config["shells"]["controls"]}
    if taken := controls & set(config["networks"]):
        refuse("networks", f"{taken.pop()}: the name of a control")
    if config["relaxation"]["samples"] > config["samples"]:
        refuse(
            "relaxation.samples",
            f"{config['relaxation']['samples']} exceeds samples: {config['samples']}",
        )
    if sum(config["split"].values()) >= 1:
        refuse(
            "split",
            f"{config['split']} leave nothing to train on; expected a sum below 1",
        )
    for temperature in TEMPERATURES:
        check_split([split(identity, **config["split"]) for identity in identities(temperature)])


def check_times(times):
    """Numbers, multiples of tau_alpha and values of F_s are each in the order of time."""
    numbers = [t for t in times if not isinstance(t, str)]
    multiples = [float(t.split()[0]) for t in times if isinstance(t, str) and t.endswith(" tau_alpha")]
    texts = ["F_s 0.36788" if t == "1 tau_alpha" else t for t in times if isinstance(t, str)]
    falling = [-float(t.removeprefix("F_s ")) for t in texts if t.startswith("F_s ")]
    for values in (numbers, multiples, falling):
        if sorted(set(values)) != values:
            refuse("times", f"{times} are not strictly increasing")
    if "published" not in config and min(numbers, default=math.inf) < config["simulation"]["time_step"]:
        refuse("times", f"{min(numbers)}, expected at least simulation.time_step: {config['simulation']['time_step']}")


def check_split(parts):
    """Every network has configurations enough to learn from, to be chosen by and to be scored on."""
    for part in ("train", "validation", "test"):
        if part not in parts:
            refuse("split", f"no {part} configurations among {len(parts)}; expected more samples or a larger share")
    for name, settings in config["networks"].items():
        seen = settings.get("samples", parts.count("train"))
        if seen > parts.count("train"):
            refuse(
                f"networks.{name}.samples", f"{seen}, expected at most {parts.count('train')}: so many are to train on"
            )
        least = MODELS[settings["model"]].least
        if seen < least:
            refuse(
                f"networks.{name}", f"{seen} to train on; {settings['model']} expects at least {least}: more samples"
            )


def temperature_name(temperature):
    return f"T{temperature:.3f}"


def time_name(time):
    return str(time).replace(" ", "")


def kept():
    """What every archive in published.folder holds."""
    files = sorted(Path(config["published"]["folder"]).glob("*.h5")) if "published" in config else []
    if not files:
        return {}
    from learn.data import archive

    return {file: asked("published.folder", archive.contents, file) for file in files}


def kept_files(temperature):
    """The archive of each configuration kept at a temperature; nothing where the folder holds no archives."""
    found = {
        name: file
        for file, kept in KEPT.items()
        if temperature_name(kept.temperature) == temperature
        for name in kept.names
    }
    if KEPT and not found:
        refuse("temperatures", f"no archive in {config['published']['folder']} has {temperature}")
    return found


def published_files(temperature):
    """The public files of a temperature by sample, in order of their names; sample s0000 is the first."""
    alone = len(TEMPERATURES) == 1
    where = Path(config["published"]["folder"])
    files = asked("published.folder", public_folder.public_files, where, TEMPERATURES[temperature], alone)
    return {f"s{number:04d}": file for number, file in enumerate(files)}


def published_times(wildcards):
    """Which of their times to take from public files: those with given F_s, or by number."""
    times = list(TIMES[wildcards.temperature].values())
    if not any(isinstance(time, str) for time in times):
        return f"--time {' '.join(map(str, times))}"
    return f"--is-values {' '.join(value_of_F_s(time) for time in times)}"


def value_of_F_s(time):
    return f"{math.exp(-1):.8f}" if time == "1 tau_alpha" else time.removeprefix("F_s ")


def identities(temperature):
    """What decides the splits: the samples' numbers, or the names of public files."""
    public = PUBLISHED and not KEPT
    return [PUBLISHED[temperature][sample].name if public else sample for sample in SAMPLES[temperature]]


def times_at(temperature):
    """The times of a temperature by their names in files."""
    try:
        return {time_name(time): time for time in costs.times_at(config, temperature)}
    except KeyError:
        refuse("times", f"{config['times']}: none for the temperature {temperature}")


TEMPERATURES = {temperature_name(t): t for t in config["temperatures"]}
# What the archives of reduced configurations hold, which then stand in for all that is simulated, and say the times.
KEPT = kept()
if KEPT:
    config["times"] = {str(found.temperature): found.time.tolist() for found in KEPT.values()}
# The public file of each sample.
PUBLISHED = {name: kept_files(name) or published_files(name) for name in TEMPERATURES} if "published" in config else {}
TIMES = {name: times_at(temperature) for name, temperature in TEMPERATURES.items()}
SAMPLES = {name: list(PUBLISHED.get(name, [f"s{i:04d}" for i in range(config["samples"])])) for name in TEMPERATURES}
check_sense()
# Those that are taken apart; not the points of a learning curve.
WHOLE_NETWORKS = {name: kind for name, kind in config["networks"].items() if "samples" not in kind}
GRAPH_NETWORKS = {name: kind for name, kind in WHOLE_NETWORKS.items() if MODELS[kind["model"]].shells}
# Beside every graph network, what becomes of it where there is nothing to learn: none goes on from trained weights. The
# shuffled one costs a training: one seed of it.
CONTROLS = {
    f"{name}_{control}": {key: value for key, value in settings.items() if key != "start"}
    | {"control": control, "seeds": 1 if control == "shuffled" else settings["seeds"]}
    for name, settings in GRAPH_NETWORKS.items()
    for control in config["shells"]["controls"]
}
COLDEST = min(TEMPERATURES, key=TEMPERATURES.get)
