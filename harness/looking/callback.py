"""The callback: a looker for transformers' Trainer and its subclasses, such as TRL's SFTTrainer."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sightscale.harness.looking.figure import draw_looks
from sightscale.harness.looking.looker import Looker
from sightscale.harness.looking.looks import FOLDER
from sightscale.harness.pages import save_figure
from sightscale.tasks.errors import UserError

logger = logging.getLogger(__name__)


class LookingCallback(TrainerCallback):
    """Looks at the model while it trains: `Trainer(…, callbacks=[LookingCallback(["in_domain_gqa"], "mini")])`.

    Looks and records go to `looking` in the training's output folder, and numbers to the Trainer's history; after
    `attach`, also to TensorBoard or wherever else it reports. The figure `does_it_still_look` is written at the end.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        data: str = "hub",
        every: int = 100,
        until: str = "width<20",
        *,
        processor: Any = None,
        **options: Any,
    ) -> None:
        """Takes the options of `Looker`. `processor` is needed if the Trainer has none."""
        self.looker = Looker(tasks, data, every, until, **options)
        self.processor = processor
        self._trainer: Any = None

    def attach(self, trainer: Any) -> "LookingCallback":
        """Log through this Trainer: to TensorBoard, Weights & Biases, or wherever else it reports."""
        self._trainer = trainer
        return self

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the clock. Raises UserError if no process holds the whole model."""
        if getattr(args, "fsdp", None) or getattr(args, "deepspeed", None):
            raise UserError(
                "FSDP and DeepSpeed split the weights among processes, but a look needs them all in one; "
                "leave the callback out"
            )
        if self.looker.output is None:
            self.looker.output = Path(str(args.output_dir)) / FOLDER
        self.looker.begin()

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        processing_class: Any = None,
        **_: Any,
    ) -> None:
        """Look if a look is due. Only the first process looks, and all of them stop together."""
        if not self.looker.is_due(state.global_step):
            return
        ends = False
        if state.is_world_process_zero:
            processor = self.processor if self.processor is not None else processing_class
            if processor is None:
                raise UserError("the Trainer has no processor; give it processing_class, or LookingCallback processor")
            look = self.looker.step(state.global_step, model, processor, state.epoch)
            if look is not None:
                self._log(look.as_logs(), state, control)
                ends = bool(look.stop)
        if args.world_size > 1:
            word = torch.tensor([int(ends)], device=args.device)
            torch.distributed.broadcast(word, 0)
            ends = bool(word.item())
        if ends:
            control.should_training_stop = True

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Draw the looks, and log how much of the time they took."""
        if not state.is_world_process_zero:
            return
        share, looks = self.looker.time, self.looker.looks
        message = f"{len(looks)} looks took {100 * share.taken:.1f} % of {share.elapsed:,.0f} s"
        logger.info(message + (f"; there was no time for {self.looker.skipped} more" if self.looker.skipped else ""))
        if looks and self.looker.output is not None:
            save_figure(draw_looks(looks), self.looker.output, (".svg", ".png"))

    def _log(self, numbers: dict[str, float], state: TrainerState, control: TrainerControl) -> None:
        if self._trainer is None:
            epoch = {} if state.epoch is None else {"epoch": state.epoch}
            state.log_history.append({**numbers, **epoch, "step": state.global_step})
            return
        pending = control.should_log  # our log would otherwise count as the one that is due
        self._trainer.log(dict(numbers))
        control.should_log = pending
