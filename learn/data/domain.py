"""Where a model is at home: what a configuration differs by from those that it was trained on."""

import numpy as np
from scipy.spatial import cKDTree

from simulate.liquid import kob_andersen
from simulate.liquid.box import wrap
from simulate.liquid.configuration import Configuration

# What a configuration may differ by from those a model was trained on before that is said: density and temperature by
# these parts, the share of B by so much. No point of the liquid at T = 0.44 is farther than 0.82 from every particle,
# some of an ideal gas of its density are 1.33.
DENSITY, TEMPERATURE, SHARE, HOLE = 0.05, 0.1, 0.05, 1.1


def outside(found: Configuration, settings: dict) -> str:
    """Return how a configuration differs from those that a model of these settings was trained on, empty where little.

    A model that does not say its density was trained at that of the mixture.
    """
    density, usual = len(found.types) / found.box.prod(), settings.get("density", kob_andersen.DENSITY)
    points = np.random.default_rng(0).uniform(size=(20_000, 3)) * found.box
    hole = cKDTree(wrap(found.positions, found.box), boxsize=found.box).query(points)[0].max()
    share, trained_at = found.types.mean(), settings.get("temperature")
    said = []
    if abs(density / usual - 1) > DENSITY:
        said.append(f"density {density:.3g}")
    if hole > HOLE:
        said.append(f"empty space {hole:.2g} sigma around")
    if abs(share - kob_andersen.FRACTION_B) > SHARE:
        said.append(f"{share:.0%} B")
    if found.temperature and trained_at and abs(found.temperature / trained_at - 1) > TEMPERATURE:
        said.append(f"T = {found.temperature:g}")
    at = f"T = {trained_at:g}" if trained_at else "unknown temperature"
    known = f"density {usual:g}, {at}, {kob_andersen.FRACTION_B:.0%} B"
    return f"{', '.join(said)}: far from the liquid that the model was trained on, {known}" if said else ""
