# What is measured of the liquid itself.


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
