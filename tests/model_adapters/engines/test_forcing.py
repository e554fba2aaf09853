"""Scored continuations against log-softmax done by hand, alone and in batches, and what can't be scored."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from PIL import Image
from tokenizers.processors import TemplateProcessing
from transformers import AutoModelForImageTextToText, AutoProcessor

from sightscale.model_adapters.engines import (
    AT_ONCE,
    InMemoryEngine,
    Likelihoods,
    Message,
    Prompt,
    score_continuations,
)
from sightscale.model_adapters.engines.chat_templates import find_lead
from sightscale.model_adapters.engines.forcing import (
    Route,
    continue_prompt,
    exact_head,
    plan_routes,
    write_continuation,
)
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine
from sightscale.tasks.errors import UserError

WORDS = ("A", "B", "yellow", "a red circle", "a red triangle", "A")


@pytest.fixture(scope="module")
def engine(random_nano: Path) -> TransformersEngine:
    return TransformersEngine(str(random_nano), batch_size=4, dtype="float32")


def prompts(n: int) -> list[Prompt]:
    pictures = [Image.effect_noise((64, 64), 10 + 20 * i).convert("RGB") for i in range(n)]
    return [Prompt((Message("user", (picture, "what is it? " * (1 + i % 3))),)) for i, picture in enumerate(pictures)]


def test_continuations_share_the_steps_that_they_have_in_common() -> None:
    assert plan_routes([(1,), (2,), (3,)]) == [Route((1,), (0, 1, 2))]
    assert plan_routes([(1,), (5, 6, 7), (5, 9), (5, 6, 8)]) == [Route((5, 6, 7), (0, 1, 2, 3))]
    assert plan_routes([(1, 2), (3, 4)]) == [Route((1, 2), (0,)), Route((3, 4), (1,))]
    assert plan_routes([]) == []
    with pytest.raises(ValueError, match="no tokens"):
        plan_routes([(1,), ()])


def test_likelihoods_are_those_of_a_forward_pass_over_prompt_and_continuation(
    engine: TransformersEngine, random_nano: Path
) -> None:
    model = AutoModelForImageTextToText.from_pretrained(random_nano, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(random_nano)
    asked = prompts(3)
    scored = engine.score(asked, [WORDS] * 3)
    for prompt, scores in zip(asked, scored, strict=True):
        text = f"<|im_start|>user\n<image>\n{prompt.text}<|im_end|>\n<|im_start|>assistant\n"
        before = processor(text=[text], images=prompt.images, return_tensors="pt")
        assert scores.error is None and scores.input_tokens == before["input_ids"].shape[1]
        for words, likelihood in zip(WORDS, scores.each, strict=True):
            inputs = processor(text=[text + words], images=prompt.images, return_tensors="pt")
            with torch.inference_mode():
                logits = model(**inputs).logits[0].log_softmax(-1)
            tokens = inputs["input_ids"][0, scores.input_tokens :]
            told = logits[scores.input_tokens - 1 : -1]
            assert likelihood.tokens == len(tokens)
            by_hand = told.gather(-1, tokens[:, None]).sum().item()
            assert likelihood.logprob == pytest.approx(by_hand, abs=1e-3)
            assert likelihood.is_greedy == bool((told.argmax(-1) == tokens).all())
        assert scores.each[0] == scores.each[-1]
    assert len({likelihood.logprob for scores in scored for likelihood in scores.each}) == 15


def test_a_batch_changes_nothing_and_greedy_words_are_told(engine: TransformersEngine) -> None:
    from sightscale.model_adapters.engines import Decoding

    mixed = [*prompts(4), Prompt((Message("user", ("what is it?",)),))]
    written = [answer.text for answer in engine.generate(mixed, Decoding(1))]
    words = [(*WORDS, first) if first else WORDS for first in written]
    together = engine.score(mixed, words)
    for prompt, each, scores in zip(mixed, words, together, strict=True):
        (alone,) = engine.score([prompt], [each])
        for one, other in zip(alone.each, scores.each, strict=True):
            assert one.logprob == pytest.approx(other.logprob, abs=1e-4) and one.tokens == other.tokens
    greedy = [scores.each[-1] for scores, first in zip(together, written, strict=True) if first]
    assert greedy and all(likelihood.is_greedy for likelihood in greedy if likelihood.tokens == 1)


def test_each_prompt_is_reported_once_and_what_fails_costs_itself_alone(engine: TransformersEngine) -> None:
    reported: list[tuple[int, Likelihoods]] = []
    long = Prompt((Message("user", ("word " * 5000,)),))
    asked = [*prompts(2), long]
    scored = engine.score(asked, [WORDS, ("A", ""), ("A",)], lambda i, scores: reported.append((i, scores)))
    assert sorted(i for i, _ in reported) == [0, 1, 2] and all(scored[i] is scores for i, scores in reported)
    assert [scores.error is None for scores in scored] == [True, False, False]
    assert "no tokens" in (scored[1].error or "") and "context" in (scored[2].error or "")
    assert not scored[1].each and engine.score([], []) == []


def test_a_model_in_memory_tells_the_same_and_stays_as_it_was(engine: TransformersEngine, random_nano: Path) -> None:
    model = AutoModelForImageTextToText.from_pretrained(random_nano, dtype=torch.float32)
    model.train()
    inside = InMemoryEngine(model, AutoProcessor.from_pretrained(random_nano), batch_size=2)
    settings = model.generation_config
    asked = prompts(3)
    for ours, theirs in zip(inside.score(asked, [WORDS] * 3), engine.score(asked, [WORDS] * 3), strict=True):
        for one, other in zip(ours.each, theirs.each, strict=True):
            assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
    assert model.training and model.generation_config is settings
    assert not any(parameter.is_inference() for parameter in model.parameters())


def test_a_way_of_writing_that_drops_its_rules_is_an_error(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    heeds = engine._model.generate
    monkeypatch.setattr(
        engine._model,
        "generate",
        lambda **options: heeds(**{k: v for k, v in options.items() if k != "logits_processor"}),
    )
    (scores,) = engine.score(prompts(1), [WORDS])
    assert "drops the rules" in (scores.error or "") and not scores.each


class WithHead(torch.nn.Module):
    """A model of half precision that names this layer as the one that its logits come from."""

    dtype = torch.bfloat16

    def __init__(self, head: torch.nn.Module | None) -> None:
        super().__init__()
        self.head = head

    def get_output_embeddings(self) -> torch.nn.Module | None:
        return self.head


class Scaled(torch.nn.Module):
    """A head that is no linear layer itself, as one with an adapter is."""

    def __init__(self) -> None:
        super().__init__()
        self.base_layer = torch.nn.Linear(64, 512, dtype=torch.bfloat16)
        self.low = torch.nn.Linear(64, 2, bias=False, dtype=torch.bfloat16)
        self.high = torch.nn.Linear(2, 512, bias=False, dtype=torch.bfloat16)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.base_layer(hidden) + self.high(self.low(hidden))
        return result


@pytest.mark.parametrize("make", [lambda: torch.nn.Linear(64, 512, dtype=torch.bfloat16), Scaled])
def test_half_precision_has_its_logits_in_float32(make: Callable[[], torch.nn.Module]) -> None:
    torch.manual_seed(0)
    head, hidden = make(), torch.randn(1, 64, dtype=torch.bfloat16)
    plain = head(hidden)
    with exact_head(WithHead(head)):
        exact = head(hidden)
    assert exact.dtype == torch.float32 and torch.equal(head(hidden), plain)
    assert torch.allclose(exact, copy.deepcopy(head).float()(hidden.float()))
    assert len(exact[0].unique()) == 512 > len(plain[0].unique())


def test_half_precision_whose_logits_cannot_be_exact_is_refused() -> None:
    packed = torch.nn.Linear(4, 4, dtype=torch.bfloat16)
    packed.weight = torch.nn.Parameter(torch.zeros(4, 2, dtype=torch.uint8), requires_grad=False)
    for head in (None, packed):
        with pytest.raises(ValueError, match="can't compute in float32: add dtype=float32"), exact_head(WithHead(head)):
            pass


def tell_apart(model: Any, inputs: dict[str, torch.Tensor], tokens: tuple[int, ...]) -> torch.Tensor:
    """What a model says at each of the tokens by one forward pass of its own, without generating anything."""
    kind = type(model).__name__
    ids = torch.tensor([tokens])
    if kind.startswith("Blip"):
        text = model.config.text_config
        seen = model.vision_model(pixel_values=inputs["pixel_values"]).last_hidden_state
        if kind == "BlipForQuestionAnswering":
            seen = model.text_encoder(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                encoder_hidden_states=seen,
            ).last_hidden_state
            prompt = torch.tensor([[text.bos_token_id]])
        else:
            prompt = inputs["input_ids"]
        whole = torch.cat([prompt, ids], -1)
        logits = model.text_decoder(input_ids=whole, encoder_hidden_states=seen).logits
    elif model.config.is_encoder_decoder:
        start = [model.generation_config.decoder_start_token_id]
        if kind.startswith("Florence2"):
            start.append(model.config.text_config.bos_token_id)
        inputs = {**inputs, "decoder_input_ids": torch.cat([torch.tensor([start]), ids], -1)}
        logits = model(**inputs).logits
    else:
        whole = torch.cat([inputs["input_ids"], ids], -1)
        logits = model(**{**inputs, "input_ids": whole, "attention_mask": torch.ones_like(whole)}).logits
    told: torch.Tensor = logits[0, -len(tokens) - 1 : -1].float().log_softmax(-1)
    return told


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("architecture", ["blip", "blip_vqa", "florence2", "git", "pix2struct", "t5gemma2"])
def test_those_that_answer_in_ways_of_their_own_are_scored_as_by_a_forward_pass(
    architecture: str,
    dtype: str,
    write_tiny: Callable[[str, Path], Path],
    tiny_models: ModuleType,
    hub_fonts: Path,
    tmp_path: Path,
) -> None:
    folder = write_tiny(architecture, tmp_path / architecture)
    template = tiny_models.FAMILIES.get(architecture)
    engine = TransformersEngine(str(folder), batch_size=4, dtype=dtype, chat_template=template)
    if architecture == "florence2":  # BART's: an answer begins with a token that its tokenizer writes
        assert engine._model.generation_config.decoder_start_token_id != engine._tokenizer.bos_token_id
        engine._tokenizer._tokenizer.post_processor = begin_with(engine._tokenizer)
    asked = prompts(3)
    words = ("A", "B", "red box", "What is the box")
    scored = engine.score(asked, [words] * len(asked))
    for prompt, scores in zip(asked, scored, strict=True):
        assert scores.error is None
        inputs = engine._encode([prompt], [engine._render(prompt, AT_ONCE)])
        for text, likelihood in zip(words, scores.each, strict=True):
            tokens = tuple(engine._tokenizer(text, add_special_tokens=False)["input_ids"])
            with torch.inference_mode(), exact_head(engine._model):
                told = tell_apart(engine._model, inputs, tokens)
            by_hand = told.gather(-1, torch.tensor(tokens)[:, None]).sum().item()
            assert likelihood.tokens == len(tokens)
            tolerance = {"abs": 2e-3} if dtype == "float32" else {"rel": 0.1, "abs": 0.5}
            assert likelihood.logprob == pytest.approx(by_hand, **tolerance)
    if dtype == "bfloat16":  # where logits have eight bits, differences of two are multiples of a coarse step
        each = [likelihood.logprob for scores in scored for likelihood in scores.each if likelihood.tokens == 1]
        steps = [abs(first - second) * 2**10 for first, second in zip(each[::2], each[1::2], strict=True)]
        assert each and any(abs(step - round(step)) > 0.01 for step in steps)


def begin_with(tokenizer: Any) -> TemplateProcessing:
    begin, end = tokenizer.bos_token, tokenizer.eos_token
    numbers = [(token, tokenizer.convert_tokens_to_ids(token)) for token in (begin, end)]
    return TemplateProcessing(single=f"{begin} $A {end}", special_tokens=numbers)


class Pieces:
    """A tokenizer as T5's, which marks where a word begins: `▁A` by itself, `A` behind a colon."""

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        return {"input_ids": [ord("▁"), *(ord(letter) for letter in text)]}


