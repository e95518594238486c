"""The published network of Bapst et al., Nature Physics 16, 448 (2020)."""
