"""Batches: where the loss is, token by token, with several pictures, AnyRes and conversations that are too long."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import AutoProcessor, LlavaForConditionalGeneration

from sightscale.trainers.data.batches import IGNORED, Collator, Opened, OpenedRows
from sightscale.trainers.data.conversation_files import Picture
from sightscale.trainers.data.conversations import Conversation
from sightscale.trainers.model.build import VIDEO, build_model, build_processor
from sightscale.trainers.recipe import Pictures, Recipe, load_recipe
from sightscale.trainers.stages import LengthSorted


def noise(width: int, height: int) -> Image.Image:
    return Image.effect_noise((width, height), 50).convert("RGB")


def opened(*turns: tuple[str, str], pictures: tuple[Image.Image, ...] = (), system: str | None = None) -> Opened:
    return Opened(Conversation(turns, tuple(one.copy for one in pictures), "row", system), pictures)


@pytest.fixture(scope="module")
def processor(random_nano: Path) -> Any:
    return AutoProcessor.from_pretrained(random_nano)


@pytest.fixture(scope="module")
def anyres_recipe() -> Recipe:
    recipe = load_recipe("easy_vqa_nano")
    return recipe.model_copy(update={"pictures": Pictures(view="anyres", grid=(3, 3), max_views=4)})


@pytest.fixture(scope="module")
def anyres(random_nano: Path, anyres_recipe: Recipe) -> Any:
    """A processor that cuts pictures into grids of views."""
    tokenizer = AutoProcessor.from_pretrained(random_nano).tokenizer
    tokenizer.add_tokens([VIDEO], special_tokens=True)
    return build_processor(anyres_recipe, tokenizer)


def stretches(labels: torch.Tensor, ids: torch.Tensor, tokenizer: Any) -> list[tuple[bool, str]]:
    """Runs of tokens with loss and without, each as text."""
    found: list[tuple[bool, list[int]]] = []
    for label, token in zip(labels.tolist(), ids.tolist(), strict=True):
        learns = label != IGNORED
        assert not learns or label == token
        if not found or found[-1][0] != learns:
            found.append((learns, []))
        found[-1][1].append(token)
    return [(learns, tokenizer.decode(run)) for learns, run in found]


def expected(row: Opened, lengths: list[int]) -> list[tuple[bool, str]]:
    """What a row's runs must be, written down from the chat format alone."""
    remaining, runs = iter(lengths), []
    before = f"<|im_start|>system\n{row.conversation.system}<|im_end|>\n" if row.conversation.system else ""
    for question, (_, answer) in zip(row.conversation.questions, row.conversation.turns, strict=True):
        first, *parts = question.split("<image>")
        asked = first + "".join("<image>" * next(remaining) + part for part in parts)
        runs += [
            (False, f"{before}<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n"),
            (True, f"{answer}<|im_end|>"),
        ]
        before = "\n"
    return [*runs, (False, "\n")]


ROWS = [
    opened(("What is it?", "a cat"), pictures=(noise(64, 64),)),
    opened(
        ("Which of <image> and <image> is larger?", "the first"), ("Sure?", "yes, quite"), pictures=(noise(64, 64),) * 2
    ),
    opened(("One <image>", "cat"), ("two <image> <image>", "dogs"), pictures=(noise(100, 40),) * 3, system="Be brief."),
    opened(("No picture?", "none"), ("And now?", "no")),
]


def test_the_loss_is_on_answers_and_their_end_alone(processor: Any) -> None:
    batch = Collator(processor, 1024)(ROWS)
    tokenizer = processor.tokenizer
    for i, row in enumerate(ROWS):
        length = int(batch["attention_mask"][i].sum())
        ids, labels = batch["input_ids"][i], batch["labels"][i]
        assert stretches(labels[:length], ids[:length], tokenizer) == expected(row, [64] * len(row.pictures))
        assert (labels[length:] == IGNORED).all() and (ids[length:] == tokenizer.pad_token_id).all()
    assert batch["pixel_values"].shape[0] == 6


def test_with_grids_of_views_each_picture_has_its_own_length(anyres: Any, anyres_recipe: Recipe) -> None:
    rows = [
        opened(("What is it?", "a cat"), pictures=(noise(180, 60),)),
        opened(("Compare <image> with <image>.", "same"), ("Why?", "so"), pictures=(noise(64, 64), noise(70, 190))),
        opened(("No picture?", "none")),
    ]
    batch = Collator(anyres, 4096)(rows)
    assert batch["pixel_values"].min() >= -1 and set(anyres.image_processor.image_mean) == {
        0.5
    }  # as SigLIP was trained
    model = build_model(anyres_recipe, anyres.tokenizer)
    with torch.inference_mode():
        features = model.model.get_image_features(
            pixel_values=batch["pixel_values"],
            image_sizes=batch["image_sizes"],
            batch_num_images=batch.get("batch_num_images"),
            return_dict=True,
        ).pooler_output
    made = [len(one) for one in features]
    assert len(set(made)) > 1
    for i, (row, lengths) in enumerate(zip(rows, (made[:1], made[1:], []), strict=True)):
        length = int(batch["attention_mask"][i].sum())
        found = stretches(batch["labels"][i, :length], batch["input_ids"][i, :length], anyres.tokenizer)
        assert found == expected(row, lengths)
    with torch.inference_mode():
        assert torch.isfinite(model(**batch).loss)