def test_a_decoder_apart_from_the_prompt_begins_a_text() -> None:
    options: Any = {"lead": " ", "control_tokens": (), "ends": ()}
    assert write_continuation(Pieces(), None, "A", **options) == (ord("▁"), ord("A"))
    assert write_continuation(Pieces(), "Answer:", "A", **options) == (ord(" "), ord("A"))


def test_thinking_that_a_template_opens_is_no_place_for_an_answer(tiny_thinker: Path) -> None:
    prompt = Prompt((Message("user", ("Is 7 a prime number?",)),))
    switched = TransformersEngine(str(tiny_thinker), dtype="float32")  # its template closes thinking when it is told to
    (scores,) = switched.score([prompt], [("A", "B")])
    assert scores.error is None and len(scores.each) == 2
    switched._tokenizer.chat_template = switched._tokenizer.chat_template.replace(
        "{% if not enable_thinking", "{% if 0"
    )
    (opened,) = switched.score([prompt], [("A", "B")])
    assert "opens thinking" in (opened.error or "")


class Letters:
    """A tokenizer with a token a letter, and `:A` for a colon before an A."""

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        tokens: list[int] = []
        for letter in text:
            tokens = [*tokens[:-1], 0] if letter == "A" and tokens[-1:] == [ord(":")] else [*tokens, ord(letter)]
        return {"input_ids": tokens}


