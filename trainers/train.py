"""Training a recipe: its stages one after the other on transformers' Trainer, resumable, logged, seeded.

The work folder holds one folder a stage with Trainer's checkpoints, and a finished stage's weights in
`STAGE/done`. Running the same recipe in the same folder again goes on where it stopped.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    LlavaForConditionalGeneration,
    LlavaProcessor,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint

from sightscale.trainers.batches import collate
from sightscale.trainers.build import build_model, build_processor, build_tokenizer
from sightscale.trainers.conversations import EasyVqaConversations
from sightscale.trainers.recipe import Recipe, Schedule, Stage
from sightscale.trainers.tower import LabelledPictures, TowerWithHeads, collate_pictures

PARTS = {"vision": "model.vision_tower", "connector": "model.multi_modal_projector", "language": "model.language_model"}


class _JsonLog(TrainerCallback):
    """Appends each of Trainer's log entries as a JSON line: stage, step, loss, learning rate, tokens."""

    def __init__(self, path: Path, stage: str) -> None:
        self.path, self.stage, self.start = path, stage, time.perf_counter()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if logs and "loss" in logs:
            entry = {"stage": self.stage, "step": state.global_step, "of": state.max_steps, **logs}
            entry["seconds"] = round(time.perf_counter() - self.start, 1)
            with self.path.open("a") as file:
                file.write(json.dumps(entry) + "\n")


def train(recipe: Recipe, work: Path, output: Path) -> None:
    """Train `recipe` in the folder `work`, going on from what is there, and write the model to `output`.

    Raises ValueError when `work` was begun with another recipe.
    """
    work.mkdir(parents=True, exist_ok=True)
    _claim(work, recipe)
    vocabulary = EasyVqaConversations(1, 1, {"open": 1.0}, recipe.seed).texts()
    tokenizer = build_tokenizer(vocabulary, recipe.language.vocabulary)
    processor = build_processor(recipe, tokenizer)
    model = build_model(recipe, tokenizer)
    schedules: list[Schedule] = [*([recipe.tower] if recipe.tower else []), *recipe.stages]
    for number, stage in enumerate(schedules):
        folder = work / f"{number}-{stage.name}"
        done = folder / "done" / "model.safetensors"
        if done.is_file():
            print(f"stage {stage.name}: finished before, its weights are read from {done.parent}")
        else:
            print(f"stage {stage.name}: {stage.steps} steps")
            if isinstance(stage, Stage):
                run_stage(model, processor, stage, recipe, recipe.seed + number, folder)
            else:
                run_tower_stage(model, processor, stage, recipe, recipe.seed + number, folder)
            done.parent.mkdir(parents=True, exist_ok=True)
            partial = done.with_suffix(".partial")
            save_file({name: tensor.contiguous() for name, tensor in _own_weights(model).items()}, partial)
            partial.rename(done)
        model.load_state_dict(load_file(done), strict=False)
        model.tie_weights()
    save_model(model, processor, output)


def run_stage(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    stage: Stage,
    recipe: Recipe,
    seed: int,
    folder: Path,
) -> None:
    """Train the stage's parts of `model` on conversations, in place."""
    for part, prefix in PARTS.items():
        model.get_submodule(prefix).requires_grad_(part in stage.train)
    size = stage.steps * stage.batch_size
    conversations = EasyVqaConversations(size, stage.turns, stage.mixture, seed, recipe.augment)
    _fit(model, stage, conversations, lambda rows: collate(rows, processor), seed, folder)


def run_tower_stage(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    stage: Schedule,
    recipe: Recipe,
    seed: int,
    folder: Path,
) -> None:
    """Train the vision tower of `model` on the pictures' attributes, in place."""
    pictures = LabelledPictures(stage.steps * stage.batch_size, seed, recipe.augment)
    torch.manual_seed(seed)  # of the heads
    heads = TowerWithHeads(model.model.vision_tower, [len(values) for values in pictures.values.values()])
    _fit(heads, stage, pictures, lambda rows: collate_pictures(rows, processor), seed, folder)


def _fit(
    model: nn.Module,
    stage: Schedule,
    rows: Any,
    collator: Callable[[Any], dict[str, torch.Tensor]],
    seed: int,
    folder: Path,
) -> None:
    """Run transformers' Trainer over the stage, going on from the folder's last checkpoint."""
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=stage.steps,
        per_device_train_batch_size=stage.batch_size,
        learning_rate=stage.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(stage.warmup * stage.steps),
        weight_decay=stage.weight_decay,
        logging_steps=10,
        save_steps=max(1, min(100, stage.steps // 5)),
        save_total_limit=1,
        seed=seed,
        data_seed=seed,
        bf16=torch.cuda.is_available(),
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        label_names=["labels"],
        disable_tqdm=False,
        report_to=[],
        dataloader_num_workers=0,
        max_grad_norm=1.0,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=collator,
        callbacks=[_JsonLog(folder.parent / "log.jsonl", stage.name)],
    )
    last = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    if last and isinstance(model, LlavaForConditionalGeneration):
        # Checkpoints are written under the hub's names. Trainer reads them back without translating these,
        # finds no weight it knows and says nothing; so the weights are put back here.
        model.load_state_dict(LlavaForConditionalGeneration.from_pretrained(last, dtype=torch.float32).state_dict())
    trainer.train(resume_from_checkpoint=last)


def save_model(model: LlavaForConditionalGeneration, processor: LlavaProcessor, output: Path) -> None:
    """Write the model in bfloat16 safetensors, with the tower under the hub's older names, which vLLM reads."""
    output.mkdir(parents=True, exist_ok=True)
    trained: Any = model
    trained.to(torch.bfloat16).save_pretrained(output)
    processor.save_pretrained(output)
    weights = output / "model.safetensors"
    renamed = {
        name
        if name.startswith("vision_tower.vision_model.")
        else name.replace("vision_tower.", "vision_tower.vision_model.", 1): tensor
        for name, tensor in load_file(weights).items()
    }
    save_file(renamed, weights, metadata={"format": "pt"})


def _own_weights(model: LlavaForConditionalGeneration) -> dict[str, torch.Tensor]:
    """The state without the output head, which is the input embedding."""
    return {name: tensor for name, tensor in model.state_dict().items() if name != "lm_head.weight"}


def _claim(work: Path, recipe: Recipe) -> None:
    mark = work / "recipe.json"
    wanted = recipe.model_dump_json(indent=2)
    if mark.is_file() and mark.read_text() != wanted:
        raise ValueError(f"{work} was begun with another recipe; give another --work folder, or delete it")
    mark.write_text(wanted)
