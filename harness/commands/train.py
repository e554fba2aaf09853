"""`sightscale train`: make a reference checkpoint from its recipe."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name, or a YAML file.")],
    output: Annotated[Path, typer.Option(help="Folder for the trained model.")],
    work: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints and the log.  [default: OUTPUT with -work after it]")
    ] = None,
) -> None:
    """Train a recipe from its data alone, score it on the test split and write its model card.

    Run the same command again to go on from the last checkpoint.
    """
    from sightscale.trainers.card import score_on_easy_vqa, write_card
    from sightscale.trainers.recipe import load_recipe
    from sightscale.trainers.train import train as train_recipe

    loaded = load_recipe(recipe)
    work = work or output.with_name(output.name + "-work")
    train_recipe(loaded, work, output)
    print(f"scoring {output} on the test split, with pictures and without")
    score = score_on_easy_vqa(output)
    write_card(loaded, score, work / "log.jsonl", output)
    print(f"{output}: sighted {100 * score.sighted:.2f} %, blind {100 * score.blind:.2f} % of {score.n} questions")