def test_the_prompt_keeps_its_tokens_whatever_follows() -> None:
    assert continue_prompt(Letters(), "Answer:", "B") == (ord("B"),)
    assert continue_prompt(Letters(), "Answer:", "A") == (ord("A"),)  # not the token that spans the boundary
    assert continue_prompt(Letters(), "Answer: ", "A") == (ord("A"),)


class Template:
    """A processor whose template writes turns as `USER: …` and `BOT:` with something between that and the words."""

    def __init__(self, between: str) -> None:
        self.between = between

    def apply_chat_template(self, messages: Sequence[Any], tokenize: bool, add_generation_prompt: bool) -> str:
        if not all(isinstance(message["content"], str) for message in messages):
            raise TypeError("text only")
        said = "".join(
            f"USER: {one['content']}\n" if one["role"] == "user" else f"BOT:{self.between}{one['content']}\n"
            for one in messages
        )
        return said + ("BOT:" if add_generation_prompt else "")


def test_white_space_that_a_template_puts_before_an_answer_belongs_to_it() -> None:
    assert find_lead(Template(" ")) == " " and find_lead(Template("")) == ""
    assert find_lead(Template("<think>\n\n</think>")) == ""


def test_an_engine_that_cannot_tell_is_named_in_one_line() -> None:
    class Silent:
        """An engine without `score`."""

    with pytest.raises(UserError, match="Silent returns no log-probabilities"):
        score_continuations(Silent(), [], [])
