"""U, P and the first peaks of g_AA and g_AB from LAMMPS, which shares no code with `simulate`.

    python -m benchmarks.speed.simulate_structure --temperature 2.0 --particles 4000 --frames 300
    python -m benchmarks.speed.simulate_structure --configurations FILE FILE ...      # the peaks of given files instead

Peaks by several estimates: maxima of polynomials fitted to fine bins around the top. Errors: standard errors from ten
blocks.
"""

import argparse

import numpy as np

from simulate import equilibrate
from simulate.files import formats as configuration
from simulate.liquid import kob_andersen, platform
from simulate.liquid.box import minimum_image, neighbour_pairs, wrap
from simulate.stage import command, seeds

BLOCKS = 10
EDGES = np.linspace(0.7, 1.5, 401)
# Half width of the fit and degree of the polynomial.
FITS = ((0.02, 2), (0.03, 2), (0.04, 2), (0.06, 2), (0.04, 3), (0.06, 3), (0.06, 5), (0.1, 7))


def pair_counts(positions: np.ndarray, types: np.ndarray, box: np.ndarray, edges: np.ndarray = EDGES) -> np.ndarray:
    """Return the pairs AA and AB per bin between `edges` (K + 1,), shape (2, K)."""
    pairs = neighbour_pairs(positions, box, edges[-1])
    vectors = minimum_image(positions[pairs[:, 1]] - positions[pairs[:, 0]], box)
    distance, kind = np.sqrt((vectors**2).sum(axis=1)), types[pairs].sum(axis=1)
    return np.array([np.histogram(distance[kind == one], edges)[0] for one in (0, 1)])


def radial(counts: np.ndarray, types: np.ndarray, box: np.ndarray, edges: np.ndarray = EDGES) -> np.ndarray:
    """Return g_AA and g_AB (2, K) of mean pair counts (2, K) between `edges` (K + 1,)."""
    a, b = (types == kob_andersen.A).sum(), (types == kob_andersen.B).sum()
    shells = 4 / 3 * np.pi * np.diff(edges**3) / np.prod(box)
    return counts / (np.array([[a * (a - 1) / 2], [a * b]]) * shells)


def peak(g: np.ndarray, half_width: float, degree: int) -> tuple[float, float]:
    """Return place and height of the maximum of a polynomial fitted to g (K,) around its highest point."""
    middle = (EDGES[1:] + EDGES[:-1]) / 2
    place = middle[np.convolve(g, np.ones(15) / 15, "same").argmax()]
    for _ in range(5):
        near = np.abs(middle - place) <= half_width
        fitted = np.polynomial.Polynomial.fit(middle[near], g[near], degree)
        fine = np.linspace(middle[near][0], middle[near][-1], 2001)
        place = fine[fitted(fine).argmax()]
    return float(place), float(fitted(fine).max())


def sample(arguments: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return counts (F, 2, K), U and P (F, 2), types and box of a langevin run, frames 0.2 time units apart."""
    # Only here: files need no LAMMPS.
    from benchmarks import simulate_lammps

    stream = seeds.generator(arguments.seed, "structure", arguments.temperature)
    density = kob_andersen.DENSITY
    positions, types, box = equilibrate.start(arguments.particles, density, stream, platform.choose("CPU"))
    velocities = stream.normal(scale=np.sqrt(arguments.temperature), size=positions.shape)
    engine = simulate_lammps.mixture(wrap(positions, box), types, box, "lj/cut/opt", 0.004, velocities)
    t = arguments.temperature
    engine.command(f"fix bath all langevin {t} {t} 0.5 {seeds.integer(stream) % 10**8 + 1}")
    engine.command(f"run {arguments.equilibration}")
    counts, scalars = [], []
    with command.progress(arguments.frames, f"LAMMPS T={t}", "frame") as bar:
        for _ in range(arguments.frames):
            engine.command("run 50")
            found = np.array(engine.gather_atoms("x", 1, 3)).reshape(-1, 3)
            counts.append(pair_counts(found, types, box))
            scalars.append((engine.get_thermo("pe"), engine.get_thermo("press")))
            bar.update()
    return np.array(counts), np.array(scalars), types, box


def of_files(paths: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts (F, 2, K), types and box of configurations of one size."""
    read = [configuration.read(path) for path in paths]
    return np.array([pair_counts(one.positions, one.types, one.box) for one in read]), read[0].types, read[0].box


def main() -> None:
    arguments = _arguments()
    scalars = None
    if arguments.configurations:
        counts, types, box = of_files(arguments.configurations)
    else:
        counts, scalars, types, box = sample(arguments)
    blocks = np.array_split(np.arange(len(counts)), min(BLOCKS, len(counts)))

    def row(name, reduce):
        values = np.array([reduce(block) for block in blocks])
        error = values.std(axis=0, ddof=1) / np.sqrt(len(blocks))
        whole = reduce(np.arange(len(counts)))
        print(f"| {name} | {' | '.join(f'{v:.4f} +- {e:.4f}' for v, e in zip(whole, error, strict=True))} |")

    if scalars is None:
        print(f"{len(counts)} configurations")
    else:
        print(f"LAMMPS, N = {arguments.particles}, T = {arguments.temperature}, {arguments.frames} frames")
        row("U/N, P", lambda block: scalars[block].mean(axis=0))
    print("| fit | g_AA: r | height | g_AB: r | height |\n|---|---|---|---|---|")
    for half_width, degree in FITS:

        def peaks(block, half_width=half_width, degree=degree):
            both = radial(counts[block].mean(axis=0), types, box)
            return [number for g in both for number in peak(g, half_width, degree)]

        row(f"+-{half_width}, degree {degree}", peaks)
    top = radial(counts.mean(axis=0), types, box)[0]
    coarse = top[: len(top) // 5 * 5].reshape(-1, 5).mean(axis=1)
    middle = EDGES[:-1].reshape(-1, 5)[:, 0] + 0.005
    near = slice(coarse.argmax() - 4, coarse.argmax() + 5)
    print("g_AA by bin:", ", ".join(f"{r:.3f}: {g:.3f}" for r, g in zip(middle[near], coarse[near], strict=True)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--temperature", type=float, default=2.0)
    parser.add_argument("--particles", type=int, default=4000)
    parser.add_argument("--equilibration", type=int, default=4000, help="steps of 0.004 before the first frame")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--configurations", nargs="+", help="files that simulate.files.formats reads")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
