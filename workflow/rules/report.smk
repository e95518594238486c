# The figures, each with the table behind it and its caption, and the report. Figures of one network show the first seed of
# the first network.


rule figure:
    """One figure: as picture (twice), the table behind it, and its caption."""
    input:
        unpack(drawn_from),
    output:
        svg=report(
            "<results>/figures/{figure}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        png="<results>/figures/{figure}.png",
        csv="<results>/figures/{figure}.csv",
        txt="<results>/figures/{figure}.txt",
    log:
        "<logs>/figures/{figure}.log",
    wildcard_constraints:
        figure=f"({'|'.join(FIGURES)})(_[^/]+)?",
    conda:
        "../../envs/analysis.yaml"
    params:
        words=figure_command,
    shell:
        "python -P -m {params.words:q} --output {output.svg:q} > {log:q} 2>&1"


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
        # What changes no result reruns nothing: the text itself is made from `threads`.
        follows=json.dumps(
            {
                **config,
                "machine": None,
                "equilibration": {**config["equilibration"], "allow_unequilibrated": None},
            },
            sort_keys=True,
        ),
        text=lambda wildcards, threads: yaml.safe_dump(config, sort_keys=False),
    shell:
        "printf '%s' {params.text:q} > {output:q} 2> {log:q}"


rule report:
    """Everything on one page."""
    input:
        figures=figure_files(),
        metrics="<results>/metrics.csv",
        reached=[file.replace(".csv", "_reach.csv") for file in reaches()],
        configuration=rules.settings.output,
        graphs=f"<results>/{COLDEST}/graphs.h5",
        predictions=predictions(COLDEST),
        sources=sources(),
        code=code("analysis.report"),
    output:
        report("<results>/report.html", caption="../report/report.rst", category="Report"),
    log:
        "<logs>/report.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        figures=report_figures,
        species=config["species"][0],
    shell:
        "python -P -m analysis.report --metrics {input.metrics:q} --species {params.species} {params.figures:q}"
        " --reached {input.reached:q} --graphs {input.graphs:q} --predictions {input.predictions:q} --sources {input.sources:q}"
        " --configuration {input.configuration:q} --output {output:q} > {log:q} 2>&1"
