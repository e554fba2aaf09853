"""The thinking budget and the NoWait ban, counted on the token ids that a real model generates."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings, strategies as st

from sightscale.model_adapters.engines import Decoding, Message, Prompt
from sightscale.model_adapters.engines.budget import Marks, ThinkingControl, lateness
from sightscale.model_adapters.engines.store import generation_key
from sightscale.model_adapters.engines.thinking import split_thinking
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine

ASKED = [Prompt((Message("user", (f"Count to {i}. " * i,)),)) for i in range(1, 6)]


@pytest.fixture(scope="module")
def engine(tiny_thinker: Path) -> TransformersEngine:
    return TransformersEngine(str(tiny_thinker), batch_size=5, dtype="float32")


@pytest.fixture
def written(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The generated ids of each row, in the order of the model's batches."""
    rows: list[list[int]] = []
    generate = engine._model.generate

    def recorded(**inputs: Any) -> torch.Tensor:
        output = generate(**inputs)
        rows.extend(output[:, inputs["input_ids"].shape[1] :].tolist())
        return output

    monkeypatch.setattr(engine._model, "generate", recorded)
    return rows


@pytest.fixture
def prefer(engine: TransformersEngine) -> Iterator[Any]:
    """Adds to the logits of some texts' tokens, so that the model wants to write them."""
    hooks = []

    def add(wishes: dict[str, float]) -> None:
        bias = torch.zeros(engine._model.config.vocab_size)
        for text, wish in wishes.items():
            (id_,) = engine._tokenizer.encode(text)
            bias[id_] = wish
        hooks.append(engine._model.lm_head.register_forward_hook(lambda _, __, logits: logits + bias))

    yield add
    for hook in hooks:
        hook.remove()


def end_of(engine: TransformersEngine) -> int:
    (id_,) = engine._tokenizer.encode("</think>")
    return id_


def test_thinking_ends_at_the_budget_in_every_row(
    engine: TransformersEngine, written: list[list[int]], prefer: Any
) -> None:
    prefer({"</think>": -50.0, "<|im_end|>": -50.0})
    answers = engine.generate(ASKED, Decoding(40, thinking=True, thinking_budget=16))
    assert [row.index(end_of(engine)) for row in written] == [16] * 5
    assert all(len(row) == 40 for row in written)
    for answer in answers:
        thinking, rest = split_thinking(answer.text)
        assert thinking and rest and answer.finish_reason == "length"


def test_without_a_budget_nothing_changes(engine: TransformersEngine, written: list[list[int]]) -> None:
    engine.generate(ASKED, Decoding(20, thinking=True))
    engine.generate(ASKED, Decoding(20, thinking=True, thinking_budget=20))
    late = 20 - 20 * 0.05
    assert [row[: int(late)] for row in written[:5]] == [row[: int(late)] for row in written[5:]]


def test_only_thinking_counts(engine: TransformersEngine, written: list[list[int]], prefer: Any) -> None:
    prefer({"</think>": -50.0, "<|im_end|>": -50.0, "<think>": -50.0})
    engine.generate(ASKED, Decoding(20, thinking=False, thinking_budget=3))  # the template closed thinking itself
    engine.generate(ASKED, Decoding(20, thinking_budget=3))  # and here it was never opened
    assert all(len(row) == 20 and end_of(engine) not in row for row in written)


def test_a_model_that_opens_thinking_itself_is_limited_from_there(
    engine: TransformersEngine, written: list[list[int]], prefer: Any
) -> None:
    (start,) = engine._tokenizer.encode("<think>")
    prefer({"<think>": 50.0, "</think>": -50.0, "<|im_end|>": -50.0})
    engine.generate(ASKED[:1], Decoding(12, thinking_budget=4))
    row = written[0]
    assert row[0] == start and row[5] == end_of(engine)
    assert row[6:8] == [start, end_of(engine)]  # thinking again, with nothing left of the budget


def test_keywords_are_banned_while_thinking_and_free_in_the_answer(
    engine: TransformersEngine, written: list[list[int]], prefer: Any
) -> None:
    (wait,), (waiter,) = engine._tokenizer.encode(" wait"), engine._tokenizer.encode(" waiting")
    prefer({" wait": 60.0, " waiting": 40.0, "</think>": -50.0, "<|im_end|>": -50.0})
    engine.generate(ASKED, Decoding(20, thinking=True, thinking_budget=10, nowait="words"))
    for row in written:
        assert set(row[:10]) == {waiter} and row[10] == end_of(engine) and set(row[11:]) == {wait}
    engine.generate(ASKED, Decoding(20, thinking=True, thinking_budget=10))
    assert all(set(row[:10]) == {wait} for row in written[5:])


def test_batch_mates_do_not_change_each_others_thinking(engine: TransformersEngine) -> None:
    decoding = Decoding(24, 0.8, 0.95, 20, seed=5, thinking=True, thinking_budget=9, nowait="qwen3")
    together = [answer.text for answer in engine.generate(ASKED, decoding)]
    assert together == [engine.generate([prompt], decoding)[0].text for prompt in ASKED]


def test_thinking_that_the_prompt_opened_and_nothing_ended_is_no_answer(
    engine: TransformersEngine, prefer: Any
) -> None:
    prefer({"</think>": -50.0, "<|im_end|>": -50.0})
    (answer,) = engine.generate(ASKED[:1], Decoding(6, thinking=True))
    thinking, rest = split_thinking(answer.text)
    assert thinking and rest == "" and answer.finish_reason == "length"


