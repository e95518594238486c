"""Correlations of the liquid itself, in time and space."""
