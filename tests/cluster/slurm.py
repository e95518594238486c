"""A real SLURM on this machine alone: two nodes with GPUs that are none, on loopback, in one folder.

    python -m tests.cluster.slurm start FOLDER     # prints the lines that a shell needs: eval "$(...)"
    python -m tests.cluster.slurm stop FOLDER

Every daemon runs in the foreground in a session of its own; FOLDER holds their configuration, their process ids, by
which alone they are stopped, and their logs. Starting twice is harmless. Needs slurmctld, slurmd, slurm-client, munge.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo")
# Debian keeps the daemons where only root looks.
SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
# Character devices that stand for GPUs: nothing opens them.
NODES = {"node1": ("/dev/null", "/dev/zero"), "node2": ("/dev/full", "/dev/random")}
PATIENCE = 120.0

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.own.pid
SlurmdPidFile={folder}/%n.own.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=50000,bf_interval=5,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
ReturnToService=2
SlurmdParameters=config_overrides
MinJobAge=7200
MaxArraySize=5001
MaxJobCount=20000
KillWait=2
SlurmdTimeout=30
InactiveLimit=0
UnkillableStepTimeout=180
{nodes}
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=ALL MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """Return the programs that a test cluster needs and this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name, path=SEARCH) is None]


def environment(folder: Path) -> dict[str, str]:
    """Return the variables by which SLURM's commands find the cluster in `folder`."""
    return {
        "SLURM_CONF": str(folder / "slurm.conf"),
        "PATH": os.pathsep.join([str(folder / "bin"), os.environ.get("PATH", os.defpath)]),
    }


def start(folder: Path) -> None:
    """Start what does not run yet, and wait until every node is idle. Raises RuntimeError where one does not come."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "slurm.conf").exists():
        _configure(folder)
    socket_path, key = folder / "munge.socket", folder / "munge.key"
    munge = ["-F", "--force", f"--socket={socket_path}", f"--key-file={key}", f"--log-file={folder}/munged.own.log"]
    munge += [f"--pid-file={folder}/munged.own.pid", f"--seed-file={folder}/munge.seed"]
    _daemon(folder, "munged", "munged", *munge)
    _wait(socket_path.exists, "munged", folder)
    _daemon(folder, "slurmctld", "slurmctld", "-D")
    for node in NODES:
        start_node(folder, node)
    _wait(lambda: _idle(folder) >= len(NODES), "the nodes", folder)


def start_node(folder: Path, node: str) -> None:
    """Start one node's daemon, unless it runs."""
    _daemon(folder, node, "slurmd", "-D", "-N", node)


def kill_node(folder: Path, node: str) -> None:
    """Let a node die: its daemon and everything that runs there, at once and without a word."""
    jobs = _ask(folder, "squeue", "--noheader", f"--nodelist={node}", "--states=RUNNING", "--format=%A")
    end(folder, node, signal.SIGKILL)
    for entry in Path("/proc").iterdir():
        try:
            variables = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
            title = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        ours = f"SLURM_CONF={folder}/slurm.conf" in variables
        if ours and any(f"SLURM_JOB_ID={job}" in variables or f"slurmstepd: [{job}." in title for job in jobs):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)


def stop(folder: Path) -> None:
    """End all jobs, then the daemons, by the process ids that `start` wrote down."""
    if alive(folder, "slurmctld"):
        # A step's keeper outlives its node's daemon: the jobs go first.
        variables = os.environ | environment(folder)
        for state in ("PENDING", "RUNNING", "SUSPENDED"):
            subprocess.run(["scancel", f"--state={state}"], env=variables, capture_output=True)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and _jobs(folder):
            time.sleep(0.2)
    for name in ("slurmctld", *NODES, "munged"):
        end(folder, name, signal.SIGTERM)


def end(folder: Path, name: str, how: signal.Signals) -> None:
    """End one daemon (munged, slurmctld or a node's name) with a signal, and wait until it is gone."""
    process = alive(folder, name)
    if process is None:
        return
    os.kill(process, how)
    until = time.monotonic() + PATIENCE
    while alive(folder, name) is not None:
        if time.monotonic() > until:
            os.kill(process, signal.SIGKILL)
        time.sleep(0.05)


def alive(folder: Path, name: str) -> int | None:
    """Return the process id of a daemon of this folder that lives, or None."""
    try:
        process = int((folder / f"{name}.pid").read_text())
        # Our own child that has ended stays until it is asked for.
        if os.waitpid(process, os.WNOHANG)[0] == process:
            return None
    except (FileNotFoundError, ValueError):
        return None
    except ChildProcessError:
        pass
    try:
        arguments = Path(f"/proc/{process}/cmdline").read_bytes()
    except FileNotFoundError:
        return None
    # Process ids are used again: this one must be the daemon.
    return process if (b"munged" if name == "munged" else b"slurm") in arguments else None


def _configure(folder: Path) -> None:
    host, user = socket.gethostname().split(".")[0], _user()
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    ports = _free_ports(1 + len(NODES))
    lines = [
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 RealMemory=16000"
        f" Gres=gpu:{len(gpus)}"
        for (name, gpus), port in zip(NODES.items(), ports[1:], strict=True)
    ]
    text = CONFIGURATION.format(host=host, user=user, port=ports[0], folder=folder, nodes="\n".join(lines))
    devices = [f"NodeName={node} Name=gpu File={file}" for node, files in NODES.items() for file in files]
    (folder / "gres.conf").write_text("\n".join(["AutoDetect=off", *devices, ""]))
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    # The executor's inner srun runs without any SLURM_ variable: it must find the configuration in another way.
    wrapper = folder / "bin" / "srun"
    wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
    wrapper.chmod(0o755)
    (folder / "slurm.conf").write_text(text)


def _daemon(folder: Path, name: str, program: str, *arguments: str) -> None:
    if alive(folder, name) is not None:
        return
    variables = os.environ | environment(folder)
    with open(folder / f"{name}.out", "ab") as log:
        process = subprocess.Popen(
            [shutil.which(program, path=SEARCH), *arguments],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (folder / f"{name}.pid").write_text(str(process.pid))


def _wait(condition, what: str, folder: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            logs = "\n".join(f"{log}:\n{log.read_text(errors='replace')[-2000:]}" for log in folder.glob("*.log"))
            raise RuntimeError(f"{what} did not come up in {PATIENCE:.0f} s\n{logs}")
        time.sleep(0.1)


def _idle(folder: Path) -> int:
    return len(_ask(folder, "sinfo", "--Node", "--noheader", "--partition=cpu", "--states=idle,mixed,allocated"))


def _jobs(folder: Path) -> list[str]:
    return _ask(folder, "squeue", "--noheader", "--states=PENDING,RUNNING,SUSPENDED,COMPLETING", "--format=%i")


def _ask(folder: Path, *command: str) -> list[str]:
    variables = os.environ | environment(folder)
    return subprocess.run(command, env=variables, capture_output=True, text=True).stdout.splitlines()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _user() -> str:
    return subprocess.run(["id", "--user", "--name"], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Start or stop from a terminal."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.slurm", description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("start", "stop"))
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if missing():
        sys.exit(f"error: not installed: {', '.join(missing())}")
    folder = arguments.folder.absolute()
    if arguments.action == "stop":
        stop(folder)
        return
    start(folder)
    print("\n".join(f"export {name}={value!r}" for name, value in environment(folder).items()))


if __name__ == "__main__":
    main()
