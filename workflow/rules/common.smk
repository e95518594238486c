# What the rules share: lists of files, options for command lines, what a job needs.
# Nothing here imports torch or openmm: every cluster job reads this file again.
import json
import os
import re
import sys
from pathlib import Path

import analysis.accounts.costs as costs

# Settings of a network that learn.train takes as they are.
TRAINING = ("model", "recipe", "learning_rate", "epochs", "precision", "control", "samples")
# What the answers of analysis.shells follow from.
RESPONSES = (
    "analysis/shells.py",
    *(f"analysis/perturbation/{name}.py" for name in ("configurations", "responses", "surroundings")),
    "learn/models/bapst2020/partial.py",
)


def devices():
    """The GPUs of a workstation, as its profile counts them; empty on a cluster, whose queue hands them out."""
    count = workflow.global_resources.get("gpu").value or 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    found = visible.split(",") if visible else [str(device) for device in range(count)]
    if count > len(found):
        sys.exit(f"error: --resources gpu={count}: CUDA_VISIBLE_DEVICES lists {visible}, expected as many")
    return found[:count]


# A stage takes its shell's place: what a queue or a user sends to stop it reaches it, and not a shell that dies of it.
# The rules of a workflow that takes this one as a module are not touched.
if workflow.modifier.is_main_snakefile():
    launcher = f"python {source('workflow/on_a_device.py')} {','.join(devices())} " if devices() else ""
    shell.prefix(f"exec {launcher}")


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
    """What of a network's settings the training wants to know (Snakemake sees no change in params made from `input`)."""
    ""
    settings = (config["networks"] | CONTROLS)[wildcards.network]
    options = [f"--{name.replace('_', '-')} {settings[name]}" for name in TRAINING if name in settings]
    options += (
        [f"--time-index {list(TIMES[wildcards.temperature]).index(wildcards.time)}"] if wildcards.time != "all" else []
    )
    return " ".join(options)


def marked_particles():
    """Which particles are marked, and how many of their edges are looked at together."""
    settings = config["shells"]
    return f"--particles {settings['particles']} --seed {config['seed']} --batch-edges {settings['batch_edges']}"


def shells_of(folder, ending):
    """What all shells of the network in a folder answered: one file for each, and that of the gradient."""
    names = [f"edges_{shell}" for shell in config["shells"]["shells"]]
    names += [f"sigma_{shell:g}" for shell in config["shells"]["metric_shells"]]
    return [f"{folder}/shells/{name}{ending}" for name in [*names, "gradient"]]


def response_lengths():
    """The lengths of every graph network, and of its controls."""
    return per_network("response_length.csv", networks=GRAPH_NETWORKS | CONTROLS)


def first_graph_network():
    """The network of which answers are drawn."""
    return dict([*GRAPH_NETWORKS.items()][:1])


def first_seed(name, networks):
    """One file of the first seed of every one of `networks`."""
    return per_network(name, networks={key: settings | {"seeds": 1} for key, settings in networks.items()})


def shell_tables():
    """What the shells of the first graph network answered."""
    folders = [str(Path(file).parent) for file in first_seed("model.pt", first_graph_network())]
    tables = [file for folder in folders for file in shells_of(folder, ".csv")]
    return [file for file in tables if not Path(file).name.startswith("sigma_")]


def of_first_seed(files):
    """Those of the first network's first seed: what maps show."""
    wanted = {next(iter(config["networks"])), "seed0"}
    return [file for file in files if wanted <= set(file.split("/"))]


def transfers():
    """The first graph network of every temperature, tested at every temperature."""
    return [file for tested in TEMPERATURES for file in first_seed(f"transfer_{tested}.csv", first_graph_network())]


def temperature_of(file):
    """The temperature that a file's folder names."""
    return float(re.search(r"/T(\d+\.\d{3})/", file).group(1))


def network_label(file):
    """What a network is called in a figure, from its file's folders."""
    _, network, time, seed, _ = file.rsplit("/", 4)
    return f"T = {temperature_of(file):g}, {network}, {time}, {seed}"


def figures():
    """The figures of the report: each as picture (twice), the table behind it, and its caption."""
    names = [f"pearson_{species}" for species in config["species"]]
    names += [] if PUBLISHED else ["relaxation", "structure"]
    names += [f"graph_{COLDEST}", *(f"{kind}_{t}" for kind in ("maps", "scatter") for t in TEMPERATURES)]
    names += ["heterogeneity", "training"]
    names += ["curve"] if any("samples" in settings for settings in config["networks"].values()) else []
    names += ["response", "length", "transfer"] if GRAPH_NETWORKS else []
    return [file for name in names for file in multiext(f"<results>/figures/{name}", ".svg", ".png", ".csv", ".txt")]


def figure_options(files):
    """The report's options: figures by kind, which is the first part of their name."""
    pictures = [file for file in files if file.endswith(".svg")]
    kinds = dict.fromkeys(Path(file).stem.split("_")[0] for file in pictures)
    return [
        word
        for kind in kinds
        for word in (f"--{kind}", *(file for file in pictures if Path(file).stem.split("_")[0] == kind))
    ]


def folder(name):
    """A folder of the run, as the configuration names it."""
    return str(workflow.pathvars.apply(f"<{name}>"))


# What `snakemake plan` leaves; the report shows it beside what was used.
PLAN = f"{folder('results')}/plan.csv"


def plan_configuration():
    """What of the configuration has to do with costs, for a command line."""
    return json.dumps({key: value for key, value in config.items() if key not in ("pathvars", "published", "seed")})


def plan_options(wildcards, input):
    """The report's options where there is a plan."""
    where = ["--plan", PLAN, "--results", folder("results"), "--benchmarks", folder("benchmarks")]
    return where if input.plan else []
