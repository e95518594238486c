# The figures, each with the table behind it and its caption, and the report. Maps and the like are of the first seed of
# the first network.


rule figure_relaxation:
    """From liquid to glass."""
    input:
        files=expand("<results>/{temperature}/relaxation.h5", temperature=TEMPERATURES),
        code=code("analysis/figures/relaxation.py"),
    output:
        multiext("<results>/figures/relaxation", svg=".svg", png=".png", csv=".csv", txt=".txt"),
    log:
        "<logs>/figures/relaxation.log",
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -P -m analysis.figures.relaxation {input.files:q} --output {output.svg:q} > {log:q} 2>&1"


rule figure_structure:
    """What hardly changes meanwhile: how the particles sit around one another."""
    input:
        files=expand("<results>/{temperature}/radial_distribution.h5", temperature=TEMPERATURES),
        code=code("analysis/figures/structure.py"),
    output:
        multiext("<results>/figures/structure", svg=".svg", png=".png", csv=".csv", txt=".txt"),
    log:
        "<logs>/figures/structure.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        temperatures=lambda wildcards, input: [temperature_of(file) for file in input.files],
    shell:
        "python -P -m analysis.figures.structure {input.files:q} --temperatures {params.temperatures}"
        " --output {output.svg:q}"
        " > {log:q} 2>&1"


rule figure_graph:
    """One configuration as a graph, and the shells of one particle."""
    input:
        graphs="<results>/{temperature}/graphs.h5",
        code=code("analysis/figures/graph.py"),
    output:
        multiext("<results>/figures/graph_{temperature}", svg=".svg", png=".png", csv=".csv", txt=".txt"),
    log:
        "<logs>/figures/graph_{temperature}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        temperature=number,
    shell:
        "python -P -m analysis.figures.graph {input.graphs:q} --temperature {params.temperature}"
        " --output {output.svg:q}"
        " > {log:q} 2>&1"


rule figure_maps:
    """Slices through the box: what the network predicts, and who moves."""
    input:
        graphs="<results>/{temperature}/graphs.h5",
        predictions=lambda wildcards: of_first_seed(per_network("predictions.h5", [wildcards.temperature])),
        code=code("analysis/figures/maps.py"),
    output:
        multiext("<results>/figures/maps_{temperature}", svg=".svg", png=".png", csv=".csv", txt=".txt"),
    log:
        "<logs>/figures/maps_{temperature}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        temperature=number,
    shell:
        "python -P -m analysis.figures.maps {input.graphs:q} {input.predictions:q} --temperature {params.temperature}"
        " --output {output.svg:q} > {log:q} 2>&1"


rule figure_scatter:
    """Prediction against truth."""
    input:
        graphs="<results>/{temperature}/graphs.h5",
        predictions=lambda wildcards: of_first_seed(per_network("predictions.h5", [wildcards.temperature])),
        code=code("analysis/figures/scatter.py"),
    output:
        multiext("<results>/figures/scatter_{temperature}", svg=".svg", png=".png", csv=".csv", txt=".txt"),
    log:
        "<logs>/figures/scatter_{temperature}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        temperature=number,
    shell:
        "python -P -m analysis.figures.scatter {input.graphs:q} {input.predictions:q}"
        " --temperature {params.temperature}"
        " --output {output.svg:q} > {log:q} 2>&1"


rule figure_pearson:
    """Scores by time beside their ceiling and the baselines."""
    input:
        metrics="<results>/metrics.csv",
        relaxation=[] if PUBLISHED else rules.figure_relaxation.input.files,
        code=code("analysis/figures/pearson.py"),
    output:
        multiext("<results>/figures/pearson_{species}", svg=".svg", png=".png", csv=".csv", txt=".txt"),
    log:
        "<logs>/figures/pearson_{species}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        relaxation=lambda wildcards, input: ["--relaxation", *input.relaxation] if input.relaxation else [],
    shell:
        "python -P -m analysis.figures.pearson {input.metrics:q} {params.relaxation:q} --species {wildcards.species}"
        " --output {output.svg:q} > {log:q} 2>&1"


rule figure_response:
    """What the network loses when its surroundings are removed or pushed away."""
    input:
        files=shell_tables(),
        code=code("analysis/figures/response.py"),
    output:
        multiext("<results>/figures/response", svg=".svg", png=".png", csv=".csv", txt=".txt"),
    log:
        "<logs>/figures/response.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        temperatures=lambda wildcards, input: [temperature_of(file) for file in input.files],
    shell:
        "python -P -m analysis.figures.response {input.files:q} --temperatures {params.temperatures}"
        " --output {output.svg:q}"
        " > {log:q} 2>&1"


