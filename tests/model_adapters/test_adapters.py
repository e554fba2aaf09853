"""Adapters through lmms-eval's own protocol: what the modules see, and foreign models under a blindfold."""

import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from lmms_eval.api.instance import Instance
from PIL import Image

from sightscale.model_adapters.adapter import READ_AHEAD
from sightscale.model_adapters.blindfold.adapter import Blindfold, PictureMemory
from sightscale.model_adapters.decoupled.adapter import Decoupled
from sightscale.model_adapters.decoupled.prompts import focus_prompt, perception_prompt
from sightscale.model_adapters.end_to_end import EndToEnd
from sightscale.model_adapters.engines import (
    Completion,
    Completions,
    Decoding,
    Key,
    Prompt,
    Prompts,
    StreamingEngine,
    hash_image,
)
from sightscale.model_adapters.model_strings import Spread, open_model, parse_model, spread_model
from sightscale.tasks.boxes import split_convention
from sightscale.tasks.errors import UserError
from sightscale.tasks.instructions import BOX_INSTRUCTION, OPEN_INSTRUCTION, SHORT_INSTRUCTION, YES_NO_INSTRUCTION
from sightscale.tasks.multiple_choice import DIRECT_INSTRUCTION

ASKED = "Question: what is it?\nOptions:\nA. cat\nB. dog\n" + DIRECT_INSTRUCTION


class Recording(StreamingEngine):
    """An engine that keeps every prompt and says the same to all."""

    def __init__(self, says: str) -> None:
        self.says, self.prompts, self.decodings = says, [], []
        self.identity = f"recording {says}"

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        self.decodings.append(decoding)
        for item in prompts:
            if item:
                self.prompts.append(item[1])
                yield item[0], Completion(self.says, input_tokens=7, output_tokens=2)

    def close(self) -> None:
        """Nothing is held."""


def picture(i: int) -> Image.Image:
    return Image.new("RGB", (8, 8), (i, 2 * i, 3 * i))


def ask(model: Any, n: int = 3, pictures: int = 1, broken: int | None = None, asked: str = ASKED) -> list[Any]:
    """Send a model `n` chat requests as lmms-eval does."""

    def to_messages(doc: dict[str, Any]) -> list[dict[str, Any]]:
        if doc["i"] == broken:
            raise OSError("cannot identify image file")
        images = [{"type": "image", "url": picture(10 * doc["i"] + k)} for k in range(pictures)]
        return [{"role": "user", "content": [*images, {"type": "text", "text": asked}]}]

    model.task_dict["t"] = {"test": [{"i": i} for i in range(n)]}
    generation = {"max_new_tokens": 5, "do_sample": False, "until": []}
    return [
        Instance(
            request_type="generate_until",
            arguments=(asked, to_messages, generation, i, "t", "test"),
            idx=0,
            metadata={"task": "t", "doc_id": i, "repeats": 1},
        )
        for i in range(n)
    ]


def decoupled(**others: Any) -> tuple[Decoupled, Recording, Recording]:
    engines = {"perception_engine": Recording("a small cat"), "reasoning_engine": Recording("Answer: A"), **others}
    return Decoupled("p", "r", **engines), engines["perception_engine"], engines["reasoning_engine"]


@pytest.mark.parametrize("condition", ["sighted", "black"])
def test_pictures_are_read_a_little_ahead_and_let_go(condition: str) -> None:
    seen: list[weakref.ref[Image.Image]] = []
    most, read = 0, 0

    class Watching(Recording):
        def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
            nonlocal most
            for item in prompts:
                assert item
                seen.extend(map(weakref.ref, item[1].images))
                most = max(most, sum(one() is not None for one in seen))
                assert read <= len(self.decodings) + READ_AHEAD + 2
                self.decodings.append(decoding)
                yield item[0], Completion("A")

    def to_messages(doc: dict[str, Any]) -> list[dict[str, Any]]:
        nonlocal read
        read += 1
        return [{"role": "user", "content": [{"type": "image", "url": picture(doc["i"] % 80)}]}]

    model = Blindfold(EndToEnd("x", engine=Watching("")), condition, pictures=PictureMemory(0))
    instances = ask(model, n=300)
    for instance in instances:
        instance.arguments = (instance.args[0], to_messages, *instance.args[2:])
    assert len(model.generate_until(instances)) == 300 and read == 300
    assert most <= READ_AHEAD + 4
    assert all(len(trace.image_hashes) == 1 for trace in model.traces.values())


