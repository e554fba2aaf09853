"""Hostile sanity: what a tower learns comes from its pictures; with their labels shuffled it learns nothing of them."""

import random
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import SiglipVisionModel

from sightscale.trainers.data import open_source
from sightscale.trainers.data.sources import LabelledPicture
from sightscale.trainers.model import TowerWithHeads, build_processor, collate_pictures
from sightscale.trainers.model.build import _vision_config
from sightscale.trainers.recipe import TowerStage, load_recipe
from sightscale.trainers.stages import run_stage
from sightscale.trainers.train import list_phrases, open_tokenizer, training_texts

STEPS, BATCH, ASKED = 200, 32, 400


class Shuffled:
    """The same pictures, each with the labels of another one."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows
        self.of = random.Random(1).sample(range(len(rows)), len(rows))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> LabelledPicture:
        return replace(self.rows[i], labels=self.rows[self.of[i]].labels)


@pytest.mark.slow
def test_shuffled_labels_teach_nothing_and_true_ones_do(tmp_path: Path) -> None:
    recipe = load_recipe("easy_vqa_nano")
    stage = recipe.stages[0].model_copy(update={"steps": STEPS, "batch_size": BATCH, "learning_rate": 1e-3})
    assert isinstance(stage, TowerStage)
    recipe = recipe.model_copy(
        update={"stages": (stage, *recipe.stages[1:]), "augment": False, "vision": recipe.vision}
    )
    tokenizer = open_tokenizer(recipe, lambda: training_texts(recipe), list_phrases(recipe))
    collate = partial(collate_pictures, image_processor=build_processor(recipe, tokenizer).image_processor)
    rows: Any = open_source(stage.data).label(stage, recipe)
    colour = list(rows.values).index("colour")
    held_out = collate([rows[i] for i in range(len(rows) - ASKED, len(rows))])
    learnt = list(range(len(rows) - ASKED))
    rights = {}
    for name, given in (("true", rows), ("shuffled", Shuffled(rows))):
        torch.manual_seed(0)
        tower = SiglipVisionModel(_vision_config(recipe.vision))
        heads = TowerWithHeads(tower, [len(values) for values in rows.values.values()], stage.pooling)
        run_stage(
            heads,
            stage,
            torch.utils.data.Subset(given, learnt),
            collate,
            rates={},
            learning_rate=stage.learning_rate,
            lengths=None,
            checkpointing=False,
            recipe=recipe,
            seed=0,
            folder=tmp_path / name / "tower",
        )
        heads.eval()
        with torch.no_grad():
            patches = tower(held_out["pixel_values"]).last_hidden_state
            guesses = heads.heads[colour](patches.mean(1)).argmax(-1)
        truth = held_out["attribute_labels"][:, colour]
        known = truth >= 0
        rights[name] = (guesses[known] == truth[known]).float().mean().item()
        # What always saying one colour gets, and three standard errors: the most that chance can explain.
        commonest = truth[known].bincount().max().item() / known.sum().item()
        chance = commonest + 3 * (commonest * (1 - commonest) / known.sum().item()) ** 0.5
    assert rights["shuffled"] < chance, rights
    assert rights["true"] > 2 * chance, rights
