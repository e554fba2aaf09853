"""Answers read from likelihoods: which words are scored, what a trace keeps, blind and in two stages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import datasets
import pytest
from lmms_eval.api.instance import Instance
from PIL import Image

from sightscale.model_adapters.blindfold import Blindfold
from sightscale.model_adapters.by_likelihood import ByLikelihood
from sightscale.model_adapters.decoupled import Decoupled
from sightscale.model_adapters.end_to_end import EndToEnd
from sightscale.model_adapters.engines import (
    Completion,
    Completions,
    Decoding,
    Key,
    Likelihood,
    Likelihoods,
    OnScored,
    Prompt,
    Prompts,
    StreamingEngine,
)
from sightscale.model_adapters.scripted import Scripted
from sightscale.tasks.errors import UserError

OPTIONS = {"A": "red", "B": "a very dark blue"}


class Telling(StreamingEngine):
    """An engine that finds `B` likelier, a short text likelier, and A where it sees no picture."""

    identity, parameters = "telling", 1

    def __init__(self, fail_on: str = "") -> None:
        self.asked: list[tuple[Prompt, tuple[str, ...]]] = []
        self.fail_on = fail_on

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        yield from ((item[0], Completion(f"{len(item[1].images)} pictures")) for item in prompts if item)

    def score(
        self, prompts: Sequence[Prompt], continuations: Sequence[Sequence[str]], on_scored: OnScored | None = None
    ) -> list[Likelihoods]:
        self.asked += [(prompt, tuple(each)) for prompt, each in zip(prompts, continuations, strict=True)]
        return [
            Likelihoods(error="no")
            if self.fail_on and self.fail_on in prompt.text
            else Likelihoods(tuple(self.tell(one, bool(prompt.images)) for one in each), 9, 0.5)
            for prompt, each in zip(prompts, continuations, strict=True)
        ]

    def tell(self, words: str, sees: bool) -> Likelihood:
        if len(words) == 1:
            return Likelihood(-1.0 if (words == "B") is sees else -2.0, 1)
        return Likelihood(-3.0 * len(words.split()) - len(words) / 100, len(words.split()))

    def close(self) -> None:
        """Nothing is held."""


def read_options(_: str, document: Mapping[str, Any]) -> Mapping[str, str]:
    assert "image" not in document  # no picture is decoded to read options
    return {letter: document[letter] for letter in "AB"}


def ask(model: Any, n: int = 2, **options: str) -> list[Instance]:
    """Instances of a task of `n` documents, each with a picture and the options."""
    rows = [{"image": Image.new("RGB", (4, 4), (i, 0, 0)), **OPTIONS, **options} for i in range(n)]
    features = datasets.Features(
        {"image": datasets.Image(), "A": datasets.Value("string"), "B": datasets.Value("string")}
    )
    model.task_dict["t"] = {"test": datasets.Dataset.from_list(rows, features=features)}

    def to_messages(document: Any) -> list[dict[str, Any]]:
        text = {
            "type": "text",
            "text": "Which colour?\nAnswer with the option's letter from the given choices directly.",
        }
        return [{"role": "user", "content": [{"type": "image", "url": document["image"]}, text]}]

    return [
        Instance(
            request_type="generate_until",
            arguments=("?", to_messages, {}, i, "t", "test"),
            idx=0,
            metadata={"task": "t", "doc_id": i, "repeats": 1},
        )
        for i in range(n)
    ]


def answers(model: Any, **options: str) -> list[str]:
    return [result.text for result in model.generate_until(ask(model, **options))]


@pytest.mark.parametrize(("rule", "expected"), [("letter", "B"), ("text", "A")])
def test_letters_and_texts_are_scored_and_the_rule_decides(rule: str, expected: str) -> None:
    engine = Telling()
    model = ByLikelihood(EndToEnd("x", engine=engine), f"likelihood:{rule}", read_options)
    assert answers(model) == [expected] * 2
    assert [words for _, words in engine.asked] == [("A", "B", "red", "a very dark blue")] * 2
    trace = model.traces["t", 0]
    assert trace.answers == f"likelihood:{rule}" and trace.finish_reason == "stop" and trace.input_tokens == 9
    assert trace.likelihoods is not None and (trace.likelihoods["B"].text, trace.likelihoods["B"].text_tokens) == (
        -12.16,
        4,
    )
    assert "likelihood" in model.identity and model.identity != model.inner.identity


def test_a_blindfold_hides_the_picture_from_what_is_scored() -> None:
    engine = Telling()
    model = Blindfold(ByLikelihood(EndToEnd("x", engine=engine), "likelihood:letter", read_options), "none")
    assert answers(model) == ["A", "A"] and not any(prompt.images for prompt, _ in engine.asked)
    assert model.traces["t", 0].shown_hashes == () and model.traces["t", 0].image_hashes


def test_an_option_without_a_text_has_its_letter_alone() -> None:
    engine = Telling()
    by_letter = ByLikelihood(EndToEnd("x", engine=engine), "likelihood:letter", read_options)
    assert answers(by_letter, A="  ") == ["B", "B"] and engine.asked[0][1] == ("A", "B", "a very dark blue")
    likelihoods = by_letter.traces["t", 0].likelihoods
    assert likelihoods is not None and likelihoods["A"].text is None and likelihoods["B"].text is not None
    by_text = ByLikelihood(EndToEnd("x", engine=engine), "likelihood:text", read_options)
    with pytest.raises(UserError, match="no text to score"):
        answers(by_text, A="")


def test_a_decoupled_model_scores_with_its_reasoning_module_on_the_description() -> None:
    seeing, reading = Telling(), Telling()
    inner = Decoupled("p", "r", perception_engine=seeing, reasoning_engine=reading)
    model = ByLikelihood(inner, "likelihood:text", read_options)
    assert answers(model) == ["A", "A"]
    assert not seeing.asked and len(reading.asked) == 2
    prompt, words = reading.asked[0]
    assert "1 pictures" in prompt.text and "Which colour?" in prompt.text and words[0] == "A"
    trace = model.traces["t", 0]
    assert trace.description == "1 pictures" and trace.prompt == prompt.text and trace.likelihoods
    failing = ByLikelihood(
        Decoupled("p", "r", perception_engine=seeing, reasoning_engine=Telling(fail_on="colour")),
        "likelihood:letter",
        read_options,
    )
    with pytest.raises(UserError, match="reasoning: no"):
        answers(failing)


def _thinker() -> Any:
    return Decoupled("p", "r", mode="thinking", perception_engine=Telling(), reasoning_engine=Telling())


@pytest.mark.parametrize(
    ("make", "why"),
    [(_thinker, "mode=direct"), (lambda: Scripted("coin"), "returns no log-probabilities")],
)
def test_a_model_that_cannot_be_scored_is_refused_in_one_line(make: Callable[[], Any], why: str) -> None:
    with pytest.raises(UserError, match=why):
        answers(ByLikelihood(make(), "likelihood:letter", read_options))
