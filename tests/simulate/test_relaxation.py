"""The frames of a relaxation run, and the run as a stage."""

from collections import Counter

import numpy as np
import pytest

from simulate.files import store
from simulate.relaxation_run import frame_steps, main
from simulate.stage.command import InputError
from tests.simulate import stages


@pytest.mark.parametrize(("total", "origins"), [(2083, 20), (100_000, 40), (500, 5)])
def test_every_lag_has_the_origins_that_the_scheme_promises(total, origins):
    steps = frame_steps(total, origins, 8)
    block = total // origins
    assert steps[0] == 0
    assert steps[-1] == block * origins
    assert (np.diff(steps) > 0).all()
    lags = Counter(int(later - earlier) for k, earlier in enumerate(steps) for later in steps[k + 1 :])
    within = np.unique(steps[steps < block])[1:]
    assert all(lags[int(lag)] >= origins for lag in within)
    assert all(lags[m * block] >= origins - m + 1 for m in range(1, origins + 1))
    # Even in log t: no gap inside a block beyond a decade's eighth, rounding of small steps apart.
    ratios = np.append(within[1:], block) / within
    assert ratios.max() < 10 ** (1 / 8) * 1.25


def test_blocks_too_short_are_refused():
    with pytest.raises(InputError, match="blocks of 10 steps, expected at least 20"):
        frame_steps(200, 20, 8)


@pytest.mark.physics
def test_run_starts_at_the_sample_and_moves_ballistically(sample, tmp_path, monkeypatch, liquid):
    """Mean-squared displacement 3 T t^2 at first; the force's share is of relative order (omega t)^2 = 0.03^2 x 100."""
    output = tmp_path / "run.h5"
    common = ("--temperature", 1.0, "--duration", 0.5, "--origins", 4, "--platform", "CPU")
    stages.call(monkeypatch, main, "--configuration", sample, *common, "--output", output)
    run = store.read(output, "relaxation_run", ("types", "box", "time", "positions"))
    assert run["positions"].shape == (len(run["time"]), 216, 3)
    assert run["positions"].dtype == np.float32
    np.testing.assert_allclose(run["positions"][0], liquid.positions, atol=1e-5)
    assert run["time"][1] == pytest.approx(0.03)
    squared = ((run["positions"][1] - run["positions"][0]) ** 2).sum(axis=1).mean()
    # 216 particles: the squared speed's mean is known to sqrt(2 / 648) = 6 %.
    assert squared == pytest.approx(3 * 0.03**2, rel=0.25)
