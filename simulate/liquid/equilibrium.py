"""Evidence that a sample is in equilibrium, and the limits outside which it is refused.

Nothing proves equilibrium; four things disprove it: energy that still drifts, structure that still remembers the
quench, particles that have not left their places, crystal. The limits are wide on purpose. A good sample must pass
every time in a study of thousands, and a sample that is wrong by less than they allow is found by comparing samples.
"""

from dataclasses import dataclass

import freud
import numpy as np

from simulate.liquid.box import wrap
from simulate.liquid.scattering import self_intermediate_scattering

# In standard errors. Over good runs the measured drift is narrower than a standard normal variable (tests/simulate).
LARGEST_DRIFT = 5.0
LARGEST_F_S = 0.2
# A cage is 0.1 to 0.2 sigma wide.
SMALLEST_DISPLACEMENT = 0.5
LARGEST_CRYSTAL = 0.1


@dataclass
class Evidence:
    """What is known of a sample's equilibrium; times are counted from the end of the quench.

    energy_drift: second minus first half of U, in standard errors (`energy_drift`).
    F_s_since_quench: F_s of A particles between the end of the quench and the sample.
    rms_displacement: of A particles over the same time. crystalline_fraction: see `crystalline_fraction`.
    """

    energy_drift: float
    F_s_since_quench: float
    rms_displacement: float
    crystalline_fraction: float

    def objections(self) -> list[str]:
        """Return what speaks against equilibrium; empty for a good sample."""
        checks = [
            (abs(self.energy_drift) > LARGEST_DRIFT, "energy_drift", self.energy_drift, f"within +-{LARGEST_DRIFT}"),
            (self.F_s_since_quench > LARGEST_F_S, "F_s_since_quench", self.F_s_since_quench, f"below {LARGEST_F_S}"),
            (
                self.rms_displacement < SMALLEST_DISPLACEMENT,
                "rms_displacement",
                self.rms_displacement,
                f"above {SMALLEST_DISPLACEMENT}",
            ),
            (
                self.crystalline_fraction > LARGEST_CRYSTAL,
                "crystalline_fraction",
                self.crystalline_fraction,
                f"below {LARGEST_CRYSTAL}",
            ),
        ]
        return [f"{name} is {value:.3g}, expected {limit}" for failed, name, value, limit in checks if failed]


def gather(
    energies: np.ndarray,
    relaxation_times: float,
    before: np.ndarray,
    after: np.ndarray,
    types: np.ndarray,
    box: np.ndarray,
) -> Evidence:
    """Return the evidence of a run that lasted `relaxation_times` tau_alpha from `before` to `after` (N, 3).

    `energies` (K,) are potential energies at equal intervals along the run.
    """
    displacement = after - before
    displacement = (displacement - displacement.mean(axis=0))[types == 0]
    length = np.sqrt((displacement**2).sum(axis=1))
    return Evidence(
        energy_drift=energy_drift(energies, relaxation_times),
        F_s_since_quench=float(self_intermediate_scattering(length)),
        rms_displacement=float(np.sqrt((length**2).mean())),
        crystalline_fraction=crystalline_fraction(after, box),
    )


def energy_drift(energies: np.ndarray, relaxation_times: float) -> float:
    """Return the change of the mean energy between the halves of the run's last two thirds, in standard errors.

    The first third belongs to the way down from the quench. Energies one tau_alpha apart count as independent, nearer
    ones do not: the standard error of a half is s / sqrt(its length in tau_alpha), s the standard deviation in a half.
    """
    late = energies[len(energies) // 3 :]
    first, second = late[: len(late) // 2], late[len(late) // 2 :]
    spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    independent = max(1.0, relaxation_times / 3)
    return float((second.mean() - first.mean()) / (spread * np.sqrt(2 / independent)))


def crystalline_fraction(positions: np.ndarray, box: np.ndarray) -> float:
    """Return the share of particles in the largest crystalline cluster.

    P. R. ten Wolde, M. J. Ruiz-Montero and D. Frenkel, J. Chem. Phys. 104, 9932 (1996): neighbours within 1.4 whose
    q_6 vectors have a normalised product above 0.7 are bonded; a particle with 8 such bonds is crystalline.
    """
    shape = freud.box.Box(*(float(edge) for edge in box))
    centred = wrap(positions, box) - np.asarray(box) / 2
    order = freud.order.SolidLiquid(l=6, q_threshold=0.7, solid_threshold=8)
    order.compute((shape, centred.astype(np.float32)), neighbors={"r_max": 1.4})
    return order.largest_cluster_size / len(positions)
