"""What one perturbed prediction of one marked particle costs: CPU seconds, medians of ways that take turns in one run.

    python benchmarks/speed/shells.py MODEL.pt CONFIGURATION [--particles 5 --rounds 3 --shells 1 2 3 4]

whole      the network's own forward on the whole perturbed configuration, as one would do without any of this
reachable  only what can still reach the marked particle, as gradients need it
in place   the same in arrays that stay in the cache: what analysis.shells does
prepare    shells, pushed vectors and sorting around it (once per particle and shell)

All three give the same number (asserted to 1e-4). MODEL.pt: a graph network.
"""

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

# In front, so that `simulate` is the package and not the benchmark of that name beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from analysis.perturbation import configurations, responses, surroundings
from learn.models import checkpoint
from learn.models.bapst2020 import partial as marked


def clocked(act):
    """Return the result and the CPU seconds of a call."""
    start = time.process_time()
    result = act()
    return result, time.process_time() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("configuration")
    parser.add_argument("--particles", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shells", type=int, nargs="+", default=[1, 2, 3, 4])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    trained = checkpoint.load(arguments.model)
    (case,) = configurations.read(arguments.configuration, trained)
    (particles,) = responses.choose([case], arguments.particles, 0)
    first = surroundings.first_edge(case.graph)
    spent = defaultdict(list)
    for _ in range(arguments.rounds):
        for particle in particles:
            around, seconds = clocked(lambda particle=particle: surroundings.around(case.graph, particle, first))
            shells = [shell for shell in arguments.shells if shell < around.wraps_from]
            for shell in shells:
                union, more = clocked(lambda around=around, shell=shell: pushed(case, around, shell))
                spent["prepare"].append(seconds / len(shells) + more)
                compare(trained.network, union, spent)
    for name, seconds in spent.items():
        ratio = np.median(spent["whole"]) / np.median(seconds)
        print(f"{name:10} {np.median(seconds):8.3f} s   whole / it {ratio:6.2f}")
    total = np.median(spent["in place"]) + np.median(spent["prepare"])
    print(
        f"1000 particles x {len(arguments.shells)} shells, one delta: {1000 * len(arguments.shells) * total:.0f} CPU s"
    )


def pushed(case, around, shell) -> marked.Union:
    """Return the marked particle's graph with a gap of 0.05 sigma behind the shell."""
    piece = responses._piece(case, around)
    piece.vectors = (piece.vectors + 0.05 * surroundings.push(around, shell)).astype(np.float32)
    return marked.Union.of([piece])


def compare(network, union, spent) -> None:
    """Compute one prediction in all ways and note what each took."""
    ways = {
        "whole": lambda: network(union.types, union.vectors, union.senders, union.receivers)[:1],
        "reachable": lambda: marked.differentiable(network, union),
        "in place": lambda: marked.outputs(network, union),
    }
    with torch.no_grad():
        found = {}
        for name, act in ways.items():
            found[name], seconds = clocked(act)
            spent[name].append(seconds)
    for result in found.values():
        assert torch.allclose(result, found["whole"], atol=1e-4)


if __name__ == "__main__":
    main()
