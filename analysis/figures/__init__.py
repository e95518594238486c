"""The figures, one module each: `python -m analysis.figures.NAME --... --output FIGURE.svg`.

Beside FIGURE.svg every command writes FIGURE.png, the table behind it as FIGURE.csv, and its caption as FIGURE.txt.
"""

import os

# What a notebook or a cluster's login has set need not exist here, and is read as soon as matplotlib is imported.
os.environ["MPLBACKEND"] = "Agg"
