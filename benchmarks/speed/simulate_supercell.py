"""What a supercell changes: K^3 images of one configuration in one system, against separate runs of the small box.

    python -m benchmarks.speed.simulate_supercell --folder build/supercell --output docs/supercell.svg

For each of several samples the stages `simulate.equilibrate` and `simulate.isoconfigurational` (with and without
--supercell) are run where their files are not yet in the folder, so a killed run goes on. A particles.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np

from analysis.figures import style
from simulate.files import store
from simulate.liquid import kob_andersen
from simulate.liquid.statistics import displacements, reliability
from simulate.stage import command, options

SUPERCELL_SEED, SEPARATE_SEED = 1, 2


def ensembles(arguments: argparse.Namespace, sample: int, times: np.ndarray) -> tuple[Path, Path]:
    """Return the files of a sample's supercell and of its separate runs, made where they are absent."""
    start = arguments.folder / f"sample{sample}.h5"
    at = ["--temperature", str(arguments.temperature), "--sample", str(sample), "--platform", arguments.platform]
    _stage("equilibrate", start, "--particles", str(arguments.particles), *at)
    common = ["--configuration", str(start), "--runs", str(arguments.runs), *at]
    common += ["--times", *(f"{time:.3f}" for time in times)]
    images, separate = arguments.folder / f"images{sample}.h5", arguments.folder / f"separate{sample}.h5"
    _stage("isoconfigurational", images, *common, "--seed", str(SUPERCELL_SEED), "--supercell", str(arguments.edge))
    _stage("isoconfigurational", separate, *common, "--seed", str(SEPARATE_SEED))
    return images, separate


def _stage(name: str, output: Path, *more: str) -> None:
    if not output.exists():
        subprocess.run([sys.executable, "-m", f"simulate.{name}", *more, "--output", str(output)], check=True)


def lengths(path: Path) -> np.ndarray:
    """Return the displacements (M, R, n) of the A particles of an ensemble's file."""
    found = store.read(path, "isoconfigurational")
    moved = [displacements(found["positions"], targets) for targets in found["trajectory_target_positions"]]
    return np.array(moved)[:, :, found["types"] == kob_andersen.A]


def between_runs(moved: np.ndarray, images: int) -> tuple[float, float]:
    """Return the mean correlation over particles of two runs (R, n) of one supercell, and of two of different ones.

    Runs are ordered as `simulate.liquid.ensemble` numbers them: `images` to a supercell. Particles differ in their
    propensity, so the second number is not zero; that the first is no larger says that images are independent.
    """
    correlations, cell = np.corrcoef(moved), np.arange(len(moved)) // images
    same = cell[:, np.newaxis] == cell
    others = ~np.eye(len(moved), dtype=bool)
    return float(correlations[same & others].mean()), float(correlations[~same].mean())


def compare(images: np.ndarray, separate: np.ndarray, edge: int) -> dict[str, float]:
    """Return what differs between the two kinds of displacements (R, n) at one time.

    ratio: of mean displacements. correlation: of propensities; corrected: divided by the geometric mean of the two
    reliabilities. excess: the two numbers of `between_runs`, subtracted.
    """
    correlation = float(np.corrcoef(images.mean(axis=0), separate.mean(axis=0))[0, 1])
    same, other = between_runs(images, edge**3)
    return {
        "ratio": float(images.mean() / separate.mean()),
        "correlation": correlation,
        "corrected": correlation / np.sqrt(reliability(images) * reliability(separate)),
        "excess": same - other,
    }


def errors(images: np.ndarray, separate: np.ndarray, edge: int) -> dict[str, float]:
    """Return the standard errors of `compare`: particles drawn anew; for the ratio also the spread over runs."""
    generator, n = np.random.default_rng(0), images.shape[1]
    draws = [generator.integers(0, n, n) for _ in range(100)]
    found = [compare(images[:, draw], separate[:, draw], edge) for draw in draws]
    spread = {name: float(np.std([one[name] for one in found], ddof=1)) for name in found[0]}
    relative = [runs.mean(axis=1).std(ddof=1) / np.sqrt(len(runs)) / runs.mean() for runs in (images, separate)]
    return spread | {"ratio": float(np.hypot(spread["ratio"], np.hypot(*relative)))}


def table(pairs: list[tuple[np.ndarray, np.ndarray]], edge: int, times: np.ndarray) -> dict[str, list[float]]:
    """Return means over samples and their standard errors by time, from displacements (M, R, n) of both kinds."""
    values = [[compare(*at, edge) for at in zip(*pair, strict=True)] for pair in pairs]
    spreads = [[errors(*at, edge) for at in zip(*pair, strict=True)] for pair in pairs]
    columns = {"time": times.tolist()}
    for name in values[0][0]:
        columns[name] = np.mean([[at[name] for at in one] for one in values], axis=0).tolist()
        squares = np.square([[at[name] for at in one] for one in spreads])
        columns[f"{name}_error"] = (np.sqrt(squares.sum(axis=0)) / len(pairs)).tolist()
    return columns


def draw(columns: dict[str, list[float]], tau: float):
    """Return the figure: ratio of mean displacements and noise-corrected correlation against time."""
    figure, axes = style.subplots(2, 1, height=1.2 * style.COLUMN, sharex=True)
    panels = (
        ("ratio", r"$\langle\Delta r\rangle_\mathrm{supercell}\,/\,\langle\Delta r\rangle$"),
        ("corrected", "corrected correlation"),
    )
    for letter, axis, (name, label) in zip("ab", axes[:, 0], panels, strict=True):
        axis.axhline(1, color=style.GREY, linewidth=0.6, linestyle=":")
        axis.axvline(tau, color=style.GREY, linewidth=0.6, linestyle="--")
        axis.errorbar(columns["time"], columns[name], columns[f"{name}_error"], fmt="o-", capsize=2)
        axis.set_ylabel(label)
        style.letter(axis, letter)
    style.logarithmic(axes[1, 0], np.array(columns["time"]))
    axes[1, 0].set_xlabel(r"$t\;(\tau)$")
    return figure


def main() -> None:
    arguments = _arguments()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    tau = kob_andersen.expected_tau_alpha(arguments.temperature)
    times = np.round(np.geomspace(0.1, 2 * tau, 9), 3)
    pairs = [tuple(map(lengths, ensembles(arguments, sample, times))) for sample in range(arguments.samples)]
    columns = table(pairs, arguments.edge, times)
    caption = (
        f"A supercell of {arguments.edge}³ images against separate runs from the same configurations: N = "
        f"{arguments.particles}, T = {arguments.temperature:g}, {arguments.samples} configurations, {arguments.runs} "
        "runs of each kind, A particles. Error bars: standard errors (particles, runs). Dashed: τ_α. (a) Ratio of "
        "mean displacements: the small periodic box slows its particles, the supercell less. (b) Correlation of "
        "the two propensities over particles, divided by the geometric mean of their reliabilities."
    )
    style.save(draw(columns, tau), arguments.output, columns, caption)


def _arguments() -> argparse.Namespace:
    parser = options.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="of the simulations; kept")
    parser.add_argument("--output", type=style.svg, required=True, help=".svg; .png, .csv and .txt appear beside it")
    parser.add_argument("--particles", type=options.count, default=256)
    parser.add_argument("--temperature", type=options.positive, default=0.7)
    parser.add_argument("--samples", type=options.count, default=4)
    parser.add_argument("--runs", type=options.count, default=16)
    parser.add_argument("--edge", type=options.count, default=2, help="K: images along an edge")
    parser.add_argument("--platform", default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
