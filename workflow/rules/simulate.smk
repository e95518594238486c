# From nothing to isoconfigurational runs. One job per (temperature, sample). Code does not rerun these: only their own inputs,
# parameters and environment do, and `--cache` shares them between projects (Snakemake does not benchmark cached rules:
# what a stage took stands in its file).


if "published" in config:

    rule published:
        """Take a public file in place of an equilibrated configuration and its isoconfigurational runs."""
        input:
            lambda wildcards: str(PUBLISHED[wildcards.temperature][wildcards.sample]),
        output:
            sample="<results>/{temperature}/samples/{sample}/sample.h5",
            ensemble="<results>/{temperature}/samples/{sample}/isoconfigurational.h5",
        log:
            "<logs>/{temperature}/{sample}/published.log",
        conda:
            "../../envs/simulate.yaml"
        resources:
            **needs("published"),
        params:
            temperature=number,
            times=published_times,
        shell:
            "python -P -m simulate.published {input:q} --temperature {params.temperature} {params.times}"
            " --sample {output.sample:q} --ensemble {output.ensemble:q} > {log:q} 2>&1"

else:

    rule equilibrate:
        """Melt, cool, equilibrate: one configuration, with its evidence of equilibrium."""
        output:
            "<results>/{temperature}/samples/{sample}/sample.h5",
        log:
            "<logs>/{temperature}/{sample}/equilibrate.log",
        cache: True
        priority: 3  # What everything else waits for comes first.
        conda:
            "../../envs/simulate.yaml"
        resources:
            **needs("equilibrate"),
        params:
            temperature=number,
            sample=lambda wildcards: int(wildcards.sample[1:]),
            seed=config["seed"],
            particles=config["liquid"]["particles"],
            density=config["liquid"]["density"],
            melt_temperature=config["equilibration"]["melt_temperature"],
            melt_time=config["equilibration"]["melt_time"],
            cooling_time=config["equilibration"]["cooling_time"],
            relaxation_times=config["equilibration"]["relaxation_times"],
            time_step=config["simulation"]["time_step"],
            # Changes no sample that stands: what is made from `threads` reruns nothing.
            allow=lambda wildcards, threads: (
                "--allow-unequilibrated" if config["equilibration"]["allow_unequilibrated"] else ""
            ),
        shell:
            "python -P -m simulate.equilibrate --temperature {params.temperature} --sample {params.sample}"
            " --seed {params.seed} --particles {params.particles} --density {params.density}"
            " --melt-temperature {params.melt_temperature} --melt-time {params.melt_time}"
            " --cooling-time {params.cooling_time} --relaxation-times {params.relaxation_times}"
            " --time-step {params.time_step} {params.allow} --output {output:q} > {log:q} 2>&1"

    rule relaxation_run:
        """Follow the relaxation of one sample."""
        input:
            "<results>/{temperature}/samples/{sample}/sample.h5",
        output:
            "<results>/{temperature}/samples/{sample}/relaxation_run.h5",
        log:
            "<logs>/{temperature}/{sample}/relaxation_run.log",
        cache: True
        priority: 2
        conda:
            "../../envs/simulate.yaml"
        resources:
            **needs("relaxation_run"),
        params:
            temperature=number,
            sample=lambda wildcards: int(wildcards.sample[1:]),
            seed=config["seed"],
            time_step=config["simulation"]["time_step"],
            duration=config["relaxation"]["duration"],
        shell:
            "python -P -m simulate.relaxation_run --configuration {input:q} --temperature {params.temperature}"
            " --sample {params.sample} --seed {params.seed} --duration {params.duration}"
            " --time-step {params.time_step} --output {output:q} > {log:q} 2>&1"

    rule isoconfigurational:
        """Many runs from one configuration, each with fresh Maxwell-Boltzmann velocities."""
        input:
            sample="<results>/{temperature}/samples/{sample}/sample.h5",
            relaxation="<results>/{temperature}/relaxation.h5",
        output:
            "<results>/{temperature}/samples/{sample}/isoconfigurational.h5",
        log:
            "<logs>/{temperature}/{sample}/isoconfigurational.log",
        cache: True
        priority: 1
        conda:
            "../../envs/simulate.yaml"
        resources:
            **needs("isoconfigurational"),
        params:
            temperature=number,
            sample=lambda wildcards: int(wildcards.sample[1:]),
            seed=config["seed"],
            runs=config["runs"],
            integrator=config["simulation"]["integrator"],
            time_step=config["simulation"]["time_step"],
            supercell=config["simulation"]["supercell"],
        shell:
            "python -P -m simulate.isoconfigurational --configuration {input.sample:q}"
            " --times-from {input.relaxation:q}"
            " --temperature {params.temperature} --sample {params.sample} --seed {params.seed} --runs {params.runs}"
            " --integrator {params.integrator} --time-step {params.time_step} --supercell {params.supercell}"
            " --output {output:q} > {log:q} 2>&1"


rule inherent:
    """The inherent structure: the nearest minimum of the potential energy."""
    input:
        "<results>/{temperature}/samples/{sample}/sample.h5",
    output:
        "<results>/{temperature}/samples/{sample}/inherent.h5",
    log:
        "<logs>/{temperature}/{sample}/inherent.log",
    cache: True
    conda:
        "../../envs/simulate.yaml"
    resources:
        **needs("inherent"),
    shell:
        "python -P -m simulate.inherent_structure {input:q} {output:q} > {log:q} 2>&1"
