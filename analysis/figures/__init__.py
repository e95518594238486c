"""The figures, one module each: `python -m analysis.figures.NAME --... --output FIGURE.svg`.

Beside FIGURE.svg every command writes FIGURE.png, the table behind it as FIGURE.csv, and its caption as FIGURE.txt.
"""
