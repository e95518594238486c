"""What a run will cost, before anything runs: `snakemake plan`, or `python -m analysis.plan CONFIGURATION`.

A short trial on this machine measures how fast simulations and training go here; with the numbers of steps, runs and
configurations that gives hours, disk and jobs by stage and temperature. The table goes to PLAN.csv too: the report
then shows it beside what was used.
"""

import json
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from analysis.accounts import costs
from simulate.files import tables
from simulate.liquid.configuration import Configuration
from simulate.stage import command, options
from simulate.stage.command import InputError

if TYPE_CHECKING:
    from simulate.liquid.dynamics import Engine

COLUMNS = ("stage", "temperature", "jobs", "gpu_hours", "core_hours", "gigabytes")


def table(config: dict, samples: list[int] | None = None, archived: bool = False) -> list[dict]:
    """Return one row for every stage and temperature: jobs, GPU-hours, core-hours, GB of results.

    samples: how many public files there are of each temperature, where they stand in for simulations;
    archived: they are reduced already.
    """
    rows = []
    public: list = samples or [None] * len(config["temperatures"])
    for temperature, count in zip(config["temperatures"], public, strict=True):
        counted = Counter(costs.jobs(config, temperature, count, archived))
        for stage in costs.STAGES:
            kinds = {job: count for job, count in counted.items() if job[0] == stage}
            if not kinds:
                continue
            row = {"stage": stage, "temperature": temperature, "jobs": sum(kinds.values())}
            row |= dict.fromkeys(COLUMNS[3:], 0.0)
            for (_, network), number in kinds.items():
                need = costs.need(config, stage, temperature, network=network)
                where = "gpu_hours" if costs.on_gpu(config, stage, network) else "core_hours"
                row[where] += need.seconds * number / 3600
                row["gigabytes"] += need.disk * number / 1e9
            rows.append(row)
    return rows


def text(rows: list[dict]) -> str:
    """Return the rows, and their sums, for people."""
    total = {name: sum(row[name] for row in rows) for name in COLUMNS[2:]}
    lines = [f"{'stage':<20}{'T':>7}{'jobs':>8}{'GPU-hours':>12}{'core-hours':>12}{'disk, GB':>12}"]
    for row in [*rows, {"stage": "in all", "temperature": None, **total}]:
        temperature = "" if row["temperature"] is None else f"{row['temperature']:g}"
        numbers = "".join(f"{row[name]:>12.4g}" if row[name] else f"{'-':>12}" for name in COLUMNS[3:])
        lines.append(f"{row['stage']:<20}{temperature:>7}{row['jobs']:>8}{numbers}")
    return "\n".join(lines)


def measure(config: dict, seconds: float) -> dict:
    """Return `machine` as this machine is, by trials of about `seconds` each."""
    from simulate import equilibrate
    from simulate.liquid import dynamics, ensemble, platform
    from simulate.stage import seeds

    n, density = config["liquid"]["particles"], config["liquid"]["density"]
    device = platform.choose(config["simulation"]["platform"])
    platform.announce(device)
    positions, types, box = equilibrate.start(n, density, seeds.generator(0, "trial"), device)
    liquid = Configuration(positions, types, box, 1.0)
    how = dynamics.Dynamics("langevin", 1.0, 0.002, 1.0)

    def make() -> dynamics.Engine:
        return dynamics.Engine(types, box, how, device)

    on_gpu = device.name in platform.DEVICES
    if on_gpu:
        alone = ensemble.throughput([make()], liquid, seconds) * n
        engines = ensemble.engines_by_trial(make, liquid, config["runs"], seconds=seconds)
        together = ensemble.throughput(engines, liquid, seconds) * n
    else:
        alone = together = _core_speed(make(), liquid, seconds) * n
    return {
        "device": "gpu" if on_gpu else "cpu",
        "simulation": _rounded(alone),
        "ensemble": _rounded(together),
    } | _training_speeds(liquid, config["graph"]["cutoff"], seconds)


