"""How a liquid relaxes: F_s(k, t), mean-squared displacement, overlap, chi_4, tau_alpha, and the sampling times.

    python -m analysis.relaxation RUN.h5 [RUN.h5 ...] --times 0.15 "0.5 tau_alpha" "F_s 0.9" --output relaxation.h5

The runs are independent samples at one temperature, stored at the same times. A sampling time is a number in LJ time
units, a multiple of tau_alpha, or the time at which F_s has fallen to a value. All averages are over A particles.
"""

import re
from dataclasses import asdict
from pathlib import Path

import numpy as np

from analysis.liquid.correlation import OVERLAP_DISTANCE, Relaxation, crossing, estimated_tau_alpha, relax
from simulate.files import store
from simulate.liquid.scattering import WAVE_NUMBER
from simulate.stage import command, options
from simulate.stage.command import InputError


def sampling_times(expressions: list[str], relaxation: Relaxation, time_step: float | None = None) -> np.ndarray:
    """Return the times that `expressions` mean, in their order, each rounded to a multiple of `time_step`.

    An expression is a number, `X tau_alpha` or `F_s X`; it may mean a time beyond the relaxation runs, as ensembles may
    be longer than they are.
    Raises InputError where one cannot be read, F_s does not fall to X within the runs, or a time is shorter than a time
    step.
    """
    times = np.array([_sampling_time(expression, relaxation) for expression in expressions])
    if time_step is not None:
        for index in np.flatnonzero(times < (1 - 1e-6) * time_step):
            raise InputError(f"--times: {expressions[index]!r}, expected at least one time step of {time_step:g}")
        # Rounded to nine decimals, so that 5 x 0.003 reads 0.015.
        times = np.round(np.rint(times / time_step) * time_step, 9)
    return times


def _sampling_time(expression: str, relaxation: Relaxation) -> float:
    number = r"([0-9.]+(?:[eE][-+]?[0-9]+)?)"
    try:
        if match := re.fullmatch(rf"F_s\s+{number}", expression.strip()):
            return _time_of_scattering(float(match[1]), relaxation)
        match = re.fullmatch(rf"{number}(\s+tau_alpha)?", expression.strip())
        time = float(match[1]) * (relaxation.tau_alpha if match[2] else 1) if match else 0
    except ValueError:
        time = 0
    if not time > 0:
        raise InputError(f"--times: {expression!r}, expected a positive number, 'X tau_alpha' or 'F_s X'")
    return time


def _time_of_scattering(value: float, relaxation: Relaxation) -> float:
    time = crossing(relaxation.time, relaxation.F_s, value)
    if np.isnan(time):
        raise InputError(
            f"--times: 'F_s {value:g}': F_s goes from {relaxation.F_s[0]:.3f} at t = {relaxation.time[0]:g} to "
            f"{relaxation.F_s.min():.3f} within the runs; expected a value between"
        )
    return time


def read(paths: list[str | Path]) -> tuple[np.ndarray, list[np.ndarray], dict]:
    """Return the times (F,), the A positions (F, N_A, 3) of every run, and the settings of the first.

    Raises InputError where the runs differ in times, particles or temperature, or hold fewer than two frames.
    """
    time, first = np.empty(0), {}
    runs: list[np.ndarray] = []
    for path in paths:
        contents = store.read(path, "relaxation_run", ("time", "positions", "types"))
        temperature = contents.settings.get("temperature")
        if not runs:
            time, first = contents["time"].astype(np.float64), contents.settings
        if len(time) < 2 or (np.diff(time) <= 0).any():
            raise InputError(f"{path}: time has {len(time)} frames, expected two or more, increasing")
        if contents["time"].shape != time.shape or not np.allclose(contents["time"], time, rtol=0, atol=1e-6):
            raise InputError(f"{path}: its times differ from those of {paths[0]}")
        if temperature != first.get("temperature"):
            raise InputError(f"{path}: temperature {temperature}, expected {first.get('temperature')} as {paths[0]}")
        runs.append(contents["positions"][:, contents["types"] == 0])
        if runs[-1].shape != (len(time), runs[0].shape[1], 3) or runs[-1].shape[1] == 0:
            raise InputError(
                f"{path}: positions of A particles have shape {runs[-1].shape}, expected {runs[0].shape}, not empty"
            )
    return time, runs, first


def checked(relaxation: Relaxation) -> Relaxation:
    """Return the relaxation, or raise InputError that says how long to run where tau_alpha was not reached."""
    if np.isnan(relaxation.tau_alpha):
        last = relaxation.time[-1]
        if relaxation.F_s[0] <= 1 / np.e:
            raise InputError(f"tau_alpha lies below the shortest lag, {relaxation.time[0]:g}: store earlier frames")
        estimate = estimated_tau_alpha(relaxation.time, relaxation.F_s)
        raise InputError(
            f"tau_alpha not reached: F_s is {relaxation.F_s[-1]:.3f} at t = {last:g}, above 1/e; "
            f"extrapolated tau_alpha is about {estimate:.2g}: run for {max(2 * estimate, 2 * last):.2g} or longer"
        )
    return relaxation


def main() -> None:
    parser = options.Parser(prog="python -m analysis.relaxation", description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", help="relaxation_run.h5 of every sample at one temperature")
    parser.add_argument("--times", nargs="+", required=True, help="sampling times: number, 'X tau_alpha' or 'F_s X'")
    parser.add_argument("--time-step", type=float, help="round the sampling times to multiples of it")
    parser.add_argument("--output", required=True, help="the relaxation file to write (.h5)")
    arguments = parser.parse_args()
    if arguments.time_step is not None and not arguments.time_step > 0:
        raise InputError(f"--time-step: {arguments.time_step}, expected a positive number")
    time, runs, settings = read(arguments.runs)
    relaxation = checked(relax(time, runs))
    times = sampling_times(arguments.times, relaxation, arguments.time_step)
    # At high temperatures 0.5 tau_alpha lies before 0.5 tau: what stands in files is in the order of time, each once.
    sampled = np.unique(times)
    settings = {
        "temperature": settings.get("temperature"),
        "wavenumber": WAVE_NUMBER,
        "overlap_distance": OVERLAP_DISTANCE,
        "n_samples": len(runs),
        "n_particles_A": runs[0].shape[1],
        "times": dict(zip(arguments.times, times.tolist(), strict=True)),
        "time_step": arguments.time_step,
    }
    store.write(arguments.output, "relaxation", {**asdict(relaxation), "sampling_time": sampled}, settings)
    print(
        f"T = {settings['temperature']}: tau_alpha = {relaxation.tau_alpha:.4g} +- {relaxation.tau_alpha_error:.2g} "
        f"from {len(runs)} samples; sampling times {', '.join(f'{value:g}' for value in sampled)}"
    )


if __name__ == "__main__":
    command.run(main)
