# What the rules share: lists of files, options for command lines, what a job needs.
# Nothing here imports torch or openmm: every cluster job reads this file again.
import json
import os
import re
import sys
from pathlib import Path

import analysis.accounts.costs as costs

# Settings of a network that learn.train takes as they are.
TRAINING = ("model", "recipe", "learning_rate", "epochs", "precision", "control", "samples", "recurrences", "given")
TRAINING += ("generations", "layers", "members", "steps")


def devices():
    """The GPUs of a workstation, as its profile counts them; empty on a cluster, whose queue hands them out."""
    count = workflow.global_resources.get("gpu").value or 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    found = visible.split(",") if visible else [str(device) for device in range(count)]
    if count > len(found):
        sys.exit(f"error: --resources gpu={count}: CUDA_VISIBLE_DEVICES lists {visible}, expected as many")
    return found[:count]


# A stage takes its shell's place: what a queue or a user sends to stop it reaches it, and not a shell that dies of it.
if MAIN:
    launcher = f"python -P {shlex.quote(source('workflow/on_a_device.py'))} {','.join(devices())} " if devices() else ""
    PREFIX = f"{IMPORTABLE}exec {launcher}"
    shell.prefix("{PREFIX}")
if config["machine"]["device"] != "auto":
    os.environ.update(SUPERCOOLED_DEVICE=config["machine"]["device"])


wildcard_constraints:
    temperature=r"T\d+\.\d{3}",
    sample=r"s\d{4}",
    network=r"[a-z][a-z0-9_]*",
    time=r"all|[0-9A-Za-z_.]+",
    seed=r"\d+",


def number(wildcards):
    """The temperature that a rule's wildcard names."""
    return float(wildcards.temperature[1:])


def needs(stage, *which):
    """Minutes and MB that a job asks of a queue, by temperature and by the wildcards named; more at every attempt."""

    def estimate(wildcards, cores):
        named = {name: getattr(wildcards, name) for name in which}
        return costs.need(
            config | {"samples": len(SAMPLES[wildcards.temperature])}, stage, number(wildcards), cores=cores, **named
        )

    def runtime(wildcards, attempt, threads):
        return costs.minutes(stage, estimate(wildcards, threads).seconds, attempt)

    def mem_mb(wildcards, attempt, threads):
        return costs.megabytes(estimate(wildcards, threads).memory, attempt)

    return {"runtime": runtime, "mem_mb": mem_mb}


def per_sample(name, temperatures=None):
    """One file of every sample, at the given temperatures (all)."""
    return [
        f"<results>/{temperature}/samples/{sample}/{name}"
        for temperature in temperatures or TEMPERATURES
        for sample in SAMPLES[temperature]
    ]


def archives(temperature):
    """The archives that hold a temperature's configurations, where they are kept ones."""
    return list(dict.fromkeys(map(str, PUBLISHED[temperature].values()))) if KEPT else []


def per_network(name, temperatures=None, networks=None):
    """One file of every trained network (of the configuration, or of `networks`), at the given temperatures (all)."""
    return [
        f"<results>/{temperature}/{network}/{time}/seed{seed}/{name}"
        for temperature in temperatures or TEMPERATURES
        for network, settings in (config["networks"] if networks is None else networks).items()
        for time in (TIMES[temperature] if settings["per_time"] else ["all"])
        for seed in range(settings["seeds"])
    ]


def training_options(wildcards):
    """What of a network's settings the training wants to know."""
    settings = (config["networks"] | CONTROLS)[wildcards.network]
    return " ".join(f"--{name.replace('_', '-')} {settings[name]}" for name in TRAINING if name in settings)


def time_option(wildcards, relaxation):
    """Which time a network is for, where it is for one."""
    times = TIMES[wildcards.temperature]
    if wildcards.time == "all":
        return []
    if not relaxation:
        return ["--time-index", str(list(times).index(wildcards.time))]
    return ["--times-from", relaxation, "--time", str(times[wildcards.time])]


def plan_configuration():
    """What of the configuration has to do with costs, for a command line."""
    return json.dumps({key: value for key, value in config.items() if key not in ("pathvars", "published", "seed")})


def marked_particles():
    """Which particles are marked, and how many of their edges are looked at together."""
    settings = config["shells"]
    return f"--particles {settings['particles']} --seed {config['seed']} --batch-edges {settings['batch_edges']}"


def shells_of(folder, ending, metric=True):
    """What the shells of the network in a folder answered, metric ones too: a file for each, and the gradient's."""
    names = [f"edges_{shell}" for shell in config["shells"]["shells"]]
    names += [f"sigma_{shell:g}" for shell in config["shells"]["metric_shells"]] if metric else []
    return [f"{folder}/shells/{name}{ending}" for name in [*names, "gradient"]]


def response_lengths():
    """The lengths of every graph network, and of its controls."""
    return per_network("response_length.csv", networks=GRAPH_NETWORKS | CONTROLS)


def reaches():
    """How far the linear model must look, at every temperature."""
    return expand(
        "<results>/{temperature}/reach/linear.csv", temperature=TEMPERATURES if config["reach"]["generations"] else []
    )


def first_of(networks):
    """The first of some networks, its first seed only: what figures of one network show."""
    return {name: settings | {"seeds": 1} for name, settings in [*networks.items()][:1]}
