"""The Kob-Andersen mixture: the only place where epsilon, sigma, cutoff, composition and density stand.

A and B particles of equal mass, 80:20, with a 12-6 Lennard-Jones pair potential cut at 2.5 sigma_ab (per pair)
and shifted in energy to 0 there; the force is not shifted.

    u_ab(r) = 4 epsilon_ab [(sigma_ab/r)^12 - (sigma_ab/r)^6 - c],  r < 2.5 sigma_ab,  c = 2.5^-12 - 2.5^-6

W. Kob and H. C. Andersen, Phys. Rev. E 51, 4626 (1995). Units: sigma_AA, epsilon_AA, mass.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from simulate.liquid.box import minimum_image, wrap
from simulate.stage.command import InputError

A, B = 0, 1
SPECIES = {"A": A, "B": B}
EPSILON = np.array([[1.0, 1.5], [1.5, 0.5]])
SIGMA = np.array([[1.0, 0.8], [0.8, 0.88]])
# In units of each pair's own sigma.
CUTOFF = 2.5
SHIFT = CUTOFF**-12 - CUTOFF**-6
LONGEST_CUTOFF = CUTOFF * SIGMA.max()
FRACTION_B = 0.2
DENSITY = 1.2

# Two particles of a liquid never come as near as this (in their sigma): the pair would hold 250 epsilon.
OVERLAP = 0.7

# F_s,A(k = 7.25) = 1/e at density 1.2; N = 512 to 1024, and N = 10,000 at the two ends (RUMD reference runs).
_TAU_ALPHA = {
    2.0: 0.35,
    1.0: 1.25,
    0.8: 2.7,
    0.7: 4.5,
    0.6: 14.0,
    0.56: 30.0,
    0.5: 164.0,
    0.45: 1190.0,
}


@dataclass
class Evaluation:
    """What the potential says of one configuration, in double precision.

    energies (N,): half of each particle's pair energies, shifted; their sum is U. unshifted: U without the shift.
    forces (N, 3). virial: the sum over pairs of r.F, so that the pressure is rho T + virial / 3V.
    nearest: the smallest pair distance, or infinity where no pair is within the cutoff.
    """

    energies: np.ndarray
    unshifted: float
    forces: np.ndarray
    virial: float
    nearest: float

    @property
    def energy(self) -> float:
        return float(self.energies.sum())


def evaluate(positions: np.ndarray, types: np.ndarray, box: np.ndarray) -> Evaluation:
    """Return energies, forces and virial of `positions` (N, 3) with `types` (N,) in the periodic `box` (3,).

    Raises InputError where the box is smaller than two cutoffs.
    """
    first, second, vectors, distance = pairs(positions, types, box)
    energy, virial = pair_terms(types[first], types[second], distance)
    force = (virial / distance**2)[:, np.newaxis] * vectors
    n = len(types)
    forces = np.stack(
        [np.bincount(second, force[:, k], n) - np.bincount(first, force[:, k], n) for k in range(3)], axis=1
    )
    half = 0.5 * energy
    unshifted = energy + 4 * EPSILON[types[first], types[second]] * SHIFT
    return Evaluation(
        energies=np.bincount(first, half, n) + np.bincount(second, half, n),
        unshifted=float(unshifted.sum()),
        forces=forces,
        virial=float(virial.sum()),
        nearest=float(distance.min(initial=np.inf)),
    )


def pair_terms(first: np.ndarray, second: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the energy u(r), shifted, and the virial -r du/dr of pairs of types `first` and `second`, all (P,).

    Pairs are taken to be inside their cutoff.
    """
    epsilon = EPSILON[first, second]
    attraction = (SIGMA[first, second] / distance) ** 6
    return 4 * epsilon * (attraction**2 - attraction - SHIFT), 24 * epsilon * (2 * attraction**2 - attraction)


