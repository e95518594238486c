"""How the score of a model grows with the range that it is allowed to see."""
