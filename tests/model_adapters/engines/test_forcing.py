"""Scored continuations against log-softmax done by hand, alone and in batches, and what can't be scored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from sightscale.model_adapters.engines import InMemoryEngine, Likelihoods, Message, Prompt, score_continuations
from sightscale.model_adapters.engines.chat_templates import find_lead
from sightscale.model_adapters.engines.forcing import Route, continue_prompt, exact_head, plan_routes
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


def test_half_precision_has_its_logits_in_float32() -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Linear(64, 512, bias=True, dtype=torch.bfloat16)

        def get_output_embeddings(self) -> torch.nn.Module:
            return self.head

    torch.manual_seed(0)
    model, hidden = Model(), torch.randn(1, 64, dtype=torch.bfloat16)
    plain = model.head(hidden)
    with exact_head(model):
        exact = model.head(hidden)
    assert exact.dtype == torch.float32 and torch.equal(model.head(hidden), plain)
    assert len(exact[0].unique()) == 512 > len(plain[0].unique())


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

    with pytest.raises(UserError, match="Silent tells no log-probabilities"):
        score_continuations(Silent(), [], [])
