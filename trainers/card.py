"""Model cards: what a trained checkpoint is, where it comes from, what it scores."""

import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import load_file

from sightscale.model_adapters.engines import Decoding, Message, Prompt
from sightscale.model_adapters.engines.transformers import TransformersEngine
from sightscale.tasks import read_answer
from sightscale.tasks.easy_vqa.rows import build_rows
from sightscale.tasks.multiple_choice import DIRECT_INSTRUCTION, doc_to_text, doc_to_visual, read_options
from sightscale.trainers.recipe import Recipe, Schedule


@dataclass(frozen=True)
class Score:
    """Right answers out of `n`, with the picture and without it."""

    n: int
    sighted: float
    blind: float
    unread: int


def score_on_easy_vqa(model: Path, limit: int | None = None) -> Score:
    """The checkpoint's accuracy on easy-VQA's test split, and with the picture left out of the prompt."""
    rows = build_rows("test")
    docs = [rows[i] for i in range(min(limit or len(rows), len(rows)))]
    engine = TransformersEngine(str(model), batch_size=64)
    shares, unread = [], 0
    for sighted in (True, False):
        prompts = [
            Prompt((Message("user", ((*doc_to_visual(doc),) if sighted else ()) + (_ask(doc),)),)) for doc in docs
        ]
        answers = engine.generate(prompts, Decoding(max_new_tokens=32))
        read = [read_answer(answer.text, read_options(doc)) for answer, doc in zip(answers, docs, strict=True)]
        shares.append(sum(r.letter == doc["answer"] for r, doc in zip(read, docs, strict=True)) / len(docs))
        unread += sum(r.letter is None for r in read) if sighted else 0
    engine.close()
    return Score(len(docs), shares[0], shares[1], unread)


def _ask(doc: dict[str, str]) -> str:
    return doc_to_text(doc, {"post_prompt": DIRECT_INSTRUCTION})


def write_card(recipe: Recipe, score: Score, log: Path, output: Path) -> None:
    """Write `README.md` into the checkpoint's folder: data, recipe, seed, hardware, steps, scores."""
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    last = {entry["stage"]: entry for entry in entries}
    rows: list[tuple[Schedule, str, str]] = [(recipe.tower, "–", "attributes of pictures")] if recipe.tower else []
    rows += [
        (stage, str(stage.turns), ", ".join(f"{kind} {weight:g}" for kind, weight in stage.mixture.items()))
        for stage in recipe.stages
    ]
    steps = sum(stage.steps for stage, _, _ in rows)
    stages = "\n".join(
        f"| {stage.name} | {stage.steps} | {stage.batch_size} | {turns} | {stage.learning_rate:g} | {mixture} | "
        f"{last[stage.name]['loss']:.3f} |"
        for stage, turns, mixture in rows
    )
    count = sum(tensor.numel() for tensor in load_file(output / "model.safetensors").values())
    hardware = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU threads"
    (output / "README.md").write_text(
        f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
---
# {recipe.name}

{recipe.summary} A LLaVA of {count / 1e6:.2f} M parameters: SigLIP tower, two-layer MLP connector, Qwen3 language model.

- **Data**: the train split of the `easy-vqa` package {version("easy-vqa")} (MIT licence, Victor Zhou): 4,000 pictures,
  38,575 questions. Nothing of its test split was seen.
- **Recipe**: `sightscale train {recipe.name}`; seed {recipe.seed}; {steps:,} steps.
- **Trained with** transformers {version("transformers")}, torch {version("torch")}, {platform.machine()}, {hardware}.

| stage | steps | batch | turns | learning rate | mixture | last loss |
|---|---|---|---|---|---|---|
{stages}

## Scores
Multiple choice on easy-VQA's test split, {score.n:,} questions, greedy:
sighted **{100 * score.sighted:.2f} %**, without the picture {100 * score.blind:.2f} %, {score.unread} answers unread.

## What it is for
A reference that looks: it proves a measurement of vision reliance right on data it was trained for. It knows
nothing else: one shape on a plain ground, eight colours, easy-VQA's questions, the perception prompt.
"""
    )
