"""The choice of a platform."""

import pytest

from simulate.liquid import platform
from simulate.stage.command import InputError


def test_auto_prefers_a_device_and_says_why():
    device = platform.choose("auto")
    first = next(name for name in platform.PREFERENCE if name in platform.available())
    assert device.name in (first, "CPU")
    assert "works" in device.why
    assert all(name in device.why for name in platform.PREFERENCE[: platform.PREFERENCE.index(device.name)])


def test_absent_platform_is_refused_with_those_available():
    with pytest.raises(InputError, match=r"'Metal', expected auto, cpu, gpu or one of those available: .*CPU"):
        platform.choose("Metal")


def test_the_environment_says_where_nothing_else_does(monkeypatch):
    monkeypatch.setenv("SUPERCOOLED_DEVICE", "Reference")
    assert platform.choose().name == "Reference"
    assert platform.choose("cpu").name == "CPU"


def test_a_gpu_that_is_not_here_is_refused(monkeypatch):
    monkeypatch.setattr(platform, "available", lambda: ["Reference", "CPU"])
    with pytest.raises(InputError, match=r"platform: gpu: none works here \(CUDA: not installed"):
        platform.choose("gpu")


@pytest.mark.parametrize(
    ("label", "gpu"),
    [
        ("OpenCL (Precision mixed, pthread-skylake-avx512-Intel(R) Xeon(R), Portable Computing Language)", False),
        ("OpenCL (Precision mixed, Intel(R) Core(TM) i7 CPU @ 2.80GHz, Intel(R) OpenCL)", False),
        ("OpenCL (Precision mixed, gfx90a:sramecc+:xnack-, AMD Accelerated Parallel Processing)", True),
    ],
)
def test_opencl_on_a_processor_is_no_gpu(label, gpu):
    assert platform._is_gpu(platform.Device(None, {}, "", label)) is gpu
