"""What the jobs of a run cost: seconds, memory and disk, as functions of the configuration.

These are estimates that size requests to a queue and answer "can we afford it?" before anything runs. The physics in
them is the number of steps; how fast a machine makes them is `machine` in the configuration, which
`snakemake plan` measures. The constants of the cheap stages were read off the default run.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from learn.models import MODELS, Entry

# Stages that compute on a GPU where there is one; all others take cores.
ON_DEVICE = ("equilibrate", "relaxation_run", "isoconfigurational", "inherent", "train")
# Stages that write restart files and go on from them.
RESUMED = ("equilibrate", "relaxation_run", "isoconfigurational", "train")
# One for each configuration, one for each network, and one for each temperature.
PER_SAMPLE = ("published", "equilibrate", "isoconfigurational", "inherent", "propensity")
PER_NETWORK = ("train", "evaluate")
STAGES = (
    *("published", "equilibrate", "relaxation_run", "relaxation", "isoconfigurational", "inherent", "propensity"),
    *("graphs", "train", "evaluate", "baselines", "reach", "shell_response", "shell_gradient"),
)
# Directed edges of one particle at density 1.2 within the cutoff 2.0, and bytes of one in a graph file.
EDGES, EDGE_BYTES = 39.5, 8
# Exponent of the stretched exponential exp(-(t / tau_alpha)^b) that F_s follows after its plateau.
STRETCHING = 0.6
# Python, OpenMM and the compilation of kernels, before the first step.
START = 15.0
# Force evaluations of one descent to the inherent structure.
MINIMISATION = 2000
# Imports, and the pairs from which a network takes its first weights: no size of the run counts.
FIRST_WEIGHTS = 300.0
# Recorded frames of a relaxation run.
FRAMES = 300
MEGABYTE = 1e6


@dataclass(frozen=True)
class Need:
    """What one job needs: wall seconds, of a device or of `cores` cores; memory (MB); disk for its results (bytes)."""

    seconds: float
    memory: float
    disk: float
    cores: int = 1


def times_at(config: Mapping, temperature: float) -> list[float | str]:
    """Return the configuration's times at a temperature: one list for all of them, or a list for each.

    Raises KeyError where there is none.
    """
    times = config["times"]
    if not isinstance(times, Mapping):
        return list(times)
    found = [listed for known, listed in times.items() if abs(float(known) - temperature) < 5e-4]
    if not found:
        raise KeyError(temperature)
    return list(found[0])


def last_time(config: Mapping, temperature: float) -> float:
    """Return about when (tau) the last of the configuration's times is at a temperature."""
    # Every job of a cluster reads the configuration again, few come here: scipy is loaded only by those.
    from simulate.liquid.kob_andersen import expected_tau_alpha

    tau_alpha = expected_tau_alpha(temperature)

    def in_tau(time: float | str) -> float:
        kind, _, value = str(time).rpartition(" ")
        if value == "tau_alpha":
            return float(kind) * tau_alpha
        return (-math.log(float(value))) ** (1 / STRETCHING) * tau_alpha if kind == "F_s" else float(value)

    return max(in_tau(time) for time in times_at(config, temperature))


def steps(config: Mapping, stage: str, temperature: float) -> float:
    """Return the time steps of one job of equilibrate, relaxation_run or isoconfigurational (all its runs)."""
    from simulate.liquid.kob_andersen import expected_tau_alpha

    tau_alpha = expected_tau_alpha(temperature)
    protocol = config["equilibration"]
    length = {
        "equilibrate": protocol["melt_time"] + protocol["cooling_time"] + protocol["relaxation_times"] * tau_alpha,
        "relaxation_run": config["relaxation"]["duration"] * tau_alpha,
        "isoconfigurational": _whole_runs(config) * last_time(config, temperature),
    }
    return length[stage] / config["simulation"]["time_step"]


