# Everything that the rules share: the configuration, checked; names of temperatures, samples and times; lists of files.
# Nothing here imports torch or openmm: every cluster job reads this file again.
import json
import math
import os
import re
import tempfile
from pathlib import Path

import jsonschema
import yaml

import analysis.costs as costs
from learn.splits import split

# The Kob-Andersen potential reaches this far; the box must exceed twice that (minimum image).
POTENTIAL_CUTOFF = 2.5
# Settings of a network that learn.train takes as they are.
TRAINING = ("model", "recipe", "learning_rate", "epochs", "control")
# What the answers of analysis.shells follow from.
RESPONSES = ("shells", "cases", "responses", "surroundings", "marked")


def refuse(key, message):
    """End before any work, with one line that names the key."""
    sys.exit(f"error: configuration: {key}: {message}")


def typed(value):
    """Numbers as numbers: what `--config` gives inside a list or a mapping arrives as text."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return yaml.safe_load(value) if isinstance(value, str) and re.fullmatch(r"[-+.\deE]+|true|false", value) else value


def check_schema():
    schema = yaml.safe_load(Path(source("workflow/schemas/config.schema.yaml")).read_text())
    errors = sorted(
        jsonschema.Draft202012Validator(schema).iter_errors(config),
        key=lambda error: len(error.path),
    )
    for error in errors:
        key = ".".join(str(part) for part in error.absolute_path)
        if error.validator == "additionalProperties":
            unknown = sorted(set(error.instance) - set(error.schema.get("properties", {})))
            known = ", ".join(error.schema.get("properties", {}))
            refuse(
                ".".join(filter(None, [key, unknown[0]])),
                f"unknown key; expected one of {known}",
            )
        meaning = error.schema.get("description", "")
        refuse(key or "top level", error.message + (f" ({meaning})" if meaning else ""))


def check_sense():
    """What the schema cannot say: how the values fit together."""
    temperatures = config["temperatures"]
    if len({temperature_name(t) for t in temperatures}) < len(temperatures):
        refuse("temperatures", f"{temperatures} holds a value twice")
    if any(abs(round(t, 3) - t) > 1e-9 for t in temperatures):
        refuse("temperatures", f"{temperatures}: expected at most three decimals")
    for kind in (float, " tau_alpha"):
        values = [float(str(t).split()[0]) for t in config["times"] if is_time(t, kind)]
        if sorted(set(values)) != values:
            refuse("times", f"{config['times']} are not strictly increasing")
    edge = (config["liquid"]["particles"] / config["liquid"]["density"]) ** (1 / 3)
    reach = max(POTENTIAL_CUTOFF, config["graph"]["cutoff"])
    if "published" not in config and edge <= 2 * reach:
        refuse(
            "liquid.particles",
            f"the box edge is {edge:.2f}, expected more than two cutoffs of {reach}",
        )
    controls = {f"{name}_{control}" for name in config["networks"] for control in config["shells"]["controls"]}
    if taken := controls & set(config["networks"]):
        refuse("networks", f"{taken.pop()}: the name of a control")
    if config["relaxation"]["samples"] > config["samples"]:
        refuse(
            "relaxation.samples",
            f"{config['relaxation']['samples']} exceeds samples: {config['samples']}",
        )
    if sum(config["split"].values()) >= 1:
        refuse(
            "split",
            f"{config['split']} leave nothing to train on; expected a sum below 1",
        )
    parts = [split(identity(s), **config["split"]) for s in SAMPLES]
    for part in ("train", "validation", "test"):
        if part not in parts:
            refuse(
                "split",
                f"no {part} configurations among {len(SAMPLES)}; expected more samples or a larger share",
            )
    for name, settings in config["networks"].items():
        if settings["model"] == "inherent" and parts.count("train") < 2:
            refuse(
                f"networks.{name}",
                "one configuration to train on; the linear model expects at least 2: more samples",
            )


def check_writable():
    folder = Path(config["pathvars"]["results"]).absolute()
    while not folder.exists():
        folder = folder.parent
    try:
        tempfile.TemporaryDirectory(dir=folder).cleanup()
    except OSError as error:
        refuse("pathvars.results", f"{config['pathvars']['results']} cannot be written: {folder}: {error.strerror}")


def is_time(time, kind):
    return isinstance(time, str) and time.endswith(kind) if isinstance(kind, str) else not isinstance(time, str)


def temperature_name(temperature):
    return f"T{temperature:.3f}"


def time_name(time):
    return str(time).replace(" ", "")


def published_files():
    """The public files, in order of their names; sample s0000 is the first."""
    folder = Path(config["published"]["folder"])
    files = sorted([*folder.glob("*.npz"), *folder.glob("*.pickle")])
    if not files:
        refuse("published.folder", f"{folder} holds no .npz and no .pickle file")
    return files


def published_times():
    """Which of their times to take from public files: those with given F_s, or the one that the .npz format has."""
    if [isinstance(t, str) for t in config["times"]] == [False]:
        return f"--time {config['times'][0]}"
    values = [
        t.removeprefix("F_s ") if t != "1 tau_alpha" else f"{math.exp(-1):.8f}" for t in map(str, config["times"])
    ]
    if any(not re.fullmatch(r"0\.\d+", value) for value in values):
        refuse(
            "times",
            f"{config['times']}: with public files, expected one number (.npz), or 'F_s X' and '1 tau_alpha'",
        )
    return f"--is-values {' '.join(values)}"


def identity(sample):
    """What decides the split: a sample's number, or a public file's name."""
    return PUBLISHED[sample].name if PUBLISHED else sample


for key in config.keys() - {"pathvars"}:
    config[key] = typed(config[key])
check_schema()
check_writable()
PUBLISHED = {f"s{i:04d}": file for i, file in enumerate(published_files())} if "published" in config else {}
SAMPLES = list(PUBLISHED) or [f"s{i:04d}" for i in range(config["samples"])]
check_sense()
TEMPERATURES = {temperature_name(t): t for t in config["temperatures"]}
TIMES = {time_name(t): t for t in config["times"]}
GRAPH_NETWORKS = {name: kind for name, kind in config["networks"].items() if kind["model"] == "bapst2020"}
# Beside every graph network, what becomes of it where there is nothing to learn.
CONTROLS = {
    f"{name}_{control}": settings | {"control": control}
    for name, settings in GRAPH_NETWORKS.items()
    for control in config["shells"]["controls"]
}
COLDEST = min(TEMPERATURES, key=TEMPERATURES.get)


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
        return costs.need(config | {"samples": len(SAMPLES)}, stage, number(wildcards), cores=cores, **named)

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
        for sample in SAMPLES
    ]


def per_network(name, temperatures=None, networks=None):
    """One file of every trained network (of the configuration, or of `networks`), at the given temperatures (all)."""
    return [
        f"<results>/{temperature}/{network}/{time}/seed{seed}/{name}"
        for temperature in temperatures or TEMPERATURES
        for network, settings in (config["networks"] if networks is None else networks).items()
        for time in (TIMES if settings["per_time"] else ["all"])
        for seed in range(settings["seeds"])
    ]


def training_options(wildcards):
    """What of a network's settings the training wants to know (Snakemake sees no change in params made from `input`)."""
    settings = (config["networks"] | CONTROLS)[wildcards.network]
    options = [f"--{name.replace('_', '-')} {settings[name]}" for name in TRAINING if name in settings]
    options += [f"--time-index {list(TIMES).index(wildcards.time)}"] if wildcards.time != "all" else []
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
    names += ["response", "length", "transfer"] if GRAPH_NETWORKS else []
    return [file for name in names for file in multiext(f"<results>/figures/{name}", ".svg", ".png", ".csv", ".txt")]


def figure_options(files):
    """The report's options: figures by kind, which is the first part of their name."""
    pictures = [file for file in files if file.endswith(".svg")]
    kinds = dict.fromkeys(Path(file).stem.split("_")[0] for file in pictures)
    return " ".join(
        f"--{kind} {' '.join(file for file in pictures if Path(file).stem.split('_')[0] == kind)}" for kind in kinds
    )


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
    return f"--plan {PLAN} --results {folder('results')} --benchmarks {folder('benchmarks')}" if input.plan else ""
