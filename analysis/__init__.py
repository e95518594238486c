"""Analyses: relaxation, propensities and their noise ceiling, shells, figures and the report."""
