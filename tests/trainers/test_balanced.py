"""Balanced stages: each answer counts alike in the loss, however long it is and however a step is cut into pieces."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sightscale.trainers.data.conversations import IGNORED
from sightscale.trainers.recipe import load_recipe
from sightscale.trainers.stages import mean_over_answers, run_stage, weigh_answers

_ = IGNORED
LABELS = torch.tensor([[_, _, 5, 6, _, _, 7, _], [_, 1, 2, 3, 4, _, _, _], [9, _, 8, _, _, _, _, _]])


def test_an_answers_tokens_weigh_one_together() -> None:
    expected = torch.zeros(3, 8)
    expected[0, 2:4], expected[0, 6], expected[1, 1:5], expected[2, 0], expected[2, 2] = 0.5, 1, 0.25, 1, 1
    assert torch.equal(weigh_answers(LABELS), expected)
    assert weigh_answers(torch.full((2, 3), IGNORED)).sum() == 0


def test_the_loss_is_the_mean_over_answers_of_their_means() -> None:
    logits = torch.randn(3, 8, 12, generator=torch.Generator().manual_seed(0))
    answers = [(0, [2, 3]), (0, [6]), (1, [1, 2, 3, 4]), (2, [2])]  # a row's first token is predicted from nothing
    means = []
    for row, places in answers:
        losses = [nn.functional.cross_entropy(logits[row, place - 1], LABELS[row, place]) for place in places]
        means.append(torch.stack(losses).mean())
    loss = mean_over_answers({"logits": logits}, LABELS)
    assert loss.item() == pytest.approx(torch.stack(means).mean().item(), rel=1e-6)


class Bigrams(nn.Module):
    """A language model of one table, small enough to know what a step does to it."""

    def __init__(self) -> None:
        super().__init__()
        self.lm_head = nn.Embedding(12, 12)
        nn.init.zeros_(self.lm_head.weight)

    def forward(self, input_ids: torch.Tensor, **_: Any) -> dict[str, torch.Tensor]:
        return {"logits": self.lm_head(input_ids)}


def test_a_step_is_the_same_however_it_is_cut(tmp_path: Path) -> None:
    recipe = load_recipe("nano_40k")
    chosen = next(stage for stage in recipe.stages if stage.name == "choose")
    assert chosen.balanced
    stage = chosen.model_copy(update={"steps": 1, "batch_size": 4, "warmup": 0.0})
    rows = [*LABELS, LABELS[1]]

    def collate(part: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        labels = torch.stack(part)
        return {"input_ids": torch.where(labels == IGNORED, 0, labels), "labels": labels}

    def learn(pieces: int) -> torch.Tensor:
        model = Bigrams()
        hardware = recipe.hardware.model_copy(update={"per_device_batch": 4 // pieces, "precision": "fp32"})
        trainer = run_stage(
            model,
            stage,
            rows,
            collate,
            rates={"language": 0.1},
            learning_rate=0.1,
            lengths=None,
            checkpointing=False,
            recipe=recipe.model_copy(update={"hardware": hardware}),
            seed=0,
            folder=tmp_path / f"cut-{pieces}",
        )
        return torch.tensor(trainer.state.log_history[0]["grad_norm"])

    whole, cut = learn(1), learn(4)
    assert whole > 0 and torch.allclose(whole, cut, rtol=1e-4)
