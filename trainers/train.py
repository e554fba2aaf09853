"""Training a recipe: its stages one after the other, each from the weights of the one that it comes after.

The work folder holds one folder a stage: Trainer's checkpoints and, once it is finished, the model in
`STAGE/done`. Running the same recipe in the same folder again goes on where it stopped.
"""

import hashlib
import logging
import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jsonlines
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen3ForCausalLM, SiglipVisionModel

from sightscale.model_adapters.engines import load_model
from sightscale.tasks.errors import UserError
from sightscale.trainers.data import Collator, Mixture, OpenedRows, build_mixture, open_source
from sightscale.trainers.model import (
    TowerWithHeads,
    build_model,
    build_processor,
    collate_pictures,
    open_tokenizer,
)
from sightscale.trainers.recipe import EasyVqa, Mini, Recipe, Stage, TowerStage
from sightscale.trainers.stages import part_of, read_log, run_stage
from sightscale.trainers.work_folders import claim, hold

logger = logging.getLogger(__name__)


def train(recipe: Recipe, work: Path, output: Path, *, data_root: Path = Path()) -> dict[str, Path]:
    """Train `recipe` in the folder `work`, going on from what is there; the folders of released models by name.

    A recipe with one release writes it to `output`, one with several to folders of their names in it.
    Raises UserError when `work` was begun with another recipe or another process trains in it, or when data or a
    part can't be had.
    """
    work.mkdir(parents=True, exist_ok=True)
    with hold(work, wait=False) if os.environ.get("RANK", "0") == "0" else nullcontext():
        claim(
            work / "recipe.json", recipe.model_dump_json(indent=2), "recipe; give another --work folder, or delete it"
        )
        return _train_stages(recipe, work, output, data_root)


def _train_stages(recipe: Recipe, work: Path, output: Path, data_root: Path) -> dict[str, Path]:
    tokenizer = open_tokenizer(recipe, lambda: training_texts(recipe))
    processor = build_processor(recipe, tokenizer)
    model = build_model(recipe, tokenizer)
    released: dict[str, Path] = {}
    releases = [stage.release for stage in recipe.stages if isinstance(stage, Stage) and stage.release]
    before = ""
    for number, stage in enumerate(recipe.stages):
        folder = work / stage.name
        start = stage.after if isinstance(stage, Stage) and stage.after else before
        if start:
            _read_weights(model, work / start / "done")
        if (folder / "done" / "complete").is_file():
            logger.info(f"stage {stage.name}: finished before")
        elif isinstance(stage, TowerStage):
            _train_tower(model, processor, stage, recipe, folder)
        else:
            _train_conversations(model, processor, stage, recipe, recipe.seed + number, folder, data_root)
        if isinstance(stage, Stage) and stage.release:
            _read_weights(model, folder / "done")
            target = output / stage.release if len(releases) > 1 else output
            save_release(model, processor, stage, target)
            released[stage.release] = target
        before = stage.name
    return released


def training_texts(recipe: Recipe) -> list[str]:
    """Texts with the words of the recipe's own data, to train a tokenizer on. Raises UserError without any."""
    packaged: dict[str, set[str]] = {}
    for stage in recipe.stages:
        for ingredient in stage.mixture if isinstance(stage, Stage) else ():
            if isinstance(ingredient, EasyVqa | Mini):
                packaged.setdefault(ingredient.source, set()).update(getattr(ingredient, "sets", ()))
    texts = [text for name, sets in packaged.items() for text in open_source(name).list_texts(sorted(sets))]
    if not texts:
        raise UserError(f"recipe {recipe.name}: a language model from scratch needs the data of easy_vqa or mini")
    return texts


