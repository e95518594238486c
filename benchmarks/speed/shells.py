"""What one perturbed prediction of one marked particle costs: CPU seconds, medians of ways that take turns in one run.

    python benchmarks/speed/shells.py MODEL.pt CONFIGURATION [--particles 5 --rounds 3 --shells 1 2 3 4]

whole      the model's own forward on the whole perturbed configuration, as one would do without any of this
marked     only what can still reach the marked particle: what analysis.shells does
prepare    shells and pushed vectors around it (once per particle and shell)

Both give the same number (asserted to 1e-4).
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
from learn.models.model import Piece


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
                piece, more = clocked(lambda around=around, shell=shell: pushed(trained.network, case, around, shell))
                spent["prepare"].append(seconds / len(shells) + more)
                compare(trained.network, piece, spent)
    for name, seconds in spent.items():
        ratio = np.median(spent["whole"]) / np.median(seconds)
        print(f"{name:10} {np.median(seconds):8.3f} s   whole / it {ratio:6.2f}")
    total = np.median(spent["marked"]) + np.median(spent["prepare"])
    print(
        f"1000 particles x {len(arguments.shells)} shells, one delta: {1000 * len(arguments.shells) * total:.0f} CPU s"
    )


def pushed(network, case, around, shell) -> Piece:
    """Return the marked particle's graph with a gap of 0.05 sigma behind the shell."""
    push = torch.from_numpy((0.05 * surroundings.push(around, shell)).astype(np.float32))
    return Piece(network.pushed(case.inputs.part(around.particles, around.edges), push), around.hop)


def compare(network, piece, spent) -> None:
    """Compute one prediction in both ways and note what each took."""
    with torch.no_grad():
        whole, seconds = clocked(lambda: network(piece.inputs)[:1])
        spent["whole"].append(seconds)
        marked, seconds = clocked(lambda: network.marked([piece]))
        spent["marked"].append(seconds)
    assert torch.allclose(whole, marked, atol=1e-4)


if __name__ == "__main__":
    main()
