"""Several architectures, each a tiny random checkpoint: no batch mate changes an answer, and none is cut."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText

from sightscale.model_adapters.engines import Decoding, InMemoryEngine, Message, Prompt
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine

# Those whose answers are cut, padded or batched in ways of their own, and those that needed torchvision; the zoo
# tier asks the same of all.
ARCHITECTURES = ("florence2", "mllama", "gemma3", "qwen2_vl", "smolvlm", "lfm2_vl", "mistral3")
MOST_PICTURES = {"florence2": 1}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def engine(
    request: pytest.FixtureRequest, write_tiny: Callable[[str, Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> TransformersEngine:
    folder = write_tiny(request.param, tmp_path_factory.mktemp("tiny") / request.param)
    return TransformersEngine(str(folder), batch_size=8, dtype="float32")


def draw(n: int) -> Image.Image:
    """The n-th picture of noise, of a shape of its own."""
    return Image.effect_noise((30 + 20 * (n % 3), 40 + 9 * (n % 4)), 10 + 25 * n).convert("RGB")


def ask(pictures: int, words: int, first: int = 0) -> Prompt:
    seen = [draw(first + i) for i in range(pictures)]
    return Prompt((Message("user", (*seen, "What is it? " * words)),))


def test_an_answer_is_the_same_whoever_shares_its_batch(engine: TransformersEngine) -> None:
    most = MOST_PICTURES.get(engine._model.config.model_type, 3)
    asked = [ask(1 + n % most, 1 + n % 4, n) for n in range(8)]
    together = engine.generate(asked, Decoding(10))
    alone = [engine.generate([prompt], Decoding(10))[0] for prompt in asked]
    assert [answer.error for answer in together] == [None] * len(asked)
    assert [(a.text, a.output_tokens) for a in together] == [(a.text, a.output_tokens) for a in alone]
    assert len({answer.text for answer in alone}) > 1


def test_a_model_in_memory_answers_as_from_its_folder(engine: TransformersEngine) -> None:
    most = MOST_PICTURES.get(engine._model.config.model_type, 3)
    asked = [ask(1 + n % most, 1 + n % 4, n) for n in range(6)]
    in_memory = InMemoryEngine(engine._model, engine._processor, batch_size=8)
    answers = [[(a.text, a.error) for a in each.generate(asked, Decoding(10))] for each in (engine, in_memory)]
    assert answers[0] == answers[1] and answers[0][0][1] is None
    assert in_memory.sees and in_memory._tokenizer.padding_side == engine._tokenizer.padding_side


def test_a_batch_holds_rows_with_as_many_pictures(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[list[int]] = []

    def note(prompts: list[Prompt], *_: Any) -> list[Any]:
        batches.append([len(prompt.images) for prompt in prompts])
        raise ValueError("not asked")

    monkeypatch.setattr(engine, "_answer", note)
    engine.generate([ask(n % 3, 1) for n in range(6)], Decoding(1))
    assert [2, 2] in batches and all(len(set(batch)) == 1 for batch in batches)


@pytest.fixture(scope="module")
def florence2(write_tiny: Callable[[str, Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny("florence2", tmp_path_factory.mktemp("tiny") / "florence2")


def test_an_encoder_decoders_answer_is_whole(florence2: Path) -> None:
    engine = TransformersEngine(str(florence2), dtype="float32")
    model: Any = AutoModelForImageTextToText.from_pretrained(florence2, dtype=torch.float32)
    for words in (1, 6):  # a prompt longer than the answer must not swallow it
        prompt = ask(1, words)
        (answer,) = engine.generate([prompt], Decoding(7))
        text = engine._render(prompt, Decoding(7))
        inputs = engine._processor(text=[text], images=prompt.images, return_tensors="pt", add_special_tokens=True)
        with torch.inference_mode():
            output = model.generate(**inputs, max_new_tokens=7, do_sample=False)[0, 1:].tolist()
        assert answer.text == engine._tokenizer.decode(output, skip_special_tokens=True) != ""
        assert answer.output_tokens == len(output) == len(engine.list_choices(prompt, Decoding(7)))
        assert answer.input_tokens == inputs["input_ids"].shape[1] > 7


def test_an_encoder_decoder_has_its_whole_context_for_the_answer(
    florence2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = TransformersEngine(str(florence2), dtype="float32")
    (whole,) = engine.generate([ask(1, 1)], Decoding(12))
    monkeypatch.setattr(engine, "_context", whole.input_tokens)  # the prompt fills it
    (filled,) = engine.generate([ask(1, 1)], Decoding(12))
    assert not filled.error and filled.text == whole.text and filled.output_tokens == whole.output_tokens
    (longer,) = engine.generate([ask(1, 2)], Decoding(12))
    assert "context holds" in (longer.error or "")
