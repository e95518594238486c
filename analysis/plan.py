"""What a run will cost, before anything runs: `snakemake plan`, or `python -m analysis.plan CONFIGURATION`.

Steps, runs, configurations and passes over the speeds of `machine` in the configuration give hours, disk and jobs by
stage and temperature. Speeds of another machine: particles x steps / seconds, which every simulation's file says
(`python -m analysis.lineage`), and a network's benchmark.
"""

import json
from collections import Counter
from pathlib import Path

import yaml

from analysis.accounts import costs
from simulate.stage import command, options
from simulate.stage.command import InputError

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


def main() -> None:
    parser = options.Parser(prog="python -m analysis.plan", description=__doc__.splitlines()[0])
    parser.add_argument("configuration", help="a whole configuration: a file (.yaml, .json), or JSON itself")
    parser.add_argument("--samples", type=int, nargs="+", help="public files of each temperature")
    parser.add_argument("--archived", action="store_true", help="which are reduced: nothing is left to simulate")
    arguments = parser.parse_args()
    config = _read(arguments.configuration)
    print(text(table(config, arguments.samples, arguments.archived)))
    print(f"planned with machine: {json.dumps(config['machine'])}")


def _read(given: str) -> dict:
    name = "configuration"
    if not given.lstrip().startswith("{"):
        command.check_file(given)
        name, given = given, Path(given).read_text(encoding="utf-8", errors="replace")
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
