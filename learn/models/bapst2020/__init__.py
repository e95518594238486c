"""The published network of Bapst et al., Nature Physics 16, 448 (2020)."""

from simulate.stage.command import InputError

try:
    import torch_scatter  # noqa: F401
except ImportError:
    raise InputError(
        "torch-scatter is not installed, expected beside torch: pip install --no-build-isolation torch-scatter==2.1.2"
    ) from None
