"""Trajectories that people open in VMD, OVITO or mdtraj: a PDB file for who is who, and a DCD or XTC file beside it.

Atoms are named A and B; 1 nm is 1 sigma_AA in every format (10 in a PDB file, which counts in angstrom). Positions are
unwrapped. DCD keeps single precision; XTC rounds to 0.001 sigma.
"""

from pathlib import Path

import mdtraj
import numpy as np

from simulate.files import store
from simulate.stage import command, options
from simulate.stage.command import InputError

FORMATS = (".dcd", ".xtc")


def topology(types: np.ndarray) -> mdtraj.Topology:
    """Return one residue per particle, each with one atom, named A or B, of no element."""
    whole = mdtraj.Topology()
    chain = whole.add_chain()
    for kind in types:
        name = "AB"[kind]
        whole.add_atom(name, mdtraj.element.virtual, whole.add_residue(name, chain))
    return whole


def frames(positions: np.ndarray, types: np.ndarray, box: np.ndarray, time: np.ndarray) -> mdtraj.Trajectory:
    """Return frames (F, N, 3) at times (F,) as mdtraj holds them."""
    return mdtraj.Trajectory(
        np.asarray(positions, dtype=np.float32),
        topology(types),
        time=np.asarray(time, dtype=np.float32),
        unitcell_lengths=np.tile(np.asarray(box, dtype=np.float32), (len(positions), 1)),
        unitcell_angles=np.full((len(positions), 3), 90, dtype=np.float32),
    )


def write(path: str | Path, trajectory: mdtraj.Trajectory) -> Path:
    """Write a trajectory and, beside it, its first frame as a PDB file, whose path is returned.

    Raises InputError for another format than DCD and XTC.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise InputError(f"{path}: format {path.suffix!r}, expected {' or '.join(FORMATS)}")
    first = path.with_suffix(".pdb")
    with store.replacing(first) as temporary:
        trajectory[0].save_pdb(str(temporary))
    with store.replacing(path) as temporary:
        trajectory.save(str(temporary))
    return first


def read(path: str | Path) -> mdtraj.Trajectory:
    """Read a trajectory that `write` wrote, with the PDB file beside it."""
    return mdtraj.load(str(path), top=str(Path(path).with_suffix(".pdb")))


def of_file(path: str | Path, run: int) -> mdtraj.Trajectory:
    """Return the frames that one of our files holds: a sample, a relaxation run, or one run of an ensemble.

    Raises InputError for other files, and for a run that is not there.
    """
    content = store.read(path, names=("positions", "types", "box"))
    positions, time = content["positions"], content.arrays.get("time", np.zeros(1))
    if "trajectory_target_positions" in content:
        runs = content["trajectory_target_positions"]
        if run >= runs.shape[1]:
            raise InputError(f"{path}: --run {run}, expected below {runs.shape[1]}")
        positions, time = np.concatenate([positions[np.newaxis], runs[:, run]]), np.concatenate([[0.0], time])
    elif positions.ndim == 2:
        positions = positions[np.newaxis]
    return frames(positions, content["types"], content["box"], time)


def main() -> None:
    parser = options.Parser(prog="simulate.trajectory", description=__doc__.splitlines()[0])
    parser.add_argument("input", help="a sample, a relaxation run or an isoconfigurational ensemble")
    parser.add_argument("output", help=f"{' or '.join(FORMATS)}; the PDB file appears beside it")
    parser.add_argument("--run", type=options.natural, default=0, help="of an ensemble")
    arguments = parser.parse_args()
    first = write(arguments.output, of_file(arguments.input, arguments.run))
    print(f"{arguments.output} with {first}")


if __name__ == "__main__":
    command.run(main)