def _whole_runs(config: Mapping) -> int:
    """Return how many runs are made: supercells are whole."""
    images: int = config["simulation"]["supercell"] ** 3
    return -(-config["runs"] // images) * images


def on_gpu(config: Mapping, stage: str, network: str = "") -> bool:
    """Return whether a stage's jobs compute on a GPU; training, of a `network`, where its speed there is known."""
    machine = config["machine"]
    # A model that describes configurations before it learns from them spends most of its time on cores.
    if stage == "train" and ("training_on_gpu" not in machine or _model(config, network).describe):
        return False
    return stage in ON_DEVICE and machine["device"] in ("gpu", "CUDA", "HIP", "OpenCL")


def _network(config: Mapping, name: str) -> Mapping:
    """Return the settings of a network, given its name or that of its control."""
    networks = config["networks"]
    found: Mapping = networks[name if name in networks else name.rpartition("_")[0]]
    return found


def _model(config: Mapping, name: str) -> Entry:
    return MODELS[_network(config, name)["model"]]


def need(config: Mapping, stage: str, temperature: float, *, network: str = "", cores: int = 1) -> Need:
    """Return what one job of a stage needs at a temperature.

    network: its name in the configuration, for train and evaluate, or that of its control.
    """
    n, samples = config["liquid"]["particles"], config["samples"]
    n_times = len(times_at(config, temperature))
    values = n_times * n
    machine = config["machine"]
    runs = config["runs"] * values * 12
    edges = n * EDGES * (config["graph"]["cutoff"] / 2) ** 3 * config["liquid"]["density"] / 1.2
    graph = edges * EDGE_BYTES + n * 73 + values * 16
    if stage in ("equilibrate", "relaxation_run", "isoconfigurational"):
        speed = machine["ensemble" if stage == "isoconfigurational" else "simulation"]
        seconds = START + steps(config, stage, temperature) * n / speed
        recorded = {"equilibrate": 0.0, "relaxation_run": 12 * FRAMES * n, "isoconfigurational": runs}[stage]
        # Arrays, the restart file and the result in memory, and the state of every context.
        memory = 700 + (4 * recorded + 200 * n * config["runs"]) / MEGABYTE
        return Need(seconds, memory, recorded + 40 * n, cores)
    one_pass = n / (machine["training"] * cores)
    parts = config["split"]
    if stage == "train":
        settings, model = _network(config, network), _model(config, network)
        if on_gpu(config, stage, network):
            one_pass = n / machine["training_on_gpu"]
        learned = min(settings.get("samples", samples), samples * (1 - parts["test"] - parts["validation"] * 2 / 3))
        taken = settings.get("steps", settings.get("epochs", 1) * learned) * settings.get("members", 1)
        passes = model.describe * samples + model.step * taken
        memory = 900 + (0.3 + model.kept * learned) * n
        return Need(FIRST_WEIGHTS + passes * one_pass, memory, 2e5 + n * 1e3, cores)
    if stage == "evaluate":
        tested = parts["test"] * samples
        seconds = 15 + tested * (1 + _model(config, network).describe) * one_pass
        return Need(seconds, 900 + 0.2 * n, tested * values * 4, cores)
    if stage in ("shell_response", "shell_gradient"):
        shells = config["shells"]
        # Passes for each marked particle: one shell removed and every gap behind it; every time on its way back.
        forward = 1 + len(shells["deltas"]) if stage == "shell_response" else 1 + 2 * n_times
        return Need(20 + shells["particles"] * forward * one_pass / 3, 1200 + 0.3 * n, 1e4, cores)
    return {
        "published": Need(5, 300 + 4 * runs / MEGABYTE, runs + 40 * n),
        "relaxation": Need(5 + config["relaxation"]["samples"] * FRAMES * n * 3e-6, 500 + 4e-5 * FRAMES * n, 2e4),
        "inherent": Need(START + MINIMISATION * n / machine["simulation"], 700, 65 * n, cores),
        "propensity": Need(3 + runs / 12 * 1e-6, 300 + 3 * runs / MEGABYTE, values * 16 + n),
        "graphs": Need(5 + samples * n * 3e-5, 500 + 4 * graph / MEGABYTE, samples * graph),
        "reach": Need(20 + samples * n * 2e-3, 1000 + 0.1 * n, 1e4),
        "baselines": Need(30 + len(config["baselines"]) * samples * one_pass, 2000 + 0.5 * n, 1e4, cores),
    }[stage]


def minutes(stage: str, seconds: float, attempt: int) -> int:
    """Return the time limit of a job: half as much again as expected, and up to ten minutes; more at every attempt.

    A job that is warned before its end needs time before the warning.
    """
    least = 6 if stage in RESUMED else 1
    return math.ceil(attempt * max(least, 1 + 1.5 * seconds / 60 + min(9.0, seconds / 20)))


def megabytes(memory: float, attempt: int) -> int:
    """Return the memory limit of a job: half as much again as expected, and more at every attempt."""
    return math.ceil(attempt * 1.5 * memory)


def jobs(
    config: Mapping, temperature: float, samples: int | None = None, archived: bool = False
) -> list[tuple[str, str]]:
    """Return (stage, network) of every job of a temperature; `samples` where public files say how many, or archives.

    Figures and the report are left out: they take seconds.
    """
    public = samples is not None
    count = 0 if archived else config["samples"] if samples is None else samples
    found = [
        (stage, "")
        for stage in PER_SAMPLE
        if stage not in (("equilibrate", "isoconfigurational") if public else ("published",))
        for _ in range(count)
    ]
    if not public:
        found += [("relaxation_run", "")] * config["relaxation"]["samples"] + [("relaxation", "")]
    for name, network in config["networks"].items():
        per_seed = len(times_at(config, temperature)) if network["per_time"] else 1
        trained = network["seeds"] * per_seed
        found += [(stage, name) for stage in PER_NETWORK] * trained
        # Points of a learning curve are not taken apart.
        if MODELS[network["model"]].shells and "samples" not in network:
            shells = config["shells"]
            controls = sum({"untrained": trained, "shuffled": per_seed}[control] for control in shells["controls"])
            found += [("train", name)] * controls
            files = len(shells["shells"]) + len(shells["metric_shells"])
            found += [*[("shell_response", "")] * files, ("shell_gradient", "")] * (controls + trained)
    found += [("reach", "")] if config["reach"]["generations"] else []
    return [*found, ("graphs", ""), ("baselines", "")]