def chosen(config: dict, measured: dict) -> dict:
    """Return the machine to plan with: as measured, but a cluster's GPUs as configured where this machine has none."""
    if config["machine"]["device"] == "gpu" and measured["device"] == "cpu":
        return {**config["machine"], "training": measured["training"]}
    return measured


def _core_speed(engine: "Engine", liquid: Configuration, seconds: float) -> float:
    """Return the steps per second of processor time: others on the machine do not count."""
    from simulate.liquid import dynamics
    from simulate.stage import seeds

    stream = seeds.generator(0, "trial")
    engine.start(liquid.positions, dynamics.maxwell_boltzmann(len(liquid.types), 1.0, stream), 1)
    engine.advance(200)
    began, before = time.process_time(), engine.step
    while time.process_time() - began < seconds:
        engine.advance(engine.step + 50)
    return (engine.step - before) / (time.process_time() - began)


def _training_speeds(liquid: Configuration, cutoff: float, seconds: float) -> dict[str, float]:
    """Return the particles per second that a step of training takes, forward and back: of a core, and of a GPU if any.

    On a GPU launched from Python: recorded steps (`learn.models.bapst2020.fast.capture`) are quicker.
    """
    import torch

    from learn import graph
    from learn.models.bapst2020.fast.incidence import Incidence
    from learn.models.bapst2020.model import Bapst2020

    torch.set_num_threads(1)
    built = graph.build(liquid.positions, liquid.types, liquid.box, cutoff)
    n, found = len(liquid.types), {}
    for name, device, clock in (
        ("training", "cpu", time.process_time),
        *([("training_on_gpu", "cuda", time.perf_counter)] if torch.cuda.is_available() else []),
    ):
        at = partial(torch.tensor, device=device)
        incidence = Incidence.of(at(built.senders), at(built.receivers), n)
        types, vectors, network = at(built.types), at(built.vectors), Bapst2020().to(device)
        taken: list[float] = []
        while len(taken) < 3 or sum(taken) < seconds:
            began = clock()
            network.propagate(types, vectors, incidence).sum().backward()
            if device == "cuda":
                torch.cuda.synchronize()
            taken.append(clock() - began)
        found[name] = _rounded(n / float(np.median(taken[1:])))
    return found


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")


def main() -> None:
    parser = options.Parser(prog="python -m analysis.plan", description=__doc__.splitlines()[0])
    parser.add_argument("configuration", help="a whole configuration: a file (.yaml, .json), or JSON itself")
    parser.add_argument("--samples", type=int, nargs="+", help="public files of each temperature")
    parser.add_argument("--archived", action="store_true", help="which are reduced: nothing is left to simulate")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each trial; 0: none, as configured (3)")
    parser.add_argument("--output", type=Path, metavar="PLAN.csv", help="the table, for the report")
    arguments = parser.parse_args()
    config = _read(arguments.configuration)
    if arguments.seconds > 0:
        measured = measure(config, arguments.seconds)
        config = config | {"machine": chosen(config, measured)}
        print(f"measured here:\nmachine: {json.dumps(measured)}", file=sys.stderr)
    print(f"planned with:\nmachine: {json.dumps(config['machine'])}", file=sys.stderr, flush=True)
    rows = table(config, arguments.samples, arguments.archived)
    print(text(rows))
    if arguments.output is not None:
        tables.write(arguments.output, COLUMNS, rows, ".6g")


def _read(given: str) -> dict:
    name = "configuration"
    if not given.lstrip().startswith("{"):
        command.check_file(given)
        name, given = given, Path(given).read_text(errors="replace")
    try:
        found = yaml.safe_load(given)
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{name}: no YAML: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"{name}: {type(found).__name__}, expected a whole configuration, as config.yaml")
    missing = {"machine", "liquid", "samples", "runs", "times", "networks", "temperatures"} - set(found)
    if missing:
        raise InputError(f"{name}: no {sorted(missing)[0]!r}, expected a whole configuration, as config.yaml")
    return found


if __name__ == "__main__":
    command.run(main)
