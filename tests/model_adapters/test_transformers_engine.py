"""The transformers engine on a real tiny checkpoint, against generation done by hand."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from sightscale.model_adapters.engines import Decoding, Message, Prompt
from sightscale.model_adapters.engines.transformers import TransformersEngine


@pytest.fixture(scope="module")
def engine(random_nano: Path) -> TransformersEngine:
    return TransformersEngine(str(random_nano), batch_size=4)


def prompts(n: int) -> list[Prompt]:
    pictures = [Image.effect_noise((64, 64), 10 + 20 * i).convert("RGB") for i in range(n)]
    return [Prompt((Message("user", (picture, "what is it? " * (1 + i % 5))),)) for i, picture in enumerate(pictures)]


def test_batched_answers_equal_one_by_one_answers_of_the_bare_model(
    engine: TransformersEngine, random_nano: Path
) -> None:
    model = AutoModelForImageTextToText.from_pretrained(random_nano, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(random_nano)
    asked = prompts(9)
    answers = engine.generate(asked, Decoding(12))
    for prompt, answer in zip(asked, answers, strict=True):
        text = f"<|im_start|>user\n<image>\n{prompt.text}<|im_end|>\n<|im_start|>assistant\n"
        inputs = processor(text=[text], images=prompt.images, return_tensors="pt")
        with torch.inference_mode():
            output = model.generate(**inputs, max_new_tokens=12, do_sample=False)[0, inputs["input_ids"].shape[1] :]
        assert answer.text == processor.tokenizer.decode(output, skip_special_tokens=True)
        assert answer.output_tokens == len(output)
        assert answer.input_tokens == inputs["input_ids"].shape[1]


def test_pictures_matter_and_may_be_missing(engine: TransformersEngine) -> None:
    mixed = [*prompts(2), Prompt((Message("user", ("what is it?",)),))]
    answers = engine.generate(mixed, Decoding(4))
    assert [answer.error for answer in answers] == [None] * 3
    assert answers[2].input_tokens < answers[0].input_tokens - 60


def test_sampling_depends_on_seed_and_prompt_but_not_on_the_batch(engine: TransformersEngine) -> None:
    asked = prompts(5)
    sampled = Decoding(6, temperature=1.0, top_p=0.95, top_k=50, seed=3)
    together = [answer.text for answer in engine.generate(asked, sampled)]
    alone = [engine.generate([prompt], sampled)[0].text for prompt in asked]
    assert together == alone
    other = [
        answer.text for answer in engine.generate(asked, Decoding(6, temperature=1.0, top_p=0.95, top_k=50, seed=4))
    ]
    assert other != together


def test_one_prompt_that_fails_costs_itself_only(engine: TransformersEngine) -> None:
    asked = prompts(4)
    broken = Prompt((Message("user", (asked[0].images[0], "two pictures in the text: <image><image>")),))
    answers = engine.generate([asked[0], broken, asked[1]], Decoding(4))
    assert [bool(answer.error) for answer in answers] == [False, True, False]
    assert answers[1].text == "" and answers[1].finish_reason == "error"


def test_memory_running_out_halves_the_batch(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = engine._answer
    sizes = []

    def short_of_memory(batch, texts, decoding):  # type: ignore[no-untyped-def]
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("no memory")
        return whole(batch, texts, decoding)

    monkeypatch.setattr(engine, "_answer", short_of_memory)
    monkeypatch.setattr(engine, "batch_size", 4)
    assert all(answer.error is None for answer in engine.generate(prompts(4), Decoding(2)))
    assert sizes == [4, 2, 2]


def test_a_text_is_cut_at_a_stop_mark(engine: TransformersEngine) -> None:
    asked = prompts(9)
    said = [answer.text for answer in engine.generate(asked, Decoding(12))]
    longest = max(range(9), key=lambda i: len(set(said[i])))
    text, mark = said[longest], said[longest][len(said[longest]) // 2 :][:3]
    (cut,) = engine.generate([asked[longest]], Decoding(12, stop=(mark,)))
    assert mark and cut.text == text[: text.find(mark)]
    assert cut.finish_reason == "stop"


def test_the_identity_follows_the_weights(random_nano: Path, engine: TransformersEngine, tmp_path: Path) -> None:
    for file in random_nano.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    same = TransformersEngine(str(tmp_path)).weights
    with (tmp_path / "generation_config.json").open("a") as file:
        file.write("\n")
    assert same == engine.weights != TransformersEngine(str(tmp_path)).weights


@pytest.mark.parametrize("name", ["/nowhere/at/all", "no-such-model", "./missing.gguf"])
def test_a_model_that_is_not_there_is_named_in_one_line(name: str) -> None:
    with pytest.raises(ValueError, match="cannot load model") as caught:
        TransformersEngine(name)
    assert name in str(caught.value) and "\n" not in str(caught.value)
