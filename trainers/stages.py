"""One stage of training on transformers' Trainer: resumable, logged, with a learning rate for each part.

Trainer and accelerate decide where and in how many processes it runs; a stage only says what it learns from.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonlines
import torch
from torch import nn
from torch.utils.data import Sampler
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sightscale.model_adapters.engines import load_model
from sightscale.trainers.data import IGNORED
from sightscale.trainers.recipe import Part, Recipe, Schedule, Stage
from sightscale.trainers.work_folders import holds_weights

PARTS: dict[Part, tuple[str, ...]] = {
    "vision": ("model.vision_tower.",),
    "connector": ("model.multi_modal_projector.", "model.image_newline"),
    "language": ("model.language_model.", "lm_head."),
}
MEASURED = "measured.jsonl"  # beside the log
MOST_LOADERS = 2  # processes that make batches beside a training process, where rows are ready
LOG_FIELDS = ("loss", "learning_rate", "grad_norm", "epoch")


def part_of(name: str) -> Part:
    """The part of a VLM that the parameter of that name belongs to. Raises UserError for an unknown name."""
    for part, prefixes in PARTS.items():
        if name.startswith(prefixes):
            return part
    raise ValueError(f"parameter {name} belongs to no part of a VLM")


class LengthSorted(Sampler[int]):
    """A seeded order in which each step's rows stand by length, so that the pieces it is cut into need little padding.

    What a step learns from stays a fair draw. Rows grouped by length over many steps would not be: where a
    conversation's form decides its length, each step would see one form alone.
    """

    def __init__(self, lengths: Sequence[int], rows: int, seed: int) -> None:
        """`rows` is how many make one step, over all devices."""
        self.lengths, self.rows, self.seed = lengths, rows, seed

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        order = torch.randperm(len(self.lengths), generator=torch.Generator().manual_seed(self.seed)).tolist()
        for start in range(0, len(order), self.rows):
            yield from sorted(order[start : start + self.rows], key=lambda i: (-self.lengths[i], i))


def weigh_answers(labels: torch.Tensor) -> torch.Tensor:
    """Each learned token's weight (batch × tokens), so that an answer's tokens weigh one together; 0 for all others.

    An answer is an unbroken run of labels: a question stands between two of them.
    """
    learned = labels != IGNORED
    before = torch.nn.functional.pad(learned[:, :-1], (1, 0))
    numbers = (learned & ~before).cumsum(1) * learned  # of the answer in its row, from 1; 0 outside
    counts = torch.zeros(len(labels), int(numbers.max()) + 1, device=labels.device)
    counts = counts.scatter_add(1, numbers, torch.ones_like(numbers, dtype=counts.dtype))
    return learned / counts.gather(1, numbers)


def mean_over_answers(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """The loss in which every answer counts alike: the mean over answers of each one's mean over its tokens.

    `num_items_in_batch` is the number of answers in all the pieces that one step is cut into.
    """
    shifted = labels[:, 1:]
    weights = weigh_answers(shifted)
    learned = weights > 0
    losses = torch.nn.functional.cross_entropy(
        outputs["logits"][:, :-1][learned].float(), shifted[learned], reduction="none"
    )
    answers = weights.sum() if num_items_in_batch is None else num_items_in_batch
    return (losses * weights[learned]).sum() / answers


class StageTrainer(Trainer):
    """Trainer with a learning rate for each part; a step's rows are cut by length when lengths are given.

    With `balanced`, each answer counts alike, else each token does.
    """

    def __init__(
        self, *arguments: Any, rates: Mapping[Part, float], lengths: list[int] | None, balanced: bool, **options: Any
    ) -> None:
        self.rates, self.lengths, self.balanced = rates, lengths, balanced
        if balanced:
            options["compute_loss_func"] = mean_over_answers
        super().__init__(*arguments, **options)

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        if not self.balanced:
            return super()._get_num_items_in_batch(batch_samples, device)
        return torch.stack([weigh_answers(batch["labels"][:, 1:]).sum() for batch in batch_samples]).sum().to(device)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW over the parts that learn; the schedule scales each part's own rate."""
        if self.optimizer is None:
            chosen: Any = self.model if model is None else model
            decayed = set(self.get_decay_parameter_names(chosen))
            groups: dict[tuple[float, float], list[nn.Parameter]] = {}
            for name, parameter in chosen.named_parameters():
                if parameter.requires_grad:
                    rate = self.rates[part_of(name.removeprefix("module."))] if self.rates else self.args.learning_rate
                    decay = self.args.weight_decay if name in decayed else 0.0
                    groups.setdefault((rate, decay), []).append(parameter)
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, chosen)
            listed = [{"params": own, "lr": rate, "weight_decay": decay} for (rate, decay), own in groups.items()]
            self.optimizer = kind(listed, **options)
        return self.optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int] | None:
        if self.lengths is None:
            return super()._get_train_sampler(train_dataset)
        rows = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return LengthSorted(self.lengths, rows, self.args.data_seed or self.args.seed)