rule figure_length:
    """Does the reach grow? The network's lengths, the liquid's own, and networks with nothing to learn beside them."""
    input:
        lengths=response_lengths(),
        heterogeneity=first_seed("heterogeneity.csv", first_graph_network()),
        relaxation=[] if PUBLISHED else rules.figure_relaxation.input.files,
        code=code("analysis/figures/length.py"),
    output:
        multiext("<results>/figures/length", svg=".svg", png=".png", csv=".csv", txt=".txt"),
    log:
        "<logs>/figures/length.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        relaxation=lambda wildcards, input: ["--relaxation", *input.relaxation] if input.relaxation else [],
    shell:
        "python -P -m analysis.figures.length {input.lengths:q}"
        " --heterogeneity {input.heterogeneity:q} {params.relaxation:q}"
        " --output {output.svg:q} > {log:q} 2>&1"


rule figure_heterogeneity:
    """How unevenly the propensity is spread, true and predicted."""
    input:
        files=of_first_seed(per_network("heterogeneity.h5")),
        code=code("analysis/figures/heterogeneity.py"),
    output:
        multiext("<results>/figures/heterogeneity", svg=".svg", png=".png", csv=".csv", txt=".txt"),
    log:
        "<logs>/figures/heterogeneity.log",
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -P -m analysis.figures.heterogeneity {input.files:q} --output {output.svg:q} > {log:q} 2>&1"


rule figure_transfer:
    """What a network knows of other temperatures and times."""
    input:
        files=transfers(),
        code=code("analysis/figures/transfer.py"),
    output:
        multiext("<results>/figures/transfer", svg=".svg", png=".png", csv=".csv", txt=".txt"),
    log:
        "<logs>/figures/transfer.log",
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -P -m analysis.figures.transfer {input.files:q} --output {output.svg:q} > {log:q} 2>&1"


rule figure_curve:
    """How the score grows with the number of configurations to train on."""
    input:
        metrics="<results>/metrics.csv",
        code=code("analysis/figures/curve.py"),
    output:
        multiext("<results>/figures/curve", svg=".svg", png=".png", csv=".csv", txt=".txt"),
    log:
        "<logs>/figures/curve.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        species=config["species"][0],
    shell:
        "python -P -m analysis.figures.curve {input.metrics:q} --species {params.species} --output {output.svg:q}"
        " > {log:q} 2>&1"


rule figure_training:
    """How the networks learned."""
    input:
        files=per_network("history.csv", networks=WHOLE_NETWORKS),
        code=code("analysis/figures/training.py"),
    output:
        multiext("<results>/figures/training", svg=".svg", png=".png", csv=".csv", txt=".txt"),
    log:
        "<logs>/figures/training.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        labels=lambda wildcards, input: [network_label(file) for file in input.files],
    shell:
        "python -P -m analysis.figures.training {input.files:q} --labels {params.labels:q} --output {output.svg:q}"
        " > {log:q} 2>&1"


rule settings:
    """The configuration of the run, defaults included."""
    output:
        "<results>/config.yaml",
    log:
        "<logs>/settings.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        text=yaml.safe_dump(config, sort_keys=False),
    shell:
        "printf '%s' {params.text:q} > {output:q} 2> {log:q}"


rule report:
    """Everything on one page."""
    input:
        figures=figures(),
        metrics="<results>/metrics.csv",
        configuration=rules.settings.output,
        graphs=f"<results>/{COLDEST}/graphs.h5",
        predictions=of_first_seed(per_network("predictions.h5", [COLDEST])),
        sources=[
            f"<results>/{temperature}/{name}"
            for temperature in TEMPERATURES
            for name in (
                *(
                    []
                    if KEPT
                    else [f"samples/{SAMPLES[temperature][0]}/{kind}.h5" for kind in ("sample", "isoconfigurational")]
                ),
                "graphs.h5",
            )
        ],
        code=code(
            "analysis/report.py",
            "analysis/accounts/used.py",
            *(f"analysis/page/{name}" for name in ("answer.py", "view.py", "view.js", "view.html", "report.html")),
        ),
        plan=[PLAN] if Path(PLAN).exists() else [],
    output:
        "<results>/report.html",
    log:
        "<logs>/report.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        figures=lambda wildcards, input: figure_options(input.figures),
        temperature=TEMPERATURES[COLDEST],
        species=config["species"][0],
        plan=plan_options,
    shell:
        "python -P -m analysis.report --metrics {input.metrics:q} --species {params.species} {params.figures:q}"
        " --graphs {input.graphs:q} --predictions {input.predictions:q} --temperature {params.temperature}"
        " --sources {input.sources:q} --configuration {input.configuration:q} {params.plan:q} --output {output:q}"
        " > {log:q} 2>&1"
