"""What each part of the default recipe buys: the published network trained with and without it, from several seeds.

    python -m benchmarks.studies.learn_recipe results/T0.700/graphs.h5 --folder build/recipe --seeds 3

Every variant has the same passes over the same training configurations and is scored on the test configurations, as the
rules do it. Each training leaves its table in the folder; a second run takes up what is there, so several runs may
share the folder, each with `--variants` of its own. Errors: standard errors over seeds.
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

import numpy as np

# What is given to `learn.train`; Adam with a tenth of SOAP's rate.
VARIANTS = {
    "default": (),
    "Adam for SOAP": ("--optimiser", "adam", "--learning-rate", "0.001"),
    "without release": ("--release", "0"),
    "weights drawn as published": ("--pair-steps", "0"),
    "edges in bfloat16": ("--precision", "mixed"),
    "48 orientations": ("--augmentation", "cube"),
    "published": ("--recipe", "published"),
}


def train(graphs: Path, folder: Path, variant: str, seed: int, epochs: int) -> None:
    """Train and score one network, unless its table is there."""
    base = folder / f"{variant.replace(' ', '_')}-{seed}"
    scores = base.with_suffix(".csv")
    if scores.exists():
        return
    python = (sys.executable, "-m")
    model = base.with_suffix(".pt")
    how = ("--seed", str(seed), "--epochs", str(epochs), *VARIANTS[variant])
    subprocess.run([*python, "learn.train", str(graphs), "--output", str(model), *how], check=True)
    into = ("--predictions", str(base.with_suffix(".h5")), "--scores", str(scores), "--name", variant)
    subprocess.run([*python, "learn.evaluate", str(model), str(graphs), *into], check=True)


def rows(folder: Path, variant: str) -> list[dict[str, str]]:
    """Return the rows of the tables of all seeds found."""
    found: list[dict[str, str]] = []
    for path in sorted(folder.glob(f"{variant.replace(' ', '_')}-*.csv")):
        with open(path, encoding="utf-8") as file:
            found += csv.DictReader(file)
    return found


def by_time(found: list[dict[str, str]], column: str) -> dict[float, list[float]]:
    """Return a column's values, one for each seed, by time."""
    values: dict[float, list[float]] = {}
    for row in found:
        values.setdefault(float(row["time"]), []).append(float(row[column]))
    return dict(sorted(values.items()))


def main() -> None:
    """Train what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graphs", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=38)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.seeds):
        for variant in arguments.variants:
            train(arguments.graphs, arguments.folder, variant, seed, arguments.epochs)
    every = {variant: found for variant in VARIANTS if (found := rows(arguments.folder, variant))}
    ceilings = by_time(next(iter(every.values())), "ceiling_mean")
    print(f"| | seeds | {' | '.join(f't = {time:.3g}' for time in ceilings)} |")
    print("|---|---" + "|---" * len(ceilings) + "|")
    for variant, found in every.items():
        scores = by_time(found, "pcc_mean").values()
        cells = [f"{np.mean(each):.3f} ± {np.std(each, ddof=1) / len(each) ** 0.5:.3f}" for each in scores]
        print(f"| {variant} | {min(map(len, scores))} | {' | '.join(cells)} |")
    print(f"| noise ceiling | | {' | '.join(f'{each[0]:.3f}' for each in ceilings.values())} |")


if __name__ == "__main__":
    main()