class _JsonLog(TrainerCallback):
    """Appends each of Trainer's log entries as a JSON line; a repeated step replaces what stood there."""

    def __init__(
        self, path: Path, stage: str, batch_size: int, measure: Callable[[], dict[str, dict[str, float]]] | None = None
    ) -> None:
        self.path, self.stage, self.batch_size, self.measure = path, stage, batch_size, measure
        self.begun: tuple[float, int] | None = None

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.begun is None:
            self.begun = time.perf_counter(), state.global_step

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if not logs or "loss" not in logs or not state.is_world_process_zero:
            return
        entry = {"stage": self.stage, "step": state.global_step, "of": state.max_steps}
        entry |= {name: float(logs[name]) for name in LOG_FIELDS if name in logs}
        if self.begun is not None:
            seconds = time.perf_counter() - self.begun[0]
            entry["seconds"] = round(seconds, 1)
            entry["rows_per_second"] = round((state.global_step - self.begun[1]) * self.batch_size / seconds, 2)
        with jsonlines.open(self.path, "a") as log:
            log.write(entry)

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **_: Any,
    ) -> None:
        if self.measure and state.is_world_process_zero:
            was_training = model.training
            model.eval()
            measured = self.measure()
            model.train(was_training)
            with jsonlines.open(self.path.with_name(MEASURED), "a") as log:
                log.write({"stage": self.stage, "step": state.global_step, **measured})


def read_log(path: Path) -> list[dict[str, Any]]:
    """The log's entries in order, the later one where a resumed run logged a step again."""
    entries: dict[tuple[str, int], dict[str, Any]] = {}
    if path.is_file():
        with jsonlines.open(path) as log:
            for entry in log.iter(type=dict, skip_invalid=True):  # the last line of a run that was killed
                entries[entry["stage"], entry["step"]] = entry
    return list(entries.values())


def run_stage(
    model: nn.Module,
    stage: Schedule,
    rows: Any,
    collator: Callable[[Any], dict[str, torch.Tensor]],
    *,
    rates: Mapping[Part, float],
    learning_rate: float,
    lengths: list[int] | None,
    checkpointing: bool,
    recipe: Recipe,
    seed: int,
    folder: Path,
    measure: Callable[[], dict[str, dict[str, float]]] | None = None,
) -> Trainer:
    """Train `model` in place over the stage's rows, going on from the folder's last whole checkpoint.

    What `measure` returns is logged with each checkpoint and at the end.

    Raises UserError when the batch can't be cut into equal pieces for the devices there are.
    """
    gpu = torch.cuda.is_available()
    per_device, accumulation = recipe.cut_batch(stage, count_devices())
    steps = stage.steps or max(1, len(rows) // stage.batch_size)
    hardware = recipe.hardware
    bf16 = hardware.precision == "bf16" or (hardware.precision == "auto" and computes_bf16())
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=per_device,
        gradient_accumulation_steps=accumulation,
        learning_rate=learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(stage.warmup * steps),
        weight_decay=stage.weight_decay,
        logging_steps=max(1, min(10, steps // 5)),
        save_steps=max(1, steps // 4 if gpu else min(100, steps // 5)),  # a GPU has done 100 steps in seconds
        save_total_limit=2,
        seed=seed,
        data_seed=seed,
        bf16=bf16,
        use_cpu=not gpu,
        gradient_checkpointing=checkpointing,
        remove_unused_columns=False,
        dataloader_pin_memory=gpu,
        dataloader_num_workers=min(hardware.workers, MOST_LOADERS),
        dataloader_prefetch_factor=8 if hardware.workers else None,
        label_names=["labels"],
        disable_tqdm=False,
        report_to=[],
        max_grad_norm=1.0,
        logging_nan_inf_filter=False,  # it waits for the device at every step, and hides what a log should show
    )
    trainer = StageTrainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=collator,
        callbacks=[_JsonLog(folder.parent / "log.jsonl", stage.name, stage.batch_size, measure)],
        rates=rates,
        lengths=lengths,
        balanced=isinstance(stage, Stage) and stage.balanced,
    )
    last = last_whole_checkpoint(folder)
    if last and isinstance(model, PreTrainedModel):
        # Checkpoints are written under the hub's names. Trainer reads them back without translating these,
        # finds no weight it knows and says nothing; so the weights are put back here.
        model.load_state_dict(load_model(type(model), last, dtype=torch.float32).state_dict())
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    if isinstance(model, PreTrainedModel):
        # Trainer leaves word that there be no cache, which is for training alone and not for what is released.
        vars(model.config).pop("use_cache", None)
    return trainer


def computes_bf16() -> bool:
    """Whether arithmetic in bfloat16 is faster here than in float32: on a GPU, or on CPUs with instructions for it."""
    return torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()


def count_devices() -> int:
    """How many processes train side by side, each on a device of its own."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end, where its state stands, with weights of full length."""
    numbered = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]), reverse=True)
    for path in numbered:
        try:
            json.loads((path / "trainer_state.json").read_text())
        except (OSError, ValueError):
            continue
        if holds_weights(path):
            return path
    return None
