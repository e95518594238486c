# How far does structure reach? The answers of each network to perturbed surroundings, the lengths of both, and what a
# network knows of other times and temperatures.


rule shell_response:
    """Remove what lies beyond one shell, and open a gap behind it."""
    input:
        model="<results>/{temperature}/{network}/{time}/seed{seed}/model.pt",
        graphs="<results>/{temperature}/graphs.h5",
        code=code(*RESPONSES),
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
    """The limit of small gaps behind all shells at once, and the sensitivity against distance."""
    input:
        model="<results>/{temperature}/{network}/{time}/seed{seed}/model.pt",
        graphs="<results>/{temperature}/graphs.h5",
        code=code(*RESPONSES),
    output:
        table="<results>/{temperature}/{network}/{time}/seed{seed}/shells/gradient.csv",
        responses="<results>/{temperature}/{network}/{time}/seed{seed}/shells/gradient.h5",
        sensitivity="<results>/{temperature}/{network}/{time}/seed{seed}/shells/sensitivity.csv",
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
        " --sensitivity {output.sensitivity:q} --kind gradient --shells 1 2 3 4 5 6 7 {params.options}"
        " --threads {threads} > {log:q} 2>&1"


rule response_length:
    """The length over which a network answers, from all its shells."""
    input:
        responses=shells_of("<results>/{temperature}/{network}/{time}/seed{seed}", ".h5"),
        graphs="<results>/{temperature}/graphs.h5",
        code=code("analysis/response_length.py"),
    output:
        "<results>/{temperature}/{network}/{time}/seed{seed}/response_length.csv",
    log:
        "<logs>/{temperature}/{network}/{time}/seed{seed}/response_length.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        temperature=number,
    shell:
        "python -P -m analysis.response_length {input.responses:q} --temperature {params.temperature}"
        " --graphs {input.graphs:q} --output {output:q} > {log:q} 2>&1"


rule heterogeneity:
    """How unevenly the predicted field is spread, beside the true one."""
    input:
        graphs="<results>/{temperature}/graphs.h5",
        predictions="<results>/{temperature}/{network}/{time}/seed{seed}/predictions.h5",
        code=code("analysis/heterogeneity.py"),
    output:
        arrays="<results>/{temperature}/{network}/{time}/seed{seed}/heterogeneity.h5",
        table="<results>/{temperature}/{network}/{time}/seed{seed}/heterogeneity.csv",
    log:
        "<logs>/{temperature}/{network}/{time}/seed{seed}/heterogeneity.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        temperature=number,
    shell:
        "python -P -m analysis.heterogeneity {input.graphs:q} {output.arrays:q} --predictions {input.predictions:q}"
        " --temperature {params.temperature} --table {output.table:q} > {log:q} 2>&1"


rule transfer:
    """A network of one temperature, tested on the configurations of another, at all times."""
    input:
        model="<results>/{temperature}/{network}/{time}/seed{seed}/model.pt",
        graphs="<results>/{tested}/graphs.h5",
        code=code("analysis/transfer.py"),
    output:
        "<results>/{temperature}/{network}/{time}/seed{seed}/transfer_{tested}.csv",
    log:
        "<logs>/{temperature}/{network}/{time}/seed{seed}/transfer_{tested}.log",
    wildcard_constraints:
        tested=r"T\d+\.\d{3}",
    conda:
        "../../envs/analysis.yaml"
    params:
        trained_at=number,
        tested_at=lambda wildcards: float(wildcards.tested[1:]),
    shell:
        "python -P -m analysis.transfer {output:q} --models {input.model:q} --trained-at {params.trained_at}"
        " --graphs {input.graphs:q} --tested-at {params.tested_at} --threads {threads} > {log:q} 2>&1"


rule radial_distribution:
    """How the particles sit around one another."""
    input:
        samples=lambda wildcards: per_sample("sample.h5", [wildcards.temperature]),
        code=code("analysis/radial_distribution.py"),
    output:
        "<results>/{temperature}/radial_distribution.h5",
    log:
        "<logs>/{temperature}/radial_distribution.log",
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -P -m analysis.radial_distribution {input.samples:q} --bin-width 0.02 --output {output:q}"
        " > {log:q} 2>&1"
