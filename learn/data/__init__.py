"""Graphs, data sets and their splits."""
