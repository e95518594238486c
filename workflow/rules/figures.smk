# What figures and report are made from.

RELAXATIONS = [] if PUBLISHED else expand("<results>/{temperature}/relaxation.h5", temperature=TEMPERATURES)


def predictions(temperature):
    """What the network of the maps predicts."""
    return per_network("predictions.h5", [temperature], first_of(config["networks"]))


def perturbed():
    """What the topological shells of the first graph network answered."""
    models = per_network("model.pt", networks=first_of(GRAPH_NETWORKS))
    return [file for model in models for file in shells_of(Path(model).parent, ".csv", metric=False)]


# What each kind of figure is drawn from: the files of its command, and of its options; by what stands behind the kind in a
# figure's name (the species of pearson_A, the temperature of maps_T0.700).
FIGURES = {
    "pearson": lambda of: {"files": ["<results>/metrics.csv"], "relaxation": RELAXATIONS},
    "relaxation": lambda of: {"files": RELAXATIONS},
    "structure": lambda of: {
        "files": expand("<results>/{temperature}/radial_distribution.h5", temperature=TEMPERATURES)
    },
    "graph": lambda of: {"files": [f"<results>/{of}/graphs.h5"]},
    "maps": lambda of: {"files": [f"<results>/{of}/graphs.h5", *predictions(of)]},
    "scatter": lambda of: {"files": [f"<results>/{of}/graphs.h5", *predictions(of)]},
    "heterogeneity": lambda of: {"files": per_network("heterogeneity.h5", networks=first_of(config["networks"]))},
    "training": lambda of: {"files": per_network("history.csv", networks=WHOLE_NETWORKS)},
    "curve": lambda of: {"files": ["<results>/metrics.csv"]},
    "response": lambda of: {"files": perturbed()},
    "length": lambda of: {
        "files": response_lengths(),
        "heterogeneity": per_network("heterogeneity.csv", networks=first_of(GRAPH_NETWORKS)),
        "relaxation": RELAXATIONS,
    },
    "reach": lambda of: {"files": reaches()},
    "transfer": lambda of: {
        "files": [
            file
            for tested in TEMPERATURES
            for file in per_network(f"transfer_{tested}.csv", networks=first_of(GRAPH_NETWORKS))
        ]
    },
}


def figures():
    """The names of the report's figures."""
    names = [f"pearson_{species}" for species in config["species"]]
    names += [] if PUBLISHED else ["relaxation", "structure"]
    names += [f"graph_{COLDEST}", *(f"{kind}_{t}" for kind in ("maps", "scatter") for t in TEMPERATURES)]
    names += ["heterogeneity", "training"]
    names += ["curve"] if any("samples" in settings for settings in config["networks"].values()) else []
    names += ["reach"] if reaches() else []
    return names + (["response", "length", "transfer"] if GRAPH_NETWORKS else [])


def figure_files():
    """All files of the figures: each as picture (twice), the table behind it, and its caption."""
    return [f"<results>/figures/{name}{ending}" for name in figures() for ending in (".svg", ".png", ".csv", ".txt")]


def drawn_from(wildcards):
    """The input of a figure."""
    kind, _, of = wildcards.figure.partition("_")
    return FIGURES[kind](of) | {"code": code(f"analysis.figures.{kind}")(wildcards)}


def network_label(file):
    """What a network is called in a figure, from the folders of its file."""
    folder, network, time, seed, _ = file.rsplit("/", 4)
    return f"T = {TEMPERATURES[Path(folder).name]:g}, {network}, {time}, {seed}"


def figure_command(wildcards, input):
    """The words of a figure's command."""
    kind, _, of = wildcards.figure.partition("_")
    words = [f"analysis.figures.{kind}", *input.files]
    for option in ("heterogeneity", "relaxation"):
        words += [f"--{option}", *input[option]] if input.get(option) else []
    if kind in ("pearson", "curve"):
        words += ["--species", of or config["species"][0]]
    if kind == "training":
        words += ["--labels", *map(network_label, input.files)]
    return words


def report_figures(wildcards, input):
    """The report's options: figures by kind."""
    pictures = {}
    for name in figures():
        of_kind = pictures.setdefault(name.partition("_")[0], [])
        of_kind += [file for file in input.figures if Path(file).name == f"{name}.svg"]
    return [word for kind, files in pictures.items() for word in (f"--{kind}", *files)]


def sources():
    """Files whose making the report lists: of every temperature the graphs, and what they are made from by one sample."""
    names = () if KEPT else ("sample.h5", "isoconfigurational.h5")
    found = [f"<results>/{t}/samples/{SAMPLES[t][0]}/{name}" for t in TEMPERATURES for name in names]
    return [*found, *expand("<results>/{temperature}/graphs.h5", temperature=TEMPERATURES)]
