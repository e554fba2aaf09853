"""Several architectures, each a tiny random checkpoint: no batch mate changes an answer, and none is cut."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from PIL import Image
from transformers import AutoModelForImageTextToText

from sightscale.model_adapters.engines import Decoding, InMemoryEngine, Message, Prompt
from sightscale.model_adapters.engines.lora import check_beside
from sightscale.model_adapters.engines.transformers_engine import ONE_PICTURE, TransformersEngine, identify
from sightscale.tasks.errors import UserError

# Those whose answers are cut, padded or batched in ways of their own, and those that needed torchvision; the zoo
# tier asks the same of all.
ARCHITECTURES = (
    *("florence2", "mllama", "gemma3", "qwen2_vl", "smolvlm", "lfm2_vl", "mistral3"),
    *("blip", "blip_vqa", "fuyu", "git", "perception_lm", "pix2struct"),
)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def engine(
    request: pytest.FixtureRequest,
    write_tiny: Callable[[str, Path], Path],
    tiny_models: ModuleType,
    hub_fonts: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> TransformersEngine:
    folder = write_tiny(request.param, tmp_path_factory.mktemp("tiny") / request.param)
    template = tiny_models.FAMILIES.get(request.param)
    return TransformersEngine(str(folder), batch_size=8, dtype="float32", chat_template=template)


def draw(n: int) -> Image.Image:
    """The n-th picture of noise, of a shape of its own."""
    return Image.effect_noise((30 + 20 * (n % 3), 40 + 9 * (n % 4)), 10 + 25 * n).convert("RGB")


def ask(pictures: int, words: int, first: int = 0) -> Prompt:
    seen = [draw(first + i) for i in range(pictures)]
    return Prompt((Message("user", (*seen, "What is it? " * words)),))


def test_an_answer_is_the_same_whoever_shares_its_batch(engine: TransformersEngine) -> None:
    most = 1 if engine._model.config.model_type in ONE_PICTURE else 3
    asked = [ask(1 + n % most, 1 + n % 4, n) for n in range(8)]
    together = engine.generate(asked, Decoding(10))
    alone = [engine.generate([prompt], Decoding(10))[0] for prompt in asked]
    assert [answer.error for answer in together] == [None] * len(asked)
    assert [(a.text, a.output_tokens) for a in together] == [(a.text, a.output_tokens) for a in alone]
    assert len({answer.text for answer in alone}) > 1


def test_a_model_in_memory_answers_as_from_its_folder(engine: TransformersEngine) -> None:
    most = 1 if engine._model.config.model_type in ONE_PICTURE else 3
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
    assert [2, 2] in batches or engine.batch_size == 1
    assert all(len(set(batch)) == 1 for batch in batches)


def ask_transformers(engine: TransformersEngine, prompt: Prompt, tokens: int) -> tuple[str, int]:
    """What the model's own `generate` answers a prompt alone, past the prompt, and how many tokens it wrote."""
    text = engine._render(prompt, Decoding(tokens))
    inputs = engine._processor(text=[text], images=prompt.images, return_tensors="pt", add_special_tokens=True)
    with torch.inference_mode():
        output = engine._model.generate(**inputs, max_new_tokens=tokens, do_sample=False)[0].tolist()
    begun = 1 if engine._writes_apart else inputs["input_ids"].shape[1] - 1  # less the end that BERT's tokenizer adds
    return engine._tokenizer.decode(output[begun:], skip_special_tokens=True), len(output) - begun


