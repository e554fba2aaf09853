"""Model cards: what a trained checkpoint is, where it comes from, what it scores."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors import safe_open

from sightscale.tasks.errors import UserError, blaming
from sightscale.trainers.recipe import HubFiles, Recipe, Source, Stage, TowerStage
from sightscale.trainers.stages import MEASURED, read_log

SET_UPS = "trained_with.txt"  # beside the log
LOOKING = "looking.png"  # beside a card whose stage was measured with and without pictures
SCORES, UNSCORED, PURPOSE = "## Scores", "Not scored when this card was written.", "## What it is for"  # of a card


@dataclass(frozen=True)
class TaskScore:
    """One task's score with the pictures and without them, in [0, 1], and their paired difference.

    Each is the value and the ends of its interval.
    """

    task: str
    n: int
    sighted: tuple[float, float, float]
    blind: tuple[float, float, float]
    reliance: tuple[float, float, float]
    unread: int


def lineage(recipe: Recipe, release: str) -> list[TowerStage | Stage]:
    """The stages that a released model went through, in order. Raises UserError for an unknown release."""
    by_name = {stage.name: stage for stage in recipe.stages}
    before = dict(zip([stage.name for stage in recipe.stages][1:], recipe.stages, strict=False))
    stages = [stage for stage in recipe.stages if stage.release == release]
    if not stages:
        raise UserError(f"recipe {recipe.name} releases no {release!r}")
    chain: list[TowerStage | Stage] = [stages[0]]
    while True:
        last = chain[-1]
        earlier = by_name[last.after] if isinstance(last, Stage) and last.after else before.get(last.name)
        if earlier is None:
            return chain[::-1]
        chain.append(earlier)


def note_set_up(work: Path) -> None:
    """Note in a work folder with what it is trained here, once for each set-up that it was trained with."""
    hardware = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU thread(s)"
    here = f"transformers {version('transformers')}, torch {version('torch')}, {platform.machine()}, {hardware}"
    known = read_set_ups(work / SET_UPS)
    if here not in known:
        (work / SET_UPS).write_text("".join(f"{line}\n" for line in (*known, here)))


def read_set_ups(path: Path) -> list[str]:
    """With what a recipe was trained: a line for each set-up. Nothing where no training noted it."""
    return path.read_text().splitlines() if path.is_file() else []


def count_weights(folder: Path) -> int:
    """Parameters in a folder's safetensors files."""
    count = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as weights:
            for name in weights.keys():  # noqa: SIM118, it is no mapping
                size = 1
                for side in weights.get_slice(name).get_shape():
                    size *= side
                count += size
    return count


def write_card(
    recipe: Recipe,
    release: str,
    log: Path,
    scores: Sequence[TaskScore],
    output: Path,
    curve: str | None = None,
    scored_as: str = "end to end",
) -> None:
    """Write `README.md` into a checkpoint's folder: data, recipe, seed, hardware, stages, scores."""
    stages = lineage(recipe, release)
    last = {entry["stage"]: entry for entry in read_log(log)}
    text_only = isinstance(stages[-1], Stage) and stages[-1].kind == "text"
    tower_only = isinstance(stages[-1], TowerStage)
    if tower_only:
        architecture, tag = "A SigLIP vision tower", "image-feature-extraction"
    elif text_only:
        architecture, tag = "A Qwen3 language model", "text-generation"
    else:
        architecture, tag = "SigLIP tower, two-layer MLP connector, Qwen3 language model", "image-text-to-text"
    summary = f"The vision tower that `{recipe.name}`, and every recipe with the same one, begins from."
    picture = f"\n![Loss of each stage]({curve})\n" if curve else ""
    lines = [
        "---",
        "license: apache-2.0",
        "library_name: transformers",
        f"pipeline_tag: {tag}",
        "---",
        f"# {release}",
        "",
        f"{summary if tower_only else recipe.summary} {architecture}, {count_weights(output) / 1e6:.2f} M parameters.",
        "",
        f"- **Recipe**: `sightscale train {recipe.name}`; seed {recipe.seed}.",
        f"- **Trained with** {'; and with '.join(read_set_ups(log.with_name(SET_UPS)))}.",
        "- **Test data**: nothing of a test split was seen.",
        "",
        "| stage | kind | steps | batch | learning rates | data | last loss |",
        "|---|---|---|---|---|---|---|",
        *(_stage_row(recipe, stage, last.get(stage.name, {}).get("loss")) for stage in stages),
        picture,
        *_held_out(log.with_name(MEASURED), stages[-1].name),
        *([] if tower_only else _scored(scores, scored_as)),
        PURPOSE,
        "A part to train language models on: what its heads named is thrown away, and it answers nothing."
        if tower_only
        else "A reference for checking measurements: it answers what it was trained for, and knows nothing else.",
        "",
    ]
    (output / "README.md").write_text("\n".join(lines))