def test_the_loss_is_that_of_the_learned_tokens(processor: Any, random_nano: Path) -> None:
    model = LlavaForConditionalGeneration.from_pretrained(random_nano, dtype=torch.float32)
    batch = Collator(processor, 1024)(ROWS)
    with torch.inference_mode():
        output = model(**batch)
    scores = output.logits[:, :-1].log_softmax(-1)
    targets = batch["labels"][:, 1:]
    learned = targets != IGNORED
    own = -scores.gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)[learned].mean()
    assert torch.allclose(output.loss, own, atol=1e-5)


def test_a_conversation_of_ten_thousand_tokens_is_cut_to_whole_turns_that_fit(processor: Any) -> None:
    turns = tuple((f"What is number {i}?", f"the number {i} " * 20) for i in range(100))
    whole = Collator(processor, 10**6)([opened(*turns)])
    assert int(whole["attention_mask"].sum()) > 10_000
    collator = Collator(processor, 1000)
    batch = collator([opened(*turns)])
    assert (collator.cut, collator.left_out) == (1, 0)
    ids = batch["input_ids"][0]
    assert len(ids) <= 1000
    runs = stretches(batch["labels"][0], ids, processor.tokenizer)
    kept = [text for learns, text in runs if learns]
    assert kept == [f"{answer}<|im_end|>" for _, answer in turns[: len(kept)]] and 1 <= len(kept) < 100
    assert ids.tolist() == whole["input_ids"][0, : len(ids)].tolist()


def test_a_first_answer_that_is_too_long_is_cut_inside(processor: Any) -> None:
    collator = Collator(processor, 200)
    batch = collator([opened(("What?", "word " * 10_000))])
    assert batch["input_ids"].shape == (1, 200) and collator.cut == 1
    assert (batch["labels"][0, -100:] == batch["input_ids"][0, -100:]).all()


def test_a_question_that_fills_the_context_is_left_out_and_written_down(processor: Any, tmp_path: Path) -> None:
    collator = Collator(processor, 300, tmp_path / "bad.txt")
    long = opened(("word " * 10_000, "yes"), pictures=(noise(64, 64),))
    batch = collator([opened(("What?", "this"), pictures=(noise(64, 64),)), long])
    assert len(batch["input_ids"]) == 1 == len(batch["pixel_values"]) and collator.left_out == 1
    assert (tmp_path / "bad.txt").read_text() == "row: the question alone fills the context of 300 tokens\n"
    with pytest.raises(ValueError, match="no conversation of a batch fits the context of 300 tokens") as caught:
        collator([long])
    assert "\n" not in str(caught.value)


def test_a_picture_that_cannot_be_decoded_gives_way_to_the_next_row(tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(b"")
    noise(20, 20).save(tmp_path / "good.png")
    content = (tmp_path / "good.png").read_bytes()
    pictures = [Picture(content), Picture(content[:80]), Picture(tmp_path / "gone.png"), Picture(content)]
    rows = [Conversation((("?", str(i)),), (one,), f"row {i}") for i, one in enumerate(pictures)]
    opened_rows = OpenedRows(rows, tmp_path / "bad.txt")
    assert [opened_rows[i].conversation.origin for i in range(4)] == ["row 0", "row 3", "row 3", "row 3"]
    told = (tmp_path / "bad.txt").read_text().splitlines()
    assert len(told) == 3 and told[0].startswith("row 1: a picture can't be decoded: ")
    with pytest.raises(ValueError, match="in a row have pictures that can't be decoded"):
        OpenedRows(rows[1:3], tmp_path / "bad.txt")[0]


def test_rows_of_a_step_stand_by_length_and_steps_stay_a_fair_draw() -> None:
    lengths = [(7 * i) % 50 for i in range(400)]
    order = list(LengthSorted(lengths, 40, seed=3))
    assert sorted(order) == list(range(400))
    steps = [[lengths[i] for i in order[k : k + 40]] for k in range(0, 400, 40)]
    assert all(step == sorted(step, reverse=True) for step in steps)
    assert all(20 < sum(step) / 40 < 29 for step in steps)  # the mean is 24.5; steps of one length would lie apart
    assert order == list(LengthSorted(lengths, 40, seed=3)) != list(LengthSorted(lengths, 40, seed=4))
