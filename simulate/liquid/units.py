"""Lennard-Jones units in OpenMM's unit system.

sigma_AA = 1 nm, epsilon_AA = 1 kJ/mol and m = 1 Da make tau = sqrt(m sigma^2 / epsilon) exactly 1 ps, so every
number that OpenMM reads or returns is the Lennard-Jones number. Only temperatures are converted.
"""

# Molar gas constant in kJ/(mol K): products of two exact SI constants (2019 definition).
GAS_CONSTANT = 1.380649e-23 * 6.02214076e23 / 1000


def kelvin(temperature: float) -> float:
    """Return the temperature in kelvin of a reduced temperature T* = k_B T / epsilon_AA."""
    return temperature / GAS_CONSTANT
