"""The interactive scene of one configuration in the report: what goes into the page."""

import base64
import json

import numpy as np
from matplotlib import colormaps

from analysis.liquid.propensity_field import Fields
from simulate.liquid import box as periodic

# Colours of the propensity, and of the error around zero; both safe for colour-blind eyes.
PALETTES = {"field": "viridis", "error": "PuOr_r"}
LEVELS = 64


def payload(fields: Fields) -> str:
    """Return the JSON that `scene.js` draws: positions centred on the box, both fields, colours and their limits.

    Limits per time: the 2nd to 98th percentile of each field over the A particles; for the error the 98th percentile of
    its magnitude, both ways. `</` cannot occur in it, so it may stand in a script.
    """
    a = fields.types == 0
    extent = np.percentile(np.abs(fields.error[:, a]), 98, axis=1)
    return json.dumps(
        {
            "box": fields.box.tolist(),
            "types": fields.types.tolist(),
            "times": fields.time.tolist(),
            "positions": _encoded(periodic.wrap(fields.positions, fields.box) - fields.box / 2),
            "truth": _encoded(fields.truth),
            "prediction": _encoded(fields.prediction),
            "limits": {
                "truth": np.percentile(fields.truth[:, a], (2, 98), axis=1).T.tolist(),
                "prediction": np.percentile(fields.prediction[:, a], (2, 98), axis=1).T.tolist(),
                "error": np.stack([-extent, extent], axis=1).tolist(),
            },
            "colours": {name: _colours(palette) for name, palette in PALETTES.items()},
        },
        separators=(",", ":"),
    )


def _encoded(array: np.ndarray) -> str:
    return base64.b64encode(array.astype("<f4").tobytes()).decode()


def _colours(name: str) -> list[list[int]]:
    """Return LEVELS colours as RGB from 0 to 255."""
    return (colormaps[name](np.linspace(0, 1, LEVELS))[:, :3] * 255).round().astype(int).tolist()
