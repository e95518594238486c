import pytest
from hypothesis import given
from hypothesis import strategies as some

from learn.data import splits
from simulate.stage.command import InputError

fraction = some.floats(0.1, 0.4)


@given(some.integers(0, 10_000), some.integers(3, 60), fraction, fraction)
def test_consecutive_samples_fill_the_splits_evenly(first, count, validation, test):
    """The points frac(k g) have discrepancy below (some constant) log n / n: within 2.5 of the asked number here."""
    found = [splits.split(f"T0.700/s{number:04d}", validation, test) for number in range(first, first + count)]
    assert abs(found.count("test") - test * count) < 2.5
    assert abs(found.count("validation") - validation * count) < 2.5


def test_three_samples_fill_all_three_splits():
    assert {splits.split(f"s{number:04d}", 0.15, 0.2) for number in range(3)} == set(splits.SPLITS)


@given(some.text(min_size=1), fraction)
def test_a_larger_test_fraction_keeps_every_test_sample(name, test):
    """What was tested on once is never trained on because somebody asked for more tests."""
    if splits.split(name, 0.1, test) == "test":
        assert splits.split(name, 0.1, test + 0.1) == "test"


def test_public_names_spread():
    found = [splits.split(f"isoconfig_N4096T0.44_{number}_tc07.npz", 0.2, 0.2) for number in range(1000)]
    # Binomial: 200 with standard deviation 12.6; five of them.
    assert abs(found.count("test") - 200) < 64
    assert abs(found.count("validation") - 200) < 64


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.2), (0.2, 1.0), (0.5, 0.5)])
def test_impossible_fractions(validation, test):
    with pytest.raises(InputError, match="fractions"):
        splits.split("s0000", validation, test)


def test_an_empty_split_is_named():
    with pytest.raises(InputError, match=r"config.yaml: no test configurations \(2 train, 1 validation, 0 test\)"):
        splits.check(["train", "validation", "train"], "config.yaml")
