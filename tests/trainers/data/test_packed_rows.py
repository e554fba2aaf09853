"""Packed rows are what the collator would have made of the conversations, whoever encodes them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sightscale.tasks.errors import UserError
from sightscale.trainers.data import (
    Collator,
    Conversation,
    KeptFeatures,
    Mixture,
    OpenedRows,
    PackedCollator,
    PictureList,
    build_mixture,
    name_rows,
    pack_rows,
)
from sightscale.trainers.data.worker_processes import map_in_processes
from sightscale.trainers.model import build_processor, open_tokenizer
from sightscale.trainers.recipe import Mini, Recipe, Stage
from sightscale.trainers.train import can_pack, list_phrases, training_texts

MIXED = Stage(
    name="mixed",
    kind="instruct",
    train={"language": 1e-3},
    steps=25,
    batch_size=4,
    mixture=(
        Mini(source="mini", sets=("in_domain/GQA",), items=5, turns=3, forms={"choice": 1.0, "open": 1.0}),
        Mini(source="mini", sets=("nights",), items=3, forms={"similar": 1.0}),
        Mini(source="mini", sets=("in_domain/VQAv2",), forms={"bind": 1.0}),
    ),
)
FEATURES = 4


@pytest.fixture(scope="module")
def processor() -> object:
    """A processor with a small tokenizer, whose pictures are four tokens."""
    recipe = Recipe.model_validate(
        {
            "name": "packed",
            "summary": "a test",
            "vision": {
                "image_size": 32,
                "patch_size": 16,
                "hidden_size": 8,
                "intermediate_size": 8,
                "layers": 1,
                "heads": 1,
            },
            "language": {
                "vocabulary": 400,
                "hidden_size": 8,
                "intermediate_size": 8,
                "layers": 1,
                "heads": 1,
                "key_value_heads": 1,
                "head_size": 8,
            },
            "stages": [MIXED.model_dump()],
        }
    )
    return build_processor(recipe, open_tokenizer(recipe, lambda: training_texts(recipe), list_phrases(recipe)))


def features_of(pictures: PictureList) -> np.ndarray:
    """Features by which each picture of a list is known."""
    count = pictures.place(pictures.items)
    return np.random.default_rng(pictures.items).normal(size=(count, FEATURES, 2)).astype(np.float16)


@pytest.mark.parametrize("workers", [0, 2])
def test_packed_rows_make_the_batches_that_the_collator_makes(tmp_path: Path, processor: object, workers: int) -> None:
    mixture: Mixture = build_mixture(MIXED, 1, False, Path())
    lists = [
        PictureList(source.sets, source.items, 0)
        for source in MIXED.mixture
        if isinstance(source, Mini) and source.items
    ]
    kept = KeptFeatures({pictures: features_of(pictures) for pictures in lists})
    collator = Collator(processor, 1024, kept=kept)

    def encode(conversation: Conversation) -> tuple[list[int], list[int]]:
        return collator.encode(conversation, [FEATURES] * len(conversation.pictures))

    rows = pack_rows(mixture, encode, lists, tmp_path / "rows", workers)
    assert len(rows) == len(mixture) == 100
    packed = PackedCollator(collator.tokenizer.pad_token_id, [kept.lists[pictures] for pictures in lists])
    opened = OpenedRows(mixture, tmp_path / "bad.txt", True)
    numbers = range(7, 31)
    made, expected = packed([rows[i] for i in numbers]), collator([opened[i] for i in numbers])
    assert made.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(made[name], tensor), name
    assert rows.lengths[7:31] == expected["attention_mask"].sum(1).tolist()
    again = pack_rows(mixture, None, lists, tmp_path / "rows", 0)  # type: ignore[arg-type]  # nothing is encoded again
    assert again.lengths == rows.lengths


def test_a_cut_file_of_rows_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    mixture = build_mixture(MIXED, 1, False, Path())
    lists = [
        PictureList(source.sets, source.items, 0)
        for source in MIXED.mixture
        if isinstance(source, Mini) and source.items
    ]
    rows = pack_rows(mixture, lambda row: ([1, 2], [0, 1]), lists, folder, 0)
    (folder / "ids.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"ids\.npy is cut or damaged; delete"):
        rows[0]


def test_rows_are_named_by_all_that_decides_them() -> None:
    names = {name_rows("stage", 0, 512, "t"), name_rows("stage", 1, 512, "t"), name_rows("stage", 0, 513, "t")}
    assert len(names | {name_rows("other", 0, 512, "t"), name_rows("stage", 0, 512, "u")}) == 5


def test_only_rows_of_listed_pictures_or_none_are_packed() -> None:
    assert can_pack(MIXED)
    drawn = MIXED.mixture[0].model_copy(update={"items": None})
    assert not can_pack(MIXED.model_copy(update={"mixture": (drawn,)}))
    assert not can_pack(MIXED.model_copy(update={"train": {"vision": 1e-3}}))


def test_results_of_several_processes_stand_in_order_and_a_fault_is_raised() -> None:
    assert list(map_in_processes(lambda k: k * k, range(20), 3)) == [k * k for k in range(20)]
    with pytest.raises(ZeroDivisionError):
        list(map_in_processes(lambda k: 1 // (k - 3), range(5), 2))
