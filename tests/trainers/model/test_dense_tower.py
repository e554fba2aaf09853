"""The dense tower learns what covers each patch, and stands aside for the features that are kept of it."""

from pathlib import Path

import pytest
import torch
from transformers import SiglipVisionConfig, SiglipVisionModel

from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import PATCH_LABELS
from sightscale.trainers.data import KeptPictures, PictureList, keep_pictures
from sightscale.trainers.model import DenseTower, collate_kept
from sightscale.trainers.model.build import build_tokenizer


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> KeptPictures:
    """Four small pictures of shapes, in four patches by four."""
    return keep_pictures(PictureList(("drill/few",), 4, 0), tmp_path_factory.mktemp("kept"), 64, 16)


def tower_for(kept: KeptPictures) -> DenseTower:
    """A small tower with heads for what is kept."""
    torch.manual_seed(0)
    config = SiglipVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=64,
        patch_size=16,
        vision_use_head=False,
    )
    return DenseTower(SiglipVisionModel(config), kept.values, len(PATCH_LABELS))


def test_a_dense_tower_learns_names_and_boxes_by_heart(kept: KeptPictures) -> None:
    heads, batch = tower_for(kept), collate_kept(kept, range(4))
    optimizer = torch.optim.AdamW(heads.parameters(), lr=3e-3)
    first = heads(**batch)["loss"].item()
    for _ in range(120):
        loss = heads(**batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    shares = heads.measure(batch)
    assert loss.item() < first / 4
    assert shares["thing"][0] == shares["colour"][0] == 1.0 and shares["box"][0] > 0.8
    assert shares["thing"][1] == int((batch["patches"][..., 0] > 0).sum())  # where nothing is, nothing counts


def test_a_batch_without_things_has_a_loss_too(kept: KeptPictures) -> None:
    batch = collate_kept(kept, [0])
    batch["boxes"] = torch.full_like(batch["boxes"], torch.nan)
    loss = tower_for(kept)(**batch)["loss"]
    assert torch.isfinite(loss) and "box" not in tower_for(kept).measure(batch)


def test_a_phrase_is_one_token_and_other_text_stays_as_it_is(tmp_path: Path) -> None:
    phrases = ["Answer with the letter.\n", "0.12", "0.34"]
    tokenizer = build_tokenizer(["a red star 2024 Answer with the letter.\n"] * 3, 300, phrases)
    assert len(tokenizer("Answer with the letter.\n").input_ids) == 1
    text = "a blue [0.12, 0.34] 2024 ünï 0.125\nAnswer with the letter.\n"
    assert tokenizer.decode(tokenizer(text).input_ids) == text
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="no room for every byte"):
        build_tokenizer(["a"], 260, phrases)