def _train_conversations(
    model: Any, processor: Any, stage: Stage, recipe: Recipe, seed: int, folder: Path, data_root: Path
) -> None:
    """Train the stage's parts of `model` on its mixture, in place."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) in stage.train)
    mixture = build_mixture(stage, seed, recipe.augment, data_root)
    folder.mkdir(parents=True, exist_ok=True)
    bad_rows = folder / "bad_rows.txt"
    rates = recipe.rates(stage)
    logger.info(f"stage {stage.name}: {stage.kind}, learning: {recipe.show_rates(stage)}")
    for line in mixture_report(stage, mixture):
        logger.info(line)
    bad = [str(row) for one in mixture.ingredients for row in one.bad]
    bad_rows.write_text("".join(f"{line}\n" for line in bad))
    rows, collator = OpenedRows(mixture, bad_rows), Collator(processor, recipe.language.context, bad_rows)
    trainer = run_stage(
        model,
        stage,
        rows,
        collator,
        rates=rates,
        learning_rate=max(rates.values()),
        lengths=_lengths(mixture) if stage.group_by_length else None,
        checkpointing=stage.gradient_checkpointing,
        hardware=recipe.hardware,
        seed=seed,
        folder=folder,
    )
    if collator.cut or collator.left_out:
        logger.info(
            f"stage {stage.name}: {collator.cut} conversations were cut to {recipe.language.context} tokens, "
            f"{collator.left_out} left out; {bad_rows} lists those"
        )
    _finish(trainer, folder)


def _train_tower(model: Any, processor: Any, stage: TowerStage, recipe: Recipe, folder: Path) -> None:
    """Train the vision tower of `model` on attributes, in place.

    The tower and what it learns depend on the recipe's vision part, this stage and the seed alone, so recipes
    that share them share the tower: it is kept beside their work folders, with its log.
    """
    key = "\n".join([recipe.vision.model_dump_json(), stage.model_dump_json(), str(recipe.seed)])
    shared = folder.parent.parent / f"tower-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    weights = shared / "tower.safetensors"
    # Of recipes that train side by side, the others wait; of one recipe's own processes, all train.
    with hold(shared, wait=True) if os.environ.get("WORLD_SIZE", "1") == "1" else nullcontext():
        if weights.is_file():
            logger.info(f"stage {stage.name}: {weights} was trained before")
            with jsonlines.open(folder.parent / "log.jsonl", "a") as log:
                log.write_all(read_log(shared / "log.jsonl"))
        else:
            _make_tower(model, processor, stage, recipe, folder, weights)
    model.model.vision_tower.load_state_dict(load_file(weights))
    done = folder / "done"
    model.save_pretrained(done)
    (done / "complete").touch()


def _make_tower(model: Any, processor: Any, stage: TowerStage, recipe: Recipe, folder: Path, weights: Path) -> None:
    """Train a tower like the model's into the file `weights`, and its log beside it."""
    pictures = open_source(stage.data).label(stage, recipe)
    torch.manual_seed(recipe.seed)  # of the tower and the heads
    tower = SiglipVisionModel(model.config.vision_config)
    heads = TowerWithHeads(tower, [len(values) for values in pictures.values.values()], stage.pooling)
    logger.info(f"stage {stage.name}: {stage.steps} steps on {', '.join(pictures.values)}")
    run_stage(
        heads,
        stage,
        pictures,
        lambda rows: collate_pictures(rows, processor.image_processor),
        rates={},
        learning_rate=stage.learning_rate,
        lengths=None,
        checkpointing=False,
        hardware=recipe.hardware,
        seed=recipe.seed,
        folder=folder,
    )
    learnt = [entry for entry in read_log(folder.parent / "log.jsonl") if entry["stage"] == stage.name]
    weights.parent.mkdir(exist_ok=True)
    partial = weights.with_suffix(f".{os.getpid()}.partial")
    with jsonlines.open(partial, "w") as log:
        log.write_all(learnt)
    partial.rename(weights.with_name("log.jsonl"))
    save_file({name: tensor.contiguous() for name, tensor in tower.state_dict().items()}, partial)
    partial.rename(weights)


def mixture_report(stage: Stage, mixture: Mixture) -> list[str]:
    """What a stage will learn from, a line for each source and one for their sum."""
    lines = []
    for name, usable, drawn, bad in mixture.report():
        spoiled = f", {bad:,} bad rows" if bad else ""
        passes = f"{drawn / usable:.2f} passes over {usable:,} rows" if usable else "no rows"
        lines.append(f"  {name}: {drawn:,} conversations, {passes}{spoiled}")
    return [*lines, f"  in all: {len(mixture):,} conversations, {len(mixture) // stage.batch_size:,} steps"]


def _lengths(mixture: Mixture) -> list[int]:
    """Each conversation's length in characters, which sorts them nearly as tokens would."""
    return [sum(len(part) for turn in mixture[i].turns for part in turn) for i in range(len(mixture))]


def _finish(trainer: Any, folder: Path) -> None:
    """Keep a stage's model, whole or not at all."""
    done = folder / "done"
    trainer.save_model(str(done))
    if trainer.is_world_process_zero():
        (done / "complete").touch()
        for checkpoint in folder.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)


def _read_weights(model: Any, done: Path) -> None:
    model.load_state_dict(load_model(type(model), done, dtype=torch.float32).state_dict())


def save_release(model: Any, processor: Any, stage: Stage, output: Path) -> None:
    """Write a stage's model: a language model after a text stage, else the whole VLM, in bfloat16 safetensors."""
    if stage.kind != "text":
        save_model(model, processor, output)
        return
    reader: Any = Qwen3ForCausalLM(model.config.text_config)
    reader.model.load_state_dict(model.model.language_model.state_dict())
    reader.lm_head.load_state_dict(model.lm_head.state_dict())
    reader.generation_config = model.generation_config
    reader.to(torch.bfloat16).save_pretrained(output)
    processor.tokenizer.save_pretrained(output)


def save_model(model: Any, processor: Any, output: Path) -> None:
    """Write the model in bfloat16 safetensors, with the tower under the hub's older names, which vLLM reads."""
    output.mkdir(parents=True, exist_ok=True)
    weights = output / "model.safetensors"
    tied = model.config.text_config.tie_word_embeddings  # then the output head is the input embedding, kept once
    tensors = {name: tensor for name, tensor in model.state_dict().items() if not (tied and name == "lm_head.weight")}
    state = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    type(model)(model.config).to(torch.bfloat16).save_pretrained(output, state_dict=state)
    model.generation_config.save_pretrained(output)
    processor.save_pretrained(output)
    if not weights.is_file():  # too large for one file, so under the names of today
        return
    renamed = {
        name
        if name.startswith("vision_tower.vision_model.")
        else name.replace("vision_tower.", "vision_tower.vision_model.", 1): tensor
        for name, tensor in load_file(weights).items()
    }
    save_file(renamed, weights, metadata={"format": "pt"})
