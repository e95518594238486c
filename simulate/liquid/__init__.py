"""The mixture and its physics: potential, dynamics, equilibrium. Reads no files."""
