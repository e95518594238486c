"""What minimisation knows of the whole box: a particle's own inputs with everything beyond R held at thermal positions.

    python -m benchmarks.studies.reach_frozen results/T0.700/graphs.h5 --radii 2 3 --particles 100

For every marked A particle the particles within R of it are minimised while all others stay where they are; its own
inputs (energies, virials, Voronoi cell, displacement: the linear model's at range 0, given minimisation) are computed
from that, and a linear model is trained again on them. The rows compare it, on the same particles, with inputs of the
fully minimised box: Pearson's correlation of held-out configurations, pooled over the marked particles of each, mean
over configurations, and the paired difference with its standard error.
"""

import argparse

import numpy as np
from scipy.optimize import minimize

from analysis.ranges import linear as by_generation
from learn.data import dataset
from learn.models.linear import model as linear
from simulate.liquid.box import minimum_image
from simulate.liquid.kob_andersen import LONGEST_CUTOFF
from simulate.liquid.pair_forces import PairForces
from simulate.liquid.statistics import standard_error
from simulate.stage import command, seeds

GROUPS = ("energy", "virial", "cell", "displacement")
# Largest component of the force where the minimisation ends, epsilon/sigma.
TOLERANCE = 0.02
# Beyond R and the potential, so that Voronoi cells of what moves are whole.
MARGIN = 0.8


def around(centre: int, radius: float, positions: np.ndarray, types: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the own inputs (S,) of a particle when only what is within `radius` of it is minimised."""
    distance = np.linalg.norm(minimum_image(positions - positions[centre], box), axis=1)
    near = np.flatnonzero(distance < radius + LONGEST_CUTOFF + MARGIN)
    near = near[np.argsort(distance[near])]
    thermal, kinds, moving = positions[near], types[near], distance[near] < radius
    forces, place = PairForces(kinds, box), thermal.copy()

    def energy(flat: np.ndarray) -> tuple[float, np.ndarray]:
        place[moving] = flat.reshape(-1, 3)
        value, found = forces(place)
        return value, -found[moving].ravel()

    found = minimize(energy, thermal[moving].ravel(), jac=True, method="L-BFGS-B", options={"gtol": TOLERANCE})
    place[moving] = found.x.reshape(-1, 3)
    return linear.describe(thermal, kinds, box, place, GROUPS)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graphs")
    parser.add_argument("--radii", type=float, nargs="+", default=[2.0, 3.0, 4.0])
    parser.add_argument("--particles", type=int, default=100, help="marked particles of each configuration")
    arguments = parser.parse_args()
    names = dataset.samples(arguments.graphs)
    parts: dict[float, list] = {radius: [] for radius in (*arguments.radii, np.inf)}
    with command.progress(len(names) * arguments.particles, "freeze", "particle") as bar:
        for number, name in enumerate(names):
            sample = dataset.load(arguments.graphs, name)
            graph = sample.graph
            marked = seeds.generator(0, "frozen", number).choice(
                np.flatnonzero(graph.types == 0), arguments.particles, replace=False
            )
            whole = by_generation.own_inputs(sample, GROUPS)[marked]
            target, everybody = sample.propensity[:, marked].astype(np.float64), np.ones(len(marked), dtype=bool)
            inputs = {radius: np.empty_like(whole) for radius in arguments.radii} | {np.inf: whole}
            for place, particle in enumerate(marked):
                for radius in arguments.radii:
                    inputs[radius][place] = around(particle, radius, graph.positions, graph.types, graph.box)
                bar.update()
            for radius, values in inputs.items():
                parts[radius].append(linear.statistics(values - values.mean(axis=0), target, everybody, 0.0))
    scores = {radius: by_generation.held_out(of) for radius, of in parts.items()}
    print("| t | R | correlation | less that of the whole box |\n|---|---|---|---|")
    for index, time in enumerate(sample.time):
        for radius, found in scores.items():
            less = (found - scores[np.inf])[:, index]
            print(
                f"| {time:g} | {radius:g} | {found[:, index].mean():.3f} +- {standard_error(found[:, index]):.3f} "
                f"| {less.mean():+.3f} +- {standard_error(less):.3f} |"
            )


if __name__ == "__main__":
    main()
