"""The published network, computed fast."""
