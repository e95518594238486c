# How far does structure reach? The answers of each network to perturbed surroundings.


rule shell_response:
    """Remove what lies beyond a shell, open a gap behind it, or take the gradient."""
    input:
        model="<results>/{temperature}/{network}/{time}/seed{seed}/model.pt",
        graphs="<results>/{temperature}/graphs.h5",
        code=code(*(f"analysis/{name}.py" for name in ("shells", "cases", "responses", "surroundings", "marked"))),
    output:
        "<results>/{temperature}/{network}/{time}/seed{seed}/shells_{kind}.csv",
    log:
        "<logs>/{temperature}/{network}/{time}/seed{seed}/shells_{kind}.log",
    benchmark:
        "<benchmarks>/{temperature}/{network}/{time}/seed{seed}/shells_{kind}.tsv"
    wildcard_constraints:
        kind="removal|gap|gradient",
    conda:
        "../../envs/analysis.yaml"
    resources:
        **needs("shell_response", "kind"),
    params:
        shells=config["shells"],
        seed=config["seed"],
    shell:
        "python -m analysis.shells {input.model} {input.graphs} {output} --kind {wildcards.kind}"
        " --shells {params.shells[shells]} --particles {params.shells[particles]} --seed {params.seed}"
        " --delta {params.shells[deltas]} --threads {threads} > {log} 2>&1"