def test_a_description_reaches_reasoning_the_moment_it_is_there() -> None:
    reasoned = threading.Event()

    class Describing(Recording):
        def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
            for key, completion in super().stream(prompts, decoding):
                yield key, completion
                assert reasoned.wait(20)  # the others are described when the first was reasoned about

    class Reasoning(Recording):
        def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
            for key, completion in super().stream(prompts, decoding):
                reasoned.set()
                yield key, completion

    engines = {"perception_engine": Describing("a small cat"), "reasoning_engine": Reasoning("Answer: A")}
    together = Decoupled("p", "r", stages="together", **engines)  # type: ignore[arg-type]
    answers = together.generate_until(ask(together, n=5, broken=3))
    one_by_one, _, _ = decoupled()
    assert [one.text for one in answers] == [
        one.text for one in one_by_one.generate_until(ask(one_by_one, 5, broken=3))
    ]
    assert together.traces == one_by_one.traces


def test_a_fault_of_perception_ends_the_run_of_both() -> None:
    class Failing(Recording):
        def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
            yield next(super().stream(prompts, decoding))
            raise UserError("the model changed during the run")

    engines = {"perception_engine": Failing("a cat"), "reasoning_engine": Recording("A")}
    model = Decoupled("p", "r", stages="together", **engines)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="the model changed during the run"):
        model.generate_until(ask(model))


def test_tasks_are_decoded_as_each_of_them_says() -> None:
    engine = Recording("A")
    model = EndToEnd("x", engine=engine)
    instances = ask(model, n=4)
    for number, instance in enumerate(instances):
        instance.arguments = (*instance.args[:2], {"max_new_tokens": 5 + number % 2}, *instance.args[3:])
    assert len(model.generate_until(instances)) == 4
    assert [decoding.max_new_tokens for decoding in engine.decodings] == [5, 6]


def test_question_and_options_never_reach_the_perception_module() -> None:
    model, perceives, reasons = decoupled()
    answers = model.generate_until(ask(model, pictures=2))
    assert [answer.text for answer in answers] == ["Answer: A"] * 3
    assert all(prompt.text == perception_prompt() and len(prompt.images) == 2 for prompt in perceives.prompts)
    assert not any(prompt.images for prompt in reasons.prompts)
    assert all("Description: a small cat\nQuestion: what is it?" in prompt.text for prompt in reasons.prompts)
    assert all("given choices directly" not in prompt.text for prompt in reasons.prompts)
    trace = model.traces["t", 0]
    assert (trace.description, trace.response, trace.perception_output_tokens) == ("a small cat", "Answer: A", 2)


def test_what_a_perception_module_thinks_stays_with_it() -> None:
    model, _, reasons = decoupled(perception_engine=Recording("<think>\nIs it feline?\n</think>\n\na small cat"))
    model.generate_until(ask(model))
    assert all(
        "Description: a small cat\n" in prompt.text and "feline" not in prompt.text for prompt in reasons.prompts
    )
    assert model.traces["t", 0].description == "a small cat"


@pytest.mark.parametrize("text", ["<think>\nA cat? A", "A cat? A dog?\n</think>\n\n"])
def test_a_perception_module_that_only_thinks_describes_nothing(text: str) -> None:
    model, _, reasons = decoupled(perception_engine=Recording(text))
    with pytest.raises(UserError, match="perception: it thought for 2 tokens and wrote no description"):
        model.generate_until(ask(model))  # of a run in which every question ends so
    assert not reasons.prompts


def test_a_focus_reaches_the_perception_module_of_its_own_document(tmp_path: Path) -> None:
    (tmp_path / "focus.json").write_text('{"t": {"1": "the paws"}}')
    model, perceives, _ = decoupled(focus=str(tmp_path / "focus.json"))
    model.generate_until(ask(model))
    assert [prompt.text for prompt in perceives.prompts] == [
        perception_prompt(),
        perception_prompt("the paws"),
        perception_prompt(),
    ]
    assert model.traces["t", 1].focus == "the paws"


