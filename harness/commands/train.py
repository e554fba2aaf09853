"""`sightscale train`: make reference checkpoints from a recipe."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.terminal import open_console
from sightscale.tasks.errors import UserError

if TYPE_CHECKING:
    from sightscale.harness.statistics import Estimate
    from sightscale.trainers.card import TaskScore
    from sightscale.trainers.recipe import Recipe

logger = logging.getLogger(__name__)


@examples(
    "sightscale train study_qwen3_0.6b --dry-run",
    "sightscale train easy_vqa_nano --output trained/easy_vqa_nano",
)
def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name, or a YAML file.")],
    output: Annotated[Path | None, typer.Option(help="Folder for the released models.")] = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints and the log.  [default: OUTPUT with -work after it]")
    ] = None,
    data_root: Annotated[Path, typer.Option(help="Folder that the recipe's data files are relative to.")] = Path(),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show parameters, tokens, steps, and estimated memory and time.")
    ] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Train every stage, even if its released weights ship.")] = False,
    score_shipped: Annotated[
        bool,
        typer.Option("--score-shipped", help="Also score the shipped checkpoints, and update their cards."),
    ] = False,
) -> None:
    """Train a recipe stage by stage, score what it releases sighted and blind, and write model cards.

    Run the same command again to continue from the last checkpoint. A stage is skipped if its released weights ship
    with the package and were made by the same part of the recipe. On several devices:
    `accelerate launch -m sightscale.harness.cli train RECIPE --output DIR`.
    """
    from sightscale.trainers.recipe import load_recipe

    loaded = load_recipe(recipe)
    if dry_run:
        _show_estimate(loaded, data_root, anew)
        return
    if output is None or output == Path():
        raise UserError("name a folder for the trained model with --output, or look first with --dry-run")
    for folder in filter(None, (output, work)):
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file; name a folder with --output")
    _check_tasks(loaded)
    from sightscale.harness.study import draw_looking, draw_training
    from sightscale.trainers.card import LOOKING, lineage, renew_scores, write_card
    from sightscale.trainers.shipped import find_shipped
    from sightscale.trainers.stages import MEASURED
    from sightscale.trainers.train import train as train_recipe

    work = work or output.with_name(output.name + "-work")
    shipped = {} if anew else find_shipped(loaded)
    released = train_recipe(loaded, work, output, data_root=data_root, anew=anew)
    log = work / "log.jsonl"
    draw_training(log, work / "curves.png", [stage.name for stage in loaded.stages], loaded.name)
    kinds = {stage.release: stage.kind for stage in loaded.stages if stage.release}
    reasoner = next((folder for name, folder in released.items() if kinds[name] == "text"), None)
    for name, folder in released.items():
        if name in shipped:
            print(f"{folder}: ships with the package, not trained again")
            if not score_shipped:
                continue
        model, scored_as = _scored_model(kinds[name], folder, reasoner, loaded.scored_on_data)
        scores = []
        if loaded.scored_on and model:
            logger.info(f"scoring {name} on {', '.join(loaded.scored_on)}, sighted and blind, {scored_as}")
            scores = _score(model, loaded, work / "scores" / name)
        if name not in shipped:
            stages = [stage.name for stage in lineage(loaded, name)]
            draw_training(log, folder / "curves.png", stages, name)
            draw_looking(work / MEASURED, folder / LOOKING, stages[-1], f"Does {name} still look?")
            write_card(loaded, name, log, scores, folder, "curves.png", scored_as)
        elif scores:
            renew_scores(folder, scores, scored_as)
        shares = ", ".join(f"{s.task} {100 * s.sighted[0]:.1f} % ({100 * s.blind[0]:.1f} % blind)" for s in scores)
        print(f"{folder}: {shares or 'not scored'}")


def _check_tasks(recipe: "Recipe") -> None:
    """Raises UserError for a task that the recipe is scored on and nobody knows, before anything is trained."""
    from lmms_eval.tasks import TaskManager
    from loguru import logger as notices

    from sightscale.tasks import TASK_FOLDER

    notices.disable("lmms_eval")  # a line for each file it reads
    known = TaskManager(include_path=[str(TASK_FOLDER)], include_defaults=False).all_tasks
    notices.enable("lmms_eval")
    for name in recipe.scored_on:
        if name not in known:
            raise UserError(f"recipe {recipe.name} is scored on {name!r}, which is not a task of sightscale")


def _scored_model(kind: str, folder: Path, reasoner: Path | None, data: str) -> tuple[str, str]:
    """The model string that a release is scored as, empty where it can't be, and that in words.

    What writes descriptions is scored with the recipe's own reasoning module, and that on true descriptions. A tower
    answers nothing.
    """
    if kind == "vision":
        return "", "not at all"
    decoding = "greedy=true,answer_tokens=24" + (",focus=data" if data == "mini" else "")
    if kind == "text":
        scored = f"decoupled:perception=truth,reasoning={folder},{decoding}" if data == "mini" else ""
        return scored, "as the reasoning module on true descriptions"
    if kind in ("connector", "instruct"):
        return str(folder), "end to end"
    scored = f"decoupled:perception={folder},reasoning={reasoner},{decoding}" if reasoner else ""
    return scored, f"as the perception module of {reasoner.name if reasoner else 'a decoupled model'}"


def _score(model: str, recipe: "Recipe", output: Path) -> list["TaskScore"]:
    """A checkpoint's score on each task with its pictures and without; records are kept in `output`."""
    from sightscale.harness.analysis import summarise
    from sightscale.harness.evaluation import Plan, evaluate
    from sightscale.model_adapters.model_strings import parse_model
    from sightscale.tasks.vocabulary import Condition
    from sightscale.trainers.card import TaskScore

    plan = Plan(
        parse_model(model),
        model,
        recipe.scored_on,
        ("none",),
        output,
        limit=recipe.scored_questions,
        data=recipe.scored_on_data,
    )
    summaries = summarise(evaluate(plan))
    blind = {summary.task: summary for summary in summaries if summary.condition == "none"}
    return [
        TaskScore(
            task=summary.task,
            n=summary.n,
            sighted=_ends(summary.score),
            blind=_ends(blind[summary.task].score),
            reliance=_ends(blind[summary.task].reliance),
            unread=round(summary.n * (1 - summary.outcomes["answered"])),
        )
        for summary in summaries
        if summary.condition == Condition.SIGHTED
    ]