@pytest.mark.parametrize("change", [{"thinking_budget": 5}, {"nowait": "words"}])
def test_the_store_tells_limited_thinking_from_free(change: dict[str, Any]) -> None:
    free = generation_key("engine", ASKED[0], Decoding(8, thinking=True))
    assert generation_key("engine", ASKED[0], Decoding(8, thinking=True, **change)) != free


@pytest.mark.parametrize("budget", [-1, 21])
def test_a_budget_that_cannot_be_kept_is_refused(engine: TransformersEngine, budget: int) -> None:
    with pytest.raises(ValueError, match="thinking budget"):
        engine.generate(ASKED[:1], Decoding(20, thinking_budget=budget))


def test_the_end_becomes_likely_before_it_is_forced(smollm2_tokenizer: Any, tiny_thinker: Path) -> None:
    marks = Marks(_load(tiny_thinker))
    (end,) = marks.end.ids
    control = ThinkingControl(marks, Decoding(200, thinking_budget=100), [True, False], torch.device("cpu"))
    scores = torch.full((2, 49_160), -3.0)  # all negative: a factor above one would lower the end
    scores[:, end], scores[:, 7] = -9.0, -1.0
    ids, raised = torch.full((2, 4), 9), []
    for _ in range(101):
        after = control(ids, scores.clone())
        raised.append(after[0, end].item())
        assert torch.equal(after[1], scores[1])  # a row that doesn't think
        ids = torch.cat([ids, torch.full((2, 1), 9)], dim=1)
    assert set(raised[:96]) == {-9.0}
    assert raised[96:100] == sorted(raised[96:100]) and raised[96] > -9.0
    assert raised[99] > -1.0  # likelier than all others one token before the limit
    assert raised[100] == 0.0 and after[0].isfinite().sum() == 1


def test_lateness_grows_from_nothing_to_one() -> None:
    steps = [lateness(used, 100) for used in range(101)]
    assert steps[:96] == [0.0] * 96 and steps[100] == 1.0 and sorted(steps) == steps
    assert lateness(0, 0) == 0.0


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_all_rows_count_as_a_plain_reading_of_each_does(data: st.DataObject, smollm2_marks: Marks) -> None:
    """Marks of three tokens, among tokens that look alike, against a reading token by token."""
    alike = [*smollm2_marks.start.ids, *smollm2_marks.end.ids, 9, 1234]
    length = data.draw(st.integers(1, 24))
    rows = [data.draw(st.lists(st.sampled_from(alike), min_size=length, max_size=length)) for _ in range(3)]
    opened = data.draw(st.lists(st.booleans(), min_size=3, max_size=3))
    control = ThinkingControl(smollm2_marks, Decoding(999, thinking_budget=500), opened, torch.device("cpu"))
    ids = torch.full((3, 2), 11)
    for column in zip(*rows, strict=True):
        control(ids, torch.zeros(3, 49_152))
        ids = torch.cat([ids, torch.tensor(column)[:, None]], dim=1)
    control(ids, torch.zeros(3, 49_152))
    read = [_read(smollm2_marks, row, at_start) for row, at_start in zip(rows, opened, strict=True)]
    assert list(zip(control.thinking.tolist(), control.used.tolist(), strict=True)) == read


def test_an_end_of_several_tokens_is_forced_whole_and_once_begun_gone_on_with(smollm2_marks: Marks) -> None:
    end = list(smollm2_marks.end.ids)
    assert len(end) == 3
    for begun in (0, 1, 2):
        control = ThinkingControl(smollm2_marks, Decoding(99, thinking_budget=4), [True], torch.device("cpu"))
        row = [9] * (4 - begun) + end[:begun]
        ids = torch.tensor([[11]])
        for token in [*row, None, None, None]:
            scores = control(ids, torch.randn(1, 49_152))
            ids = torch.cat([ids, torch.tensor([[scores.argmax().item() if token is None else token]])], dim=1)
        assert ids[0, 1 : 1 + len(row) + 3 - begun].tolist() == [9] * (4 - begun) + end
        assert not control.thinking.item() or begun == 0


def test_marks_merged_with_their_neighbours_are_seen(smollm2_marks: Marks, smollm2_tokenizer: Any) -> None:
    for text in ("so </think>", "so</think>", "x></think>)", "</think>\n"):
        ids = smollm2_tokenizer.encode(text)
        assert any(smollm2_marks.end.ends(ids[: at + 1]) for at in range(len(ids))), text
    assert not any(smollm2_marks.end.ends(smollm2_tokenizer.encode(text)) for text in ("<think>", "</thinking>"))


@pytest.fixture(scope="module")
def smollm2_marks(smollm2_tokenizer: Any) -> Marks:
    return Marks(smollm2_tokenizer)


def _load(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def _read(marks: Marks, row: Sequence[int], thinking: bool) -> tuple[bool, int]:
    used = 0
    for at in range(len(row)):
        so_far = row[: at + 1]
        if thinking:
            used += 1
            if marks.end.ends(so_far):
                thinking, used = False, used - len(marks.end.ids)
        elif marks.start.ends(so_far):
            thinking = True
    return thinking, used