@pytest.mark.parametrize(("mode", "temperature", "tokens"), [("direct", 0.7, 1024), ("thinking", 0.6, 5120)])
def test_decoding_is_the_studys(mode: Any, temperature: float, tokens: int) -> None:
    model, perceives, reasons = decoupled(mode=mode)
    model.generate_until(ask(model))
    assert (perceives.decodings[0].temperature, perceives.decodings[0].max_new_tokens) == (0.0, 1024)
    assert (reasons.decodings[0].temperature, reasons.decodings[0].max_new_tokens) == (temperature, tokens)


def test_thinking_has_a_budget_and_may_ban_words() -> None:
    model, _, _ = decoupled(mode="thinking", budget="100", answer_tokens="10", nowait=True)
    decoding = model.reasoning_decoding
    assert (decoding.max_new_tokens, decoding.thinking_budget, decoding.nowait) == (110, 100, "words")
    assert decoupled(mode="thinking")[0].reasoning_decoding.nowait is None
    assert decoupled()[0].reasoning_decoding.thinking_budget is None
    greedy = decoupled(mode="thinking", greedy=True, nowait="qwen3")[0].reasoning_decoding
    assert (greedy.temperature, greedy.thinking_budget, greedy.nowait) == (0.0, 4096, "qwen3")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"mode": "slow"}, "unknown mode 'slow'"),
        ({"stages": "both"}, "unknown stages 'both'"),
        ({"nowait": "words"}, "needs mode=thinking"),
        ({"nowait": "all", "mode": "thinking"}, "unknown NoWait rule 'all'"),
        ({"budget": "0"}, "budget=.* must be a whole number from 1"),
        ({"focus": "nowhere.json"}, "cannot read the focus file"),
        ({"box_convention": "a\nb"}, "box convention"),
    ],
)
def test_an_argument_that_is_wrong_is_explained(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decoupled(**wrong)


def test_whatever_decides_the_answers_is_in_the_identity(tmp_path: Path) -> None:
    (tmp_path / "focus.json").write_text('{"t": {"1": "the paws"}}')
    changes: list[dict[str, Any]] = [
        {},
        {"mode": "thinking"},
        {"mode": "thinking", "nowait": True},
        {"mode": "thinking", "budget": 7},
        {"answer_tokens": 7},
        {"greedy": True},
        {"seed": 1},
        {"focus": str(tmp_path / "focus.json")},
        {"focus_llm": "f", "focus_engine": Recording("the paws")},
        {"box_convention": "thousand"},
    ]
    assert len({decoupled(**change)[0].identity for change in changes}) == len(changes)


@pytest.mark.parametrize(
    ("closing", "ending"),
    [
        (SHORT_INSTRUCTION, "a single word or phrase"),
        (YES_NO_INSTRUCTION, "Yes or No"),
        (BOX_INSTRUCTION, "the bounding box"),
        (OPEN_INSTRUCTION, "one or more sentences"),
    ],
)
def test_every_answer_format_has_its_own_ending(closing: str, ending: str) -> None:
    model, perceives, reasons = decoupled()
    model.generate_until(ask(model, n=1, asked=f"where is the cat?\n{closing}"))
    (prompt,) = reasons.prompts
    assert prompt.text.splitlines()[-2] == "Question: where is the cat?"
    assert prompt.text.splitlines()[-1].startswith(f"Answer directly with {ending} in the format")
    assert perceives.prompts[0].text == perception_prompt()


def test_only_a_box_is_handed_over_with_its_convention() -> None:
    for closing, tagged in ((BOX_INSTRUCTION, True), (SHORT_INSTRUCTION, False)):
        engine = Recording("[1, 2, 3, 4]")
        for model in (
            EndToEnd("x", engine=engine, box_convention="thousand"),
            decoupled(reasoning_engine=engine, box_convention="thousand")[0],
        ):
            answers = model.generate_until(ask(model, n=1, asked=f"where?\n{closing}"))
            convention = "thousand" if tagged else "auto"
            assert split_convention(answers[0].text) == (convention, "[1, 2, 3, 4]")
            assert model.traces["t", 0].response == "[1, 2, 3, 4]"


def test_a_focus_is_written_once_a_question_and_before_perception() -> None:
    writes = Recording("Contents to observe: the paws")
    model, perceives, _ = decoupled(focus_llm="f", focus_engine=writes)
    model.generate_until(ask(model))
    model.generate_until(ask(model))
    assert [prompt.text for prompt in writes.prompts] == [focus_prompt(ASKED.removesuffix(DIRECT_INSTRUCTION).strip())]
    assert {prompt.text for prompt in perceives.prompts} == {perception_prompt("the paws")}
    assert model.traces["t", 2].focus == "the paws"
    assert model.settings["focus_outcomes"] == {"written": 1}


@pytest.mark.parametrize(
    ("says", "outcome"), [("", "empty"), ("Contents to observe:", "empty"), ("(A) cat or (B) dog", "leaking")]
)
def test_a_focus_that_cannot_be_used_is_none_and_counted(says: str, outcome: str) -> None:
    model, perceives, _ = decoupled(focus_llm="f", focus_engine=Recording(says))
    model.generate_until(ask(model))
    assert {prompt.text for prompt in perceives.prompts} == {perception_prompt()}
    assert model.traces["t", 0].focus is None
    assert model.settings["focus_outcomes"] == {outcome: 1}


def test_a_focus_file_comes_before_the_focus_model(tmp_path: Path) -> None:
    (tmp_path / "focus.json").write_text('{"provenance": {}, "focus": {"t": {"0": "the ears"}}}')
    writes = Recording("the paws")
    model, _, _ = decoupled(focus=str(tmp_path / "focus.json"), focus_llm="f", focus_engine=writes)
    model.generate_until(ask(model))
    assert [model.traces["t", i].focus for i in range(3)] == ["the ears", "the paws", "the paws"]


def test_the_parts_are_named_with_what_is_known_of_their_size() -> None:
    model, perceives, _ = decoupled(focus_llm="owner/f", focus_engine=Recording(""))
    perceives.parameters = 12  # type: ignore[attr-defined]
    assert Blindfold(model, "none").parts == {"perception": ("p", 12), "reasoning": ("r", None), "focus": ("f", None)}


def test_a_document_that_cannot_be_read_fails_alone() -> None:
    model, perceives, reasons = decoupled()
    model.generate_until(ask(model, broken=1))
    assert "document 1" in (model.traces["t", 1].error or "")
    assert [model.traces["t", i].error for i in (0, 2)] == [None, None]
    assert len(perceives.prompts) == len(reasons.prompts) == 2


@pytest.mark.parametrize("condition", ["none", "black", "noise", "mean", "mismatched"])
def test_blind_prompts_keep_every_word(condition: str) -> None:
    engine = Recording("B")
    model = Blindfold(EndToEnd("x", engine=engine), condition)
    model.generate_until(ask(model, n=4, pictures=2))
    own = {(i, k): picture(10 * i + k).tobytes() for i in range(4) for k in range(2)}
    for i, prompt in enumerate(engine.prompts):
        assert prompt.text == ASKED
        assert len(prompt.images) == (0 if condition == "none" else 2)
        for image in prompt.images:
            assert image.size == (8, 8)
            if condition in ("noise", "mismatched"):
                assert image.tobytes() not in (own[i, 0], own[i, 1])
    traces = [model.traces["t", i] for i in range(4)]
    hashes = [tuple(hash_image(picture(10 * i + k)) for k in range(2)) for i in range(4)]
    assert [trace.image_hashes for trace in traces] == hashes
    assert all(len(trace.shown_hashes or ()) == (0 if condition == "none" else 2) for trace in traces)
    if condition != "mean":  # a picture of one colour is its own mean
        assert all(trace.shown_hashes != trace.image_hashes for trace in traces)


def test_a_picture_given_as_a_path_is_blinded_and_a_video_is_refused(tmp_path: Path) -> None:
    picture(9).save(tmp_path / "seen.png")
    parts = [{"type": "image", "url": str(tmp_path / "seen.png")}, {"type": "video", "url": "seen.mp4"}]
    for part, answered in zip(parts, (True, False), strict=True):
        engine = Recording("B")
        model = Blindfold(EndToEnd("x", engine=engine), "black")
        asked = ask(model, n=2)
        rest = asked[1].arguments[2:]
        asked[1].arguments = (ASKED, lambda _, part=part: [{"role": "user", "content": [part]}], *rest)
        model.generate_until(asked)
        assert (model.traces["t", 1].error is None) == answered
        assert {sum(image.tobytes()) for prompt in engine.prompts for image in prompt.images} == {0}


class Foreign(EndToEnd):
    """Stands for a simple model of lmms-eval: it reads doc_to_visual and the context itself."""

    is_simple = True

    def generate_until(self, requests: list[Any]) -> list[str]:  # type: ignore[override]
        said = []
        for request in requests:
            text, _, to_visual, doc_id, task, split = request.args
            pictures = to_visual(self.task_dict[task][split][doc_id])
            said.append(f"{len(pictures)} {sum(sum(image.tobytes()) for image in pictures)} {text}")
        return said


def test_a_simple_model_that_is_not_ours_is_blinded_too() -> None:
    inner = Foreign("x", engine=Recording(""))
    sighted, blind = Blindfold(_hide(inner), "sighted"), Blindfold(_hide(inner), "none")
    assert [answer.text for answer in blind.generate_until(ask(blind, broken=0))] == [
        "",
        f"0 0 {ASKED}",
        f"0 0 {ASKED}",
    ]
    seen = [answer.text for answer in sighted.generate_until(ask(sighted))]
    assert seen[0] == f"1 0 {ASKED}" and seen[1] == f"1 {64 * 60} {ASKED}"
    assert blind.traces["t", 0].error


def _hide(inner: Foreign) -> Any:
    """The model behind a class that isn't an adapter of ours."""
    from lmms_eval.api.model import lmms

    class Other(lmms):
        is_simple = True

        def generate_until(self, requests: list[Any]) -> list[str]:
            inner.task_dict = self.task_dict
            return inner.generate_until(requests)

        def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
            raise NotImplementedError

        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            raise NotImplementedError

    return Other()


def test_models_are_spread_by_role() -> None:
    spread = spread_model(parse_model("nano_2m,dtype=float32"), Spread("4", gpus_per_replica=0.5))
    assert spread.arguments == {"dtype": "float32", "replicas": "4", "ray": "auto", "gpus_per_replica": "0.5"}
    two = parse_model("decoupled:perception=a,reasoning=openai:b@http://h/v1,focus_llm=c")
    assert spread_model(two, Spread("2", "local")).arguments == two.arguments | {
        f"{role}_{name}": value
        for role in ("perception", "focus")
        for name, value in (("replicas", "2"), ("ray", "local"))
    }
    two = parse_model("decoupled:perception=a,reasoning=b")
    numbers = spread_model(two, Spread("perception=4,reasoning=1")).arguments
    assert (numbers["perception_replicas"], numbers["reasoning_replicas"]) == ("4", "1")


@pytest.mark.parametrize(
    ("model", "replicas", "reason"),
    [
        ("scripted:oracle", "2", "--replicas: scripted:oracle answers by rule; leave it out"),
        ("lmms:qwen3_vl", "2", "--replicas: lmms:qwen3_vl is lmms-eval's own; leave it out"),
        ("openai:m@http://h/v1", "2", "every model is served elsewhere"),
        ("nano_2m", "two", "--replicas='two' must be a whole number"),
        ("nano_2m", "0", "--replicas='0' must be a whole number from 1"),
        ("nano_2m", "perception=2", "no model that runs here is called 'perception'; there are model"),
        (
            "decoupled:perception=truth,reasoning=r",
            "perception=2",
            "no model that runs here is called 'perception'; there are reasoning",
        ),
    ],
)
def test_what_can_not_be_spread_is_refused_in_one_line(model: str, replicas: str, reason: str) -> None:
    with pytest.raises(UserError) as refused:
        spread_model(parse_model(model), Spread(replicas))
    assert reason in str(refused.value)


def test_any_model_of_lmms_eval_can_be_named(tmp_path: Path) -> None:
    spec = parse_model("lmms:dummy,response=B")
    model = Blindfold(open_model(spec, batch_size=1, seed=0, store=str(tmp_path / "s")), "black")
    assert [answer.text for answer in model.generate_until(ask(model))] == ["B", "B", "B"]


def test_prompts_with_thinking_answers_keep_both() -> None:
    model, _, _ = decoupled(mode="thinking")
    model.engines["reasoning"] = Recording("<think>hm</think>Answer: B")
    (answer,) = model.generate_until(ask(model, n=1))
    assert answer.text == "Answer: B" and model.traces["t", 0].thinking == "hm"


def test_a_prompts_text_and_pictures_are_in_order() -> None:
    assert Prompt(()).text == "" and Prompt(()).images == []