def _ends(estimate: "Estimate | None") -> tuple[float, float, float]:
    assert estimate is not None  # only the sighted condition has no reliance
    return estimate.value, estimate.low, estimate.high


def _show_estimate(recipe: "Recipe", data_root: Path, anew: bool) -> None:
    from sightscale.harness.analysis import FittingTable, TextColumn, list_columns
    from sightscale.trainers.estimate import count_parameters, estimate
    from sightscale.trainers.shipped import choose_stages, find_shipped

    counts = count_parameters(recipe)
    hardware = recipe.hardware
    parts = ", ".join(f"{part} {count / 1e6:,.2f} M" for part, count in counts.items())
    print(f"{recipe.name}: {sum(counts.values()) / 1e6:,.2f} M parameters ({parts})")
    print(f"hardware: {hardware.devices} device(s), {hardware.precision}")
    shipped = {} if anew else find_shipped(recipe)
    trained = {stage.name for stage in choose_stages(recipe, shipped) if stage.release not in shipped}
    notes = [f"{stage.name}: ships, and is not trained again" for stage in recipe.stages if stage.name not in trained]
    stages = list(estimate(recipe, data_root))
    notes += [f"{stage.name}: {stage.note}" for stage in stages if stage.note]
    learning = [", ".join(f"{part} {count / 1e6:,.2f} M" for part, count in stage.learning.items()) for stage in stages]
    places = {"stage": [stage.name for stage in stages], "kind": [stage.kind for stage in stages]}
    learns = TextColumn("learns", tuple(learning), flows=True)
    numbers = {
        "conversations": [f"{stage.conversations:,}" if stage.conversations else "?" for stage in stages],
        "steps": [f"{stage.steps:,}" if stage.steps else "?" for stage in stages],
        "tokens": ["?" if stage.note else f"{stage.tokens / 1e6:,.1f} M" for stage in stages],
        "memory": [f"{stage.gigabytes:,.1f} GB" for stage in stages],
        "time": ["?" if stage.note else f"{stage.hours:,.1f} h" for stage in stages],
    }
    caption = "Memory and hours are estimates for one device of the recipe's hardware."
    open_console().print(FittingTable((*list_columns(places.items()), learns), list_columns(numbers.items()), caption))
    for note in notes:
        print(note)
