"""A family on one GPU: its recipes trained side by side, their data made ahead by worker processes.

Recipes of a family share a vision tower, pictures and conversations. Here one process draws and encodes what they
share, a second one trains the tower, and each recipe trains in a process of its own meanwhile.
"""

import logging
import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sightscale.tasks.errors import UserError
from sightscale.trainers.recipe import Recipe, Stage, TowerStage, load_recipe

logger = logging.getLogger(__name__)


def for_one_gpu(recipe: Recipe, workers: int) -> Recipe:
    """The same recipe with whole batches, and so many processes that make data: how it runs, not what it learns."""
    hardware = recipe.hardware.model_copy(update={"per_device_batch": None, "workers": workers})
    return recipe.model_copy(update={"hardware": hardware})


def train_family(names: Sequence[str], work: Path, output: Path, *, workers: int) -> list[str]:
    """Train the recipes, their work folders below `work`, into `output`; the names of those that failed.

    Raises UserError when the recipes share no vision part, and so no tower.
    """
    recipes = [for_one_gpu(load_recipe(name), workers) for name in names]
    if any((recipe.vision, recipe.seed) != (recipes[0].vision, recipes[0].seed) for recipe in recipes):
        raise UserError("recipes that train side by side share their vision part and seed")
    work.mkdir(parents=True, exist_ok=True)
    from sightscale.trainers import train  # noqa: F401  # once, for all the processes that are forked

    context = multiprocessing.get_context("fork")  # CUDA isn't used here, and so can be in these processes
    first = recipes[0]
    _in_time("rows of the first stage", lambda: _prepare(first, work, "first"))
    processes = {
        recipe.name: context.Process(target=_train, args=(recipe, work, output, 2 * number), name=recipe.name)
        for number, recipe in enumerate(recipes)
    }
    for process in processes.values():
        process.start()
    _in_time("pictures of the tower", lambda: _prepare(first, work, "tower"))
    tower = context.Process(target=_train_tower_alone, args=(first, work), name="tower")
    tower.start()
    _in_time("the other pictures and rows", lambda: _prepare(first, work, "rest"))
    for process in (*processes.values(), tower):
        process.join()
    return [process.name for process in (*processes.values(), tower) if process.exitcode]


def _in_time(what: str, make: Callable[[], None]) -> None:
    begun = time.perf_counter()
    make()
    logger.info(f"{what}: {time.perf_counter() - begun:.0f} s")


def _prepare(recipe: Recipe, work: Path, what: str) -> None:
    """Make ahead what stages learn from, as they would: the `first` on conversations, the `tower`'s, or the `rest`."""
    from sightscale.trainers import train
    from sightscale.trainers.data import draw_pictures
    from sightscale.trainers.model import build_processor
    from sightscale.trainers.shipped import find_shipped

    if what == "tower":
        for stage in recipe.stages:
            if isinstance(stage, TowerStage) and not train.is_shipped(recipe, stage):
                for held_out in (False, True):
                    train.keep_tower_pictures(stage, recipe, work, held_out)
        return
    processor = build_processor(recipe, train.keep_tokenizer(recipe, work, find_shipped(recipe)))
    stages = [
        (recipe.numbers[stage.name], stage)
        for stage in recipe.stages
        if isinstance(stage, Stage) and train.can_pack(stage)
    ]
    for number, stage in stages[:1] if what == "first" else stages:
        for pictures in train.list_stage_pictures(stage):
            draw_pictures(pictures, work, recipe.vision.image_size, recipe.hardware.workers)
        train.keep_rows(recipe, processor, stage, recipe.seed + number, work)


def _log_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", force=True)


def _train(recipe: Recipe, work: Path, output: Path, nice: int) -> None:
    """Train one recipe; the largest goes first where the machine is short of processors."""
    _log_to(work / "logs" / f"{recipe.name}.txt")
    os.nice(nice)
    from sightscale.trainers.train import train

    try:
        train(recipe, work / recipe.name, output)
    except BaseException:
        traceback.print_exc()
        raise


def _train_tower_alone(recipe: Recipe, work: Path) -> None:
    """Train the family's tower, which its recipes wait for."""
    _log_to(work / "logs" / "tower.txt")
    from sightscale.trainers.train import train_towers

    try:
        train_towers(recipe, work / "tower")
    except BaseException:
        traceback.print_exc()
        raise


def main(arguments: Any = None) -> None:
    """`python -m sightscale.trainers.family RECIPE… --work FOLDER --output FOLDER`."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m sightscale.trainers.family", description=__doc__)
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=max(2, (os.cpu_count() or 2) - 4))
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    failed = train_family(chosen.recipes, chosen.work, chosen.output, workers=chosen.workers)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}; their logs are in {chosen.work / 'logs'}")


if __name__ == "__main__":
    main()