def renew_scores(folder: Path, scores: Sequence[TaskScore], scored_as: str) -> None:
    """Put scores in place of those, or of the want of any, on the card in a checkpoint's folder.

    Raises UserError where the card has no such place.
    """
    card = folder / "README.md"
    with blaming(card, "read"):
        text = card.read_text()
    starts = [text.find(f"\n{mark}\n") for mark in (SCORES, UNSCORED)]
    start, end = max(starts), text.find(f"\n{PURPOSE}\n")
    if not 0 <= start < end:
        raise UserError(f"{card} isn't a card of `sightscale train`: it has no place for scores before {PURPOSE!r}")
    card.write_text(text[: start + 1] + "\n".join(_scored(scores, scored_as)) + text[end:])


def _scored(scores: Sequence[TaskScore], scored_as: str) -> list[str]:
    if not scores:
        return [UNSCORED, ""]
    return [
        SCORES,
        f"Scored {scored_as}, greedy; per cent with 95 % intervals clustered by picture; blind is without the picture, "
        "reliance the paired difference.",
        "",
        "| task | questions | sighted | blind | reliance | unread |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one.task} | {one.n:,} | {_percent(one.sighted)} | {_percent(one.blind)} | "
            f"{_percent(one.reliance, '+')} | {one.unread} |"
            for one in scores
        ),
        "",
    ]


def _held_out(measured: Path, stage: str) -> list[str]:
    """The stage's last measures on held-out items of the train split, and after which step; nothing without any."""
    entries = [entry for entry in read_log(measured) if entry["stage"] == stage]
    if not entries:
        return []
    last = entries[-1]
    right: Mapping[str, float] = last["held_out"]
    blind: Mapping[str, float] = last.get("held_out_blind", {})
    columns = {"right": right} | ({"without the picture": blind} if blind else {})
    pictures = ", with their pictures and without" if blind else ""
    return [
        "## Held out",
        f"What was right after step {last['step']:,}, per cent, on items of the train split that it didn't learn "
        f"from{pictures}.",
        "",
        f"| what | {' | '.join(columns)} |",
        f"|---|{'---|' * len(columns)}",
        *(f"| {what} | {' | '.join(_share(shares.get(what)) for shares in columns.values())} |" for what in right),
        "",
        *([f"![Does it still look?]({LOOKING})", ""] if blind else []),
    ]


def _share(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _stage_row(recipe: Recipe, stage: TowerStage | Stage, loss: float | None) -> str:
    ended = f"{loss:.3f}" if loss is not None else "–"
    if isinstance(stage, TowerStage):
        what = "each patch" if stage.pooling == "dense" else "attributes"
        data, rates = f"{what}, {stage.data}", f"vision {stage.learning_rate:g}"
    else:
        data = "; ".join(_source(one) for one in stage.mixture)
        rates = recipe.show_rates(stage)
    return f"| {stage.name} | {stage.kind} | {stage.steps or '–'} | {stage.batch_size} | {rates} | {data} | {ended} |"


def _source(source: Source) -> str:
    if isinstance(source, HubFiles):
        return f"{source.dataset} at {source.revision}" + (f" ({', '.join(source.files)})" if source.files else "")
    forms = getattr(source, "forms", None)
    if forms is None:
        return ", ".join(getattr(source, "files", ()))
    mixed = ", ".join(f"{form} {weight:g}" for form, weight in forms.items())
    worded = "; options answered by their texts" if getattr(source, "worded", False) else ""
    return f"{getattr(source, 'source', '')} ({mixed}{worded})"


def _percent(score: tuple[float, float, float], sign: str = "") -> str:
    value, low, high = (format(100 * one, f"{sign}.1f") for one in score)
    return f"**{value}** [{low}, {high}]"
