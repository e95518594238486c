"""Predict and score the test configurations: the only place where they are touched.

python -m learn.evaluate MODEL.pt graphs.h5 --predictions predictions.h5 --scores scores.csv
"""

from pathlib import Path

from learn.data import dataset, scores
from simulate.liquid.kob_andersen import SPECIES
from simulate.stage import command, options
from simulate.stage.command import InputError


def main() -> None:
    """Predict the test configurations of graphs.h5 and score the predictions."""
    parser = options.Parser(prog="python -m learn.evaluate", description=main.__doc__)
    parser.add_argument("model", type=Path, help="MODEL.pt")
    parser.add_argument("graphs", type=Path, help="graphs.h5")
    parser.add_argument("--predictions", type=Path, required=True, help="predictions.h5 to write")
    parser.add_argument("--scores", type=Path, required=True, help="table of scores to write (.csv)")
    parser.add_argument("--source", default="simulated", help="first column of the table")
    parser.add_argument("--name", help="model column of the table (default: the model's own name)")
    parser.add_argument("--species", nargs="+", choices=SPECIES, default=["A"])
    parser.add_argument("--threads", type=options.count, default=1)
    arguments = parser.parse_args()

    import torch

    from learn.models import checkpoint

    torch.set_num_threads(arguments.threads)
    trained = checkpoint.load(arguments.model)
    names = dataset.samples(arguments.graphs, "test")
    if not names:
        raise InputError(f"{arguments.graphs}: no test configurations, expected at least one")
    with command.about(arguments.graphs):
        samples = [dataset.load(arguments.graphs, name).at(trained.time) for name in names]
    both = [trained.propensity(trained.network.inputs(sample.configuration)) for sample in samples]
    predictions, spreads = zip(*both, strict=True)
    shared = scores.shared_columns(arguments.graphs, samples) | {
        "source": arguments.source,
        "model": arguments.name or trained.settings["model"],
        "seed": trained.settings.get("seed", 0),
        # Of the model, which may have been trained on other graphs.
        "n_train": trained.settings.get("n_train", ""),
    }
    rows = [shared | row for species in arguments.species for row in scores.scores(predictions, samples, species)]
    named, spread = (dict(zip(names, each, strict=True)) for each in (predictions, spreads))
    settings = {"model": trained.settings, "temperature": shared["temperature"]}
    scores.write_predictions(arguments.predictions, trained.time, named, settings, spreads=spread)
    scores.table(arguments.scores, rows)
    for row in rows:
        print(
            f"t = {row['time']:g}, {row['species']}: PCC mean {row['pcc_mean']:.3f}, PCC all {row['pcc_all']:.3f}, "
            f"ceiling {row['ceiling_mean']:.3f}, {row['n_test']} test configurations"
        )


if __name__ == "__main__":
    command.run(main)
