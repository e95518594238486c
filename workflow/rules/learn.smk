# From propensities to scores. What is made from trained models names its command as input, so that an edit of it reruns it;
# what they are made from does not: an edit would train them again (`snakemake --forcerun RULE` does, where it is meant).


rule graphs:
    """All configurations of one temperature as graphs, with what is to be predicted and their split."""
    input:
        samples=lambda wildcards: archives(wildcards.temperature) or per_sample("sample.h5", [wildcards.temperature]),
        inherent=lambda wildcards: [] if KEPT else per_sample("inherent.h5", [wildcards.temperature]),
        propensities=lambda wildcards: [] if KEPT else per_sample("propensity.h5", [wildcards.temperature]),
    output:
        "<results>/{temperature}/graphs.h5",
    log:
        "<logs>/{temperature}/graphs.log",
    conda:
        "../../envs/learn.yaml"
    resources:
        **needs("graphs"),
    params:
        sources=lambda wildcards, input: [file if KEPT else str(Path(file).parent) for file in input.samples],
        identities=lambda wildcards: identities(wildcards.temperature),
        cutoff=config["graph"]["cutoff"],
        validation=config["split"]["validation"],
        test=config["split"]["test"],
    shell:
        "python -P -m learn.graph {params.sources:q} --identities {params.identities:q} --cutoff {params.cutoff}"
        " --validation {params.validation} --test {params.test} --output {output:q} > {log:q} 2>&1"


rule train:
    """One network: chosen on the validation configurations, never shown the test configurations."""
    input:
        graphs="<results>/{temperature}/graphs.h5",
        start=lambda wildcards: (config["networks"] | CONTROLS)[wildcards.network].get("start", []),
        # Says which time an expression means; public files have theirs in the order of the configuration.
        relaxation=lambda wildcards: (
            [] if PUBLISHED or wildcards.time == "all" else f"<results>/{wildcards.temperature}/relaxation.h5"
        ),
    output:
        model="<results>/{temperature}/{network}/{time}/seed{seed}/model.pt",
        history="<results>/{temperature}/{network}/{time}/seed{seed}/history.csv",
    log:
        "<logs>/{temperature}/{network}/{time}/seed{seed}/train.log",
    benchmark:
        "<benchmarks>/{temperature}/{network}/{time}/seed{seed}/train.tsv"
    priority: 1  # Much waits for it.
    conda:
        "../../envs/learn.yaml"
    resources:
        **needs("train", "network"),
    params:
        options=training_options,
        start=lambda wildcards, input: ["--start", input.start] if input.start else [],
        time=lambda wildcards, input: time_option(wildcards, input.relaxation),
    shell:
        "python -P -m learn.train {input.graphs:q} {params.options} {params.time:q} {params.start:q} --seed {wildcards.seed}"
        " --output {output.model:q} --history {output.history:q} > {log:q} 2>&1"


rule evaluate:
    """The predictions of one network on the test configurations, and their scores."""
    input:
        model="<results>/{temperature}/{network}/{time}/seed{seed}/model.pt",
        graphs="<results>/{temperature}/graphs.h5",
        code=code("learn.evaluate"),
    output:
        predictions="<results>/{temperature}/{network}/{time}/seed{seed}/predictions.h5",
        scores="<results>/{temperature}/{network}/{time}/seed{seed}/scores.csv",
    log:
        "<logs>/{temperature}/{network}/{time}/seed{seed}/evaluate.log",
    conda:
        "../../envs/learn.yaml"
    resources:
        **needs("evaluate", "network"),
    params:
        species=config["species"],
        source="published" if PUBLISHED and not KEPT else "simulated",
    shell:
        "python -P -m learn.evaluate {input.model:q} {input.graphs:q} --name {wildcards.network}"
        " --species {params.species}"
        " --source {params.source} --predictions {output.predictions:q} --scores {output.scores:q} > {log:q} 2>&1"


rule baselines:
    """What can be predicted without a network."""
    input:
        graphs="<results>/{temperature}/graphs.h5",
        code=code("learn.baselines"),
    output:
        "<results>/{temperature}/baselines.csv",
    log:
        "<logs>/{temperature}/baselines.log",
    benchmark:
        "<benchmarks>/{temperature}/baselines.tsv"
    conda:
        "../../envs/learn.yaml"
    resources:
        **needs("baselines"),
    params:
        names=config["baselines"],
        species=config["species"],
        source="published" if PUBLISHED and not KEPT else "simulated",
    shell:
        "python -P -m learn.baselines {input.graphs:q} --names {params.names} --species {params.species}"
        " --source {params.source} --output {output:q} > {log:q} 2>&1"


rule metrics:
    """Every score of the run in one table."""
    input:
        per_network("scores.csv"),
        expand("<results>/{temperature}/baselines.csv", temperature=TEMPERATURES if config["baselines"] else []),
    output:
        "<results>/metrics.csv",
    log:
        "<logs>/metrics.log",
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -P -m analysis.metrics {input:q} --output {output:q} > {log:q} 2>&1"