@pytest.mark.parametrize("architecture", ["blip", "blip_vqa"])
def test_blip_answers_as_its_own_code_does_and_ends_at_its_own_mark(
    architecture: str, write_tiny: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    folder = write_tiny(architecture, tmp_path / architecture)
    engine = TransformersEngine(str(folder), dtype="float32", chat_template="blip")
    assert type(engine._model).__name__.endswith("QuestionAnswering") == (architecture == "blip_vqa")
    for seed in range(4):
        torch.manual_seed(seed)
        torch.nn.init.normal_(engine._model.text_decoder.cls.predictions.bias, 0.0, 2.0)
        prompt = ask(1, 1 + seed, seed)
        (answer,) = engine.generate([prompt], Decoding(16))
        assert (answer.text, answer.output_tokens) == ask_transformers(engine, prompt, 16)
    assert engine._end_tokens == {engine._tokenizer.sep_token_id}
    with torch.no_grad():
        engine._model.text_decoder.cls.predictions.bias[engine._tokenizer.sep_token_id] = 99.0
    (answer,) = engine.generate([ask(1, 1)], Decoding(16))
    assert (answer.text, answer.output_tokens, answer.finish_reason) == ("", 1, "stop")


def test_an_end_that_the_tokenizer_adds_is_no_part_of_a_prompt(
    write_tiny: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    engine = TransformersEngine(str(write_tiny("git", tmp_path / "git")), dtype="float32", chat_template="git")
    prompts = [ask(1, 1), ask(1, 3)]
    texts = [engine._render(prompt, Decoding(1)) for prompt in prompts]
    inputs = engine._encode(prompts, texts)
    tokenizer = engine._tokenizer
    for row, mask, text in zip(inputs["input_ids"], inputs["attention_mask"], texts, strict=True):
        expected = [tokenizer.cls_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]
        assert row[mask == 1].tolist() == expected
    spelled = [f"{text} [SEP]" for text in texts]  # one that a template wrote stays
    assert (engine._encode(prompts, spelled)["input_ids"][:, -1] == tokenizer.sep_token_id).all()


def test_pix2struct_reads_the_question_in_the_picture(
    write_tiny: Callable[[str, Path], Path], hub_fonts: Path, tmp_path: Path
) -> None:
    folder = write_tiny("pix2struct", tmp_path / "pix2struct")
    engine = TransformersEngine(str(folder), dtype="float32", chat_template="pix2struct")
    prompts = [Prompt((Message("user", (draw(0), text)),)) for text in ("What is it?", "Who?")]
    first, second = ({choice.token: choice.logprob for choice in engine.list_choices(p, Decoding(1))} for p in prompts)
    assert first != second
    (answer,) = engine.generate(prompts[:1], Decoding(4))
    assert isinstance(answer.input_tokens, int) and answer.input_tokens > 1000  # patches


@pytest.mark.parametrize("architecture", ["blip", "fuyu", "pix2struct"])
def test_a_question_without_a_picture_is_refused_by_those_that_need_one(
    architecture: str, write_tiny: Callable[[str, Path], Path], hub_fonts: Path, tmp_path: Path
) -> None:
    folder = write_tiny(architecture, tmp_path / architecture)
    engine = TransformersEngine(str(folder), dtype="float32", chat_template=architecture)
    (answer,) = engine.generate([ask(0, 1)], Decoding(4))
    assert answer.error == "ValueError: this architecture takes no question without a picture"


def test_what_says_nothing_of_looking_is_refused_in_one_line(
    write_tiny: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    folder = write_tiny("udop", tmp_path / "udop")
    for attempt in (lambda: TransformersEngine(str(folder)), lambda: identify(str(folder))):
        with pytest.raises(UserError, match=r"udop can't be measured: .* from OCR, .*; choose a model") as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_pix2struct_is_refused_without_its_font_and_for_captions(
    write_tiny: Callable[[str, Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_tiny("pix2struct", tmp_path / "pix2struct")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    with pytest.raises(UserError, match=r"can't be had here: `hf download ybelkada/fonts Arial.TTF`") as caught:
        TransformersEngine(str(folder), chat_template="pix2struct")
    assert "\n" not in str(caught.value)
    described = folder / "processor_config.json"
    described.write_text(described.read_text().replace('"is_vqa": true', '"is_vqa": false'))
    with pytest.raises(UserError, match=r"writes captions and takes no questions .*: choose a checkpoint"):
        TransformersEngine(str(folder), chat_template="pix2struct")


def test_the_adapter_that_phi_4_is_asked_about_pictures_with_is_on(
    write_tiny: Callable[[str, Path], Path], tmp_path: Path, messages: Callable[[], list[str]]
) -> None:
    folder = write_tiny("phi4_multimodal", tmp_path / "phi4_multimodal")
    engine = TransformersEngine(str(folder), dtype="float32")
    assert any("vision-lora is on" in message for message in messages())
    assert engine.identity == identify(str(folder), "float32") and "|adapter=" in engine.identity
    tuned = engine.list_choices(ask(1, 1), Decoding(1))
    shutil.rmtree(folder / "vision-lora")
    bare = TransformersEngine(str(folder), dtype="float32")
    assert any("no vision-lora in its folder" in message for message in messages())
    assert "adapter" not in bare.identity and bare.list_choices(ask(1, 1), Decoding(1)) != tuned
    with pytest.raises(UserError, match=r"hf download microsoft/phi --local-dir FOLDER"):
        check_beside("microsoft/phi", "phi4_multimodal", None, name="microsoft/phi")


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
