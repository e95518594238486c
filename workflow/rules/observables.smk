# What is measured of the liquid itself. Sampling times and propensities name no code: what follows from them are simulations
# and trainings.

if "published" not in config:

    rule relaxation:
        """F_s, mean-squared displacement, tau_alpha, and from them the sampling times."""
        input:
            lambda wildcards: per_sample("relaxation_run.h5", [wildcards.temperature])[
                : config["relaxation"]["samples"]
            ],
        output:
            "<results>/{temperature}/relaxation.h5",
        log:
            "<logs>/{temperature}/relaxation.log",
        conda:
            "../../envs/analysis.yaml"
        resources:
            **needs("relaxation"),
        params:
            times=lambda wildcards: [str(t) for t in TIMES[wildcards.temperature].values()],
            time_step=config["simulation"]["time_step"],
        shell:
            "python -P -m analysis.relaxation {input:q} --times {params.times:q} --time-step {params.time_step}"
            " --output {output:q} > {log:q} 2>&1"


rule propensity:
    """The run-averaged displacement of every particle, and its noise ceiling."""
    input:
        "<results>/{temperature}/samples/{sample}/isoconfigurational.h5",
    output:
        "<results>/{temperature}/samples/{sample}/propensity.h5",
    log:
        "<logs>/{temperature}/{sample}/propensity.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        **needs("propensity"),
    shell:
        "python -P -m analysis.propensity {input:q} {output:q} > {log:q} 2>&1"


rule radial_distribution:
    """How the particles sit around one another."""
    input:
        samples=lambda wildcards: per_sample("sample.h5", [wildcards.temperature]),
        code=code("analysis.radial_distribution"),
    output:
        "<results>/{temperature}/radial_distribution.h5",
    log:
        "<logs>/{temperature}/radial_distribution.log",
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -P -m analysis.radial_distribution {input.samples:q} --bin-width 0.02 --output {output:q}"
        " > {log:q} 2>&1"
