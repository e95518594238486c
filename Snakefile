from snakemake.utils import min_version

min_version("9.20")


# config.yaml says the same; where another workflow takes this one as a module, only what stands here counts.
pathvars:
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


include: "workflow/rules/source.smk"


configfile: source("config.yaml")


include: "workflow/rules/reading.smk"
include: "workflow/rules/configuration.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/start.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/observables.smk"
include: "workflow/rules/learn.smk"
include: "workflow/rules/shells.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


localrules:
    all,
    configurations,
    ensembles,
    propensities,
    models,
    scores,
    shells,
    figures,
    plan,


rule all:
    default_target: True
    input:
        "<results>/report.html",


rule configurations:
    input:
        per_sample("sample.h5"),


rule ensembles:
    input:
        per_sample("isoconfigurational.h5"),


rule propensities:
    input:
        per_sample("propensity.h5"),


rule models:
    input:
        per_network("model.pt"),


rule scores:
    input:
        "<results>/metrics.csv",


rule shells:
    input:
        response_lengths(),


rule figures:
    input:
        figure_files(),


rule plan:
    """Print what the run will cost, by steps, sizes and the speeds of `machine`."""
    log:
        "<logs>/plan.log",
    conda:
        "envs/analysis.yaml"
    params:
        config=plan_configuration(),
        archived="--archived" if KEPT else "",
        samples=f"--samples {' '.join(str(len(found)) for found in SAMPLES.values())}" if PUBLISHED else "",
    shell:
        "python -P -m analysis.plan {params.config:q} {params.samples} {params.archived} 2>&1 | tee {log:q}"