def pair_stiffness(first: np.ndarray, second: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return r^2 d^2u/dr^2 of pairs of types `first` and `second`, all (P,), inside their cutoff."""
    attraction = (SIGMA[first, second] / distance) ** 6
    return 24 * EPSILON[first, second] * (26 * attraction**2 - 7 * attraction)


def pairs(
    positions: np.ndarray, types: np.ndarray, box: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the interacting pairs: first (P,), second (P,), vectors first to second (P, 3), distances (P,)."""
    check_box(box)
    wrapped = wrap(np.asarray(positions, dtype=np.float64), box)
    near = cKDTree(wrapped, boxsize=box).query_pairs(LONGEST_CUTOFF, output_type="ndarray")
    vectors = minimum_image(wrapped[near[:, 1]] - wrapped[near[:, 0]], box)
    distance = np.sqrt((vectors**2).sum(axis=1))
    inside = distance < CUTOFF * SIGMA[types[near[:, 0]], types[near[:, 1]]]
    return near[inside, 0], near[inside, 1], vectors[inside], distance[inside]


def check_box(box: np.ndarray) -> None:
    """Raise InputError where the shortest edge is below two cutoffs: a particle would meet two images of another."""
    if np.min(box) < 2 * LONGEST_CUTOFF:
        raise InputError(f"box: shortest edge {np.min(box):.3f}, expected at least two cutoffs ({2 * LONGEST_CUTOFF})")


def check_overlap(positions: np.ndarray, types: np.ndarray, box: np.ndarray) -> None:
    """Raise InputError where two particles lie nearer than OVERLAP sigma_ab: no dynamics can start from there."""
    first, second, _, distance = pairs(positions, types, box)
    if not len(distance):
        return
    near = distance / SIGMA[types[first], types[second]]
    worst = int(near.argmin())
    if near[worst] < OVERLAP:
        raise InputError(
            f"particles {first[worst]} and {second[worst]} overlap: {distance[worst]:.3f} apart, "
            f"expected at least {OVERLAP} sigma"
        )


def composition(n: int) -> np.ndarray:
    """Return the types (N,) of n particles, A first; 4096 are 3277 A and 819 B."""
    types = np.zeros(n, dtype=np.int8)
    types[n - round(FRACTION_B * n) :] = B
    return types


def cubic_box(n: int, density: float = DENSITY) -> np.ndarray:
    """Return the edges (3,) of the cubic box that holds n particles at a number density."""
    return np.full(3, (n / density) ** (1 / 3))


def openmm_expression() -> str:
    """Return the pair energy as OpenMM evaluates it, in terms of r and of the types `type1` and `type2`.

    epsilon and sigma are quadratic polynomials in s = type1 + type2, exact at s = 0, 1, 2: on the CPU platform two to
    three times faster than lookup tables.
    """
    return (
        f"step({CUTOFF}*sigma - r)*4*epsilon*(attraction*(attraction - 1) - {SHIFT!r});"
        "attraction = (sigma/r)^6;"
        f"epsilon = {_polynomial(EPSILON)};"
        f"sigma = {_polynomial(SIGMA)};"
        "s = type1 + type2"
    )


def _polynomial(table: np.ndarray) -> str:
    aa, ab, bb = table[A, A], table[A, B], table[B, B]
    linear, quadratic = (4 * ab - 3 * aa - bb) / 2, (aa - 2 * ab + bb) / 2
    return f"{float(aa)!r} + s*({float(linear)!r} + s*({float(quadratic)!r}))"


def expected_tau_alpha(temperature: float) -> float:
    """Return about how long structural relaxation takes at density 1.2: it sizes runs, and is no result.

    log(tau_alpha) is linear in 1/T between tabulated values, and beyond them with the slope of the last two.
    """
    inverse = 1 / np.array(list(_TAU_ALPHA))
    logarithm = np.log(list(_TAU_ALPHA.values()))
    piece = int(np.clip(np.searchsorted(inverse, 1 / temperature) - 1, 0, len(inverse) - 2))
    slope = (logarithm[piece + 1] - logarithm[piece]) / (inverse[piece + 1] - inverse[piece])
    return float(np.exp(logarithm[piece] + slope * (1 / temperature - inverse[piece])))
