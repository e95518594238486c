# How far does structure reach? The answers of each network to perturbed surroundings, their lengths, what a network knows of
# other times and temperatures, and how unevenly propensities are spread.


rule shell_response:
    """Remove what lies beyond one shell, and open a gap behind it."""
    input:
        model="<results>/{temperature}/{network}/{time}/seed{seed}/model.pt",
        graphs="<results>/{temperature}/graphs.h5",
        code=code("analysis.shells"),
    output:
        table="<results>/{temperature}/{network}/{time}/seed{seed}/shells/{unit}_{reach}.csv",
        responses="<results>/{temperature}/{network}/{time}/seed{seed}/shells/{unit}_{reach}.h5",
    log:
        "<logs>/{temperature}/{network}/{time}/seed{seed}/shells/{unit}_{reach}.log",
    benchmark:
        "<benchmarks>/{temperature}/{network}/{time}/seed{seed}/shells/{unit}_{reach}.tsv"
    wildcard_constraints:
        unit="edges|sigma",
        reach=r"[0-9.]+",
    conda:
        "../../envs/analysis.yaml"
    resources:
        **needs("shell_response"),
    params:
        metric=lambda wildcards: "--metric" if wildcards.unit == "sigma" else "",
        deltas=config["shells"]["deltas"],
        options=marked_particles(),
    shell:
        "python -P -m analysis.shells {input.model:q} {input.graphs:q} {output.table:q}"
        " --responses {output.responses:q}"
        " --kind removal gap --shells {wildcards.reach} {params.metric} --delta {params.deltas} {params.options}"
        " --threads {threads} > {log:q} 2>&1"


rule shell_gradient:
    """The limit of small gaps behind all shells at once, and the sensitivity to every particle."""
    input:
        model="<results>/{temperature}/{network}/{time}/seed{seed}/model.pt",
        graphs="<results>/{temperature}/graphs.h5",
        code=code("analysis.shells"),
    output:
        table="<results>/{temperature}/{network}/{time}/seed{seed}/shells/gradient.csv",
        responses="<results>/{temperature}/{network}/{time}/seed{seed}/shells/gradient.h5",
    log:
        "<logs>/{temperature}/{network}/{time}/seed{seed}/shells/gradient.log",
    benchmark:
        "<benchmarks>/{temperature}/{network}/{time}/seed{seed}/shells/gradient.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        **needs("shell_gradient"),
    params:
        options=marked_particles(),
    shell:
        # Seven recurrences see seven edges far.
        "python -P -m analysis.shells {input.model:q} {input.graphs:q} {output.table:q}"
        " --responses {output.responses:q}"
        " --kind gradient --shells 1 2 3 4 5 6 7 {params.options}"
        " --threads {threads} > {log:q} 2>&1"


rule response_length:
    """The length over which a network answers, from all its shells."""
    input:
        responses=shells_of("<results>/{temperature}/{network}/{time}/seed{seed}", ".h5"),
        code=code("analysis.response_length"),
    output:
        "<results>/{temperature}/{network}/{time}/seed{seed}/response_length.csv",
    log:
        "<logs>/{temperature}/{network}/{time}/seed{seed}/response_length.log",
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -P -m analysis.response_length {input.responses:q} --output {output:q} > {log:q} 2>&1"


rule heterogeneity:
    """How unevenly the predicted field is spread, beside the true one."""
    input:
        graphs="<results>/{temperature}/graphs.h5",
        predictions="<results>/{temperature}/{network}/{time}/seed{seed}/predictions.h5",
        code=code("analysis.heterogeneity"),
    output:
        arrays="<results>/{temperature}/{network}/{time}/seed{seed}/heterogeneity.h5",
        table="<results>/{temperature}/{network}/{time}/seed{seed}/heterogeneity.csv",
    log:
        "<logs>/{temperature}/{network}/{time}/seed{seed}/heterogeneity.log",
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -P -m analysis.heterogeneity {input.graphs:q} {output.arrays:q} --predictions {input.predictions:q}"
        " --table {output.table:q} > {log:q} 2>&1"


rule transfer:
    """A network of one temperature, tested on the configurations of another, at all times."""
    input:
        model="<results>/{temperature}/{network}/{time}/seed{seed}/model.pt",
        graphs="<results>/{tested}/graphs.h5",
        code=code("analysis.transfer"),
    output:
        "<results>/{temperature}/{network}/{time}/seed{seed}/transfer_{tested}.csv",
    log:
        "<logs>/{temperature}/{network}/{time}/seed{seed}/transfer_{tested}.log",
    wildcard_constraints:
        tested=r"T\d+\.\d{3}",
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -P -m analysis.transfer {output:q} --models {input.model:q} --graphs {input.graphs:q}"
        " --threads {threads} > {log:q} 2>&1"


rule reach:
    """The score of the linear model, trained again at every range that it may see."""
    input:
        graphs="<results>/{temperature}/graphs.h5",
        code=code("analysis.reach"),
    output:
        table="<results>/{temperature}/reach/linear.csv",
        summary="<results>/{temperature}/reach/linear_reach.csv",
    log:
        "<logs>/{temperature}/reach.log",
    conda:
        "../../envs/learn.yaml"
    resources:
        **needs("reach"),
    params:
        generations=config["reach"]["generations"],
        rung=config["reach"]["rung"],
        species=config["species"][0],
    shell:
        "python -P -m analysis.reach {input.graphs:q} {output.table:q} --generations {params.generations}"
        " --rung {params.rung} --species {params.species} > {log:q} 2>&1"
