"""Cold configurations to keep, from a bare machine: `python3 workflow/campaign.py OUT --minutes 9`.

Sets up what is missing, runs the DAG of config/cold.yaml in steps of a few configurations at every temperature, and
when time is up reduces what is finished to one archive for each temperature in OUT, some 200 kB a configuration.
Called again it resumes where the results are still there, and on another machine makes only what no archive in OUT
holds: bring those along. Simulations share a GPU under MPS (docs/performance.md), and else the cores.

Where there is no network, `--wheels FOLDER` installs from files, whatever the interpreter does not have already:

    pip wheel --no-deps --wheel-dir FOLDER openmm==8.6.1 openmm-cuda-13==8.6.1 snakemake==9.27.1 ...
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
INSTALLED = ROOT / ".venv-campaign"
PACKAGES = ["openmm", "h5py", "numpy", "scipy", "numba", "mdtraj", "freud-analysis", "tqdm", "snakemake", "jsonschema"]
# Of each temperature in one step: finished before the next ones begin.
STEP = 8
# From the warning to the last archive, seconds.
END = 45


def set_up(wheels: Path | None) -> None:
    """Install the packages of the simulations and Snakemake into an environment of their own; run again in that."""
    python = INSTALLED / "bin/python"
    if sys.prefix == str(INSTALLED):
        sys.exit(f"error: {INSTALLED}: packages are missing there; remove it, and give all in --wheels")
    if not (INSTALLED / "done").exists():
        venv.create(INSTALLED, clear=True, symlinks=True)
        how = ["--constraint", str(ROOT / "envs/lock.txt"), *PACKAGES]
        if shutil.which("nvidia-smi"):
            how += re.findall(r"openmm-cuda-13==[\d.]+", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        if wheels:
            how = ["--no-index", "--no-deps", *map(str, wheels.glob("*.whl"))]
            # What this interpreter has, the environment's has too, whether it is one of an environment itself or not.
            (site,) = INSTALLED.glob("lib/*/site-packages")
            beside = Path(sysconfig.get_path("purelib"))
            (site / "beside.pth").write_text(str(beside), encoding="utf-8")
            if (beside / "nvidia").exists():
                (site / "nvidia").symlink_to(beside / "nvidia")  # OpenMM looks for these libraries at a relative path.
        pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", *how], check=True)
        (INSTALLED / "done").touch()
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    os.execve(python, [str(python), *sys.argv], os.environ | {"PATH": path})


def share_the_gpu() -> int:
    """Start MPS where it is; return how many jobs run at once."""
    cores = os.cpu_count() or 1
    if shutil.which("nvidia-cuda-mps-control"):
        subprocess.run(["nvidia-cuda-mps-control", "-d"], check=False)
        os.environ.setdefault("SUPERCOOLED_CONTEXTS", "2")
        return max(1, min(14, cores - 2))
    return cores


def run(targets: list[str], configfile: str, samples: int, jobs: int, seconds: float) -> None:
    """Make files with Snakemake; when time is up, simulations write their restart files and end."""
    words = [sys.executable, "-m", "snakemake", "--cores", str(jobs), "--rerun-incomplete", "--keep-going"]
    # What an earlier call brought home of a temperature has nothing older beside it here.
    words += ["--rerun-triggers", "params", "input", "--configfile", configfile, "--config", f"samples={samples}"]
    process = subprocess.Popen([*words, "--", *targets], cwd=ROOT, start_new_session=True)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder of the archives")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--configfile", default="config/cold.yaml")
    parser.add_argument("--wheels", type=Path, help="folder of packages, where there is no network")
    arguments = parser.parse_args()
    os.environ.setdefault("CAMPAIGN_ENDS", str(time.time() + 60 * arguments.minutes - END))
    try:
        import h5py  # noqa: F401
        import openmm  # noqa: F401
        import snakemake.utils
        import yaml
    except ModuleNotFoundError:
        set_up(arguments.wheels)
    sys.path.insert(0, str(ROOT))
    from learn.data import archive

    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    snakemake.utils.update_config(config, yaml.safe_load((ROOT / arguments.configfile).read_text(encoding="utf-8")))
    results, samples = ROOT / config["pathvars"]["results"], config["samples"]
    arguments.output.mkdir(parents=True, exist_ok=True)
    output, jobs = arguments.output.absolute(), share_the_gpu()
    names = [f"T{temperature:.3f}" for temperature in config["temperatures"]]
    known = {name: sorted(output.glob(f"{name}_*.h5")) for name in names}
    for name in names:
        # What says the sampling times comes along with the archives.
        kept, here = output / f"relaxation_{name}.h5", results / name / "relaxation.h5"
        if kept.exists() and not here.exists():
            here.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(kept, here)
    for first in range(0, samples, STEP):
        for name in names:
            held = {sample for path in known[name] for sample in archive.contents(path).names}
            wanted = {f"s{number:04d}" for number in range(first, min(first + STEP, samples))} - held
            left = float(os.environ["CAMPAIGN_ENDS"]) - time.time()
            if wanted and left > 0:
                folder = f"{config['pathvars']['results']}/{name}/samples"
                files = [f"{folder}/{s}/{kind}.h5" for s in sorted(wanted) for kind in ("propensity", "inherent")]
                run(files, arguments.configfile, samples, jobs, left)
    for name in names:
        if (results / name / "relaxation.h5").exists():
            shutil.copy(results / name / "relaxation.h5", output / f"relaxation_{name}.h5")
            words = ["analysis.archive", str(results / name), str(output / f"{name}_{len(known[name]) + 1}.h5")]
            beside = ["--beside", *map(str, known[name])] if known[name] else []
            subprocess.run([sys.executable, "-m", *words, *beside], cwd=ROOT, check=False)


if __name__ == "__main__":
    main()
