"""What each ingredient of the linear model buys, by time: trained with and without it, scored on the test split.

    python -m benchmarks.studies.learn_ingredients results/T0.700/graphs.h5

Pearson's correlation over A particles, mean over the test configurations; differences from the whole model with the
standard error over these.
"""

import argparse
from pathlib import Path

import numpy as np

from learn.data import dataset
from learn.models.linear import model as linear
from simulate.stage import command


def parts(described: list, columns: list[int]) -> list[linear.Statistics]:
    """Return the statistics of A particles from some of the descriptors."""
    found = []
    for sample, values in described:
        graph = sample.graph
        features = linear.shells(
            values[:, columns], graph.types, graph.box, sample.quenched_positions, linear.GENERATIONS
        )
        found.append(linear.statistics(features, sample.propensity, graph.types == 0, 0.0))
    return found


def main() -> None:
    """Describe once, then train and score every variant, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graphs", type=Path)
    graphs = parser.parse_args().graphs
    time = dataset.times(graphs)
    names = {split: dataset.samples(graphs, split) for split in ("train", "test")}
    described: dict[str, list] = {split: [] for split in names}
    with command.progress(sum(map(len, names.values())), "describe", "configuration") as bar:
        for split, of_split in names.items():
            for name in of_split:
                sample = dataset.load(graphs, name).at(time)
                graph = sample.graph
                values = linear.describe(graph.positions, graph.types, graph.box, sample.quenched_positions)
                described[split].append((sample, values))
                bar.update()
    print(f"| | {' | '.join(f't = {t:.3g}' for t in time)} |\n|---|{'---|' * len(time)}")
    whole = None
    for left_out in (None, *linear.GROUPS):
        gone = linear.GROUPS[left_out] if left_out else ()
        columns = [index for index, name in enumerate(linear.NAMES) if name not in gone]
        weights, _ = linear.ridge(parts(described["train"], columns))
        scores = np.array([linear.scores(part, weights) for part in parts(described["test"], columns)])
        whole = scores if whole is None else whole
        less, count = scores - whole, len(scores)
        cells = [
            f"{of.mean():+.3f} ± {of.std(ddof=1) / count**0.5:.3f}" if left_out else f"{of.mean():.3f}"
            for of in (less if left_out else scores).T
        ]
        print(f"| {f'without {left_out}' if left_out else 'model'} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
