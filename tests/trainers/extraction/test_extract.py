"""Extraction from end to end: what is asked, what is kept and set aside, and going on after any stop."""

import base64
import hashlib
import json
import time
from dataclasses import replace
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightscale.model_adapters.decoupled.prompts import perception_prompt
from sightscale.tasks.errors import UserError
from sightscale.trainers.extraction import examples as extraction, teacher as statements
from sightscale.trainers.extraction.examples import Result, extract, join_focuses
from sightscale.trainers.extraction.sources import Example, open_sources


def run(instructions: Path, output: Path, model: str, **options: Any) -> Result:
    return extract(open_sources([str(instructions)]), output, model, **options)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_good_row_becomes_a_training_row_and_every_other_one_is_told(
    teacher: Any, instructions: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    result = run(instructions, output, teacher.model)
    rows, rejected = read(output / "data.jsonl"), read(output / "rejected.jsonl")
    assert [one["provenance"]["source_id"] for one in rows] == [f"llava-{i}" for i in range(12)]
    assert [(one["reason"], one["source_id"]) for one in rejected] == [
        ("unreadable_row", "6"),
        ("unreadable_row", "8"),
        ("unreadable_picture", "llava-13"),
        ("no_question", "llava-2"),
    ]
    assert "99.jpg" in rejected[0]["detail"] and "not JSON" in rejected[1]["detail"]
    assert result.left_aside == {"text_only": 1, "several_pictures": 1, "duplicate": 1}

    row = rows[2]  # three turns
    provenance = row["provenance"]
    assert provenance["pairs"] == [
        ["What is number 2?", "thing 2"],
        ["Which colour is it?", "red"],
        ["Is it large?", "no"],
    ]
    assert len(provenance["statements"]) == 3 == len(provenance["focuses"])
    asked, told = (turn["value"] for turn in row["conversations"])
    assert asked == "<image>\n" + perception_prompt("; ".join(provenance["focuses"]))
    assert all(statement in told for statement in provenance["statements"]) and told.startswith("A picture.")
    assert provenance["teacher"] == provenance["focus_model"] and "teacher" in provenance["teacher"]
    assert provenance["decoding"]["description"] == {"max_new_tokens": 2048, "thinking": False}
    content = (output / row["image"]).read_bytes()
    assert content == (instructions.parent / "2.jpg").read_bytes()
    assert (output / row["image"]).samefile(instructions.parent / "2.jpg")  # one file under two names
    assert provenance["image_sha256"] == hashlib.sha256(content).hexdigest() and provenance["original_image"] == "2.jpg"


def test_the_teacher_sees_whole_pictures_with_statements_and_no_picture_with_questions(
    teacher: Any, instructions: Path, tmp_path: Path
) -> None:
    run(instructions, tmp_path / "out", teacher.model)
    sizes = []
    for body in teacher.bodies:
        content = body["messages"][-1]["content"]
        if isinstance(content, str):
            assert "<image>" not in content and "single word" not in content
            continue
        url = next(part for part in content if part["type"] == "image_url")["image_url"]["url"]
        sizes.append(Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))).size)
    assert sorted(sizes) == [(500 + 10 * i, 300) for i in range(12)]
    assert len(teacher.said("description")) == 12
    assert len(teacher.said("statements")) == 13  # the torn picture is found out later
    assert len(teacher.said("focus")) == 13 + 2  # each question once


@pytest.mark.parametrize(
    ("kind", "reply", "reason"),
    [
        ("statements", ("one.\ntwo.", "stop"), "statement_count"),
        ("statements", ("I'm sorry, I can't do that.", "stop"), "statements_refused"),
        ("statements", ("a b c", "length"), "statements_truncated"),
        ("description", ("a b c", "length"), "description_truncated"),
        ("description", ("I cannot see the image.", "stop"), "description_refused"),
        ("description", ("Description:", "stop"), "description_empty"),
        ("description", ("out of order", "error"), "failed"),
        ("statements", ("out of order", "error"), "failed"),
        ("focus", ("out of order", "error"), "failed"),
    ],
)
def test_what_a_teacher_does_wrong_costs_its_example_only(
    kind: str, reply: tuple[str, str], reason: str, teacher: Any, instructions: Path, tmp_path: Path
) -> None:
    def behave(text: str, _: int) -> tuple[str, str] | None:
        mine = {"statements": "declarative", "description": "Description:", "focus": "observe"}[kind]
        return reply if mine in text and "number 3" in text else None

    teacher.behave = behave
    output = tmp_path / "out"
    run(instructions, output, teacher.model)
    wrong = [one for one in read(output / "rejected.jsonl") if one["source_id"] == "llava-3"]
    assert [one["reason"] for one in wrong] == [reason] and wrong[0]["detail"]
    ids = [one["provenance"]["source_id"] for one in read(output / "data.jsonl")]
    assert ids == [f"llava-{i}" for i in range(12) if i != 3]
    # another run asks again only for what an engine failed at, and puts it where it belongs
    teacher.behave = lambda *_: None
    before = sum(teacher.asked.values())
    run(instructions, output, teacher.model)
    healed = [one["provenance"]["source_id"] for one in read(output / "data.jsonl")]
    if reason == "failed":
        assert healed == [f"llava-{i}" for i in range(12)]
    else:
        assert healed == ids and sum(teacher.asked.values()) == before


@pytest.mark.parametrize("kind", ["Description:", "declarative"])
def test_a_teacher_that_always_fails_is_found_out_before_the_work_begins(
    kind: str, teacher: Any, instructions: Path, tmp_path: Path
) -> None:
    teacher.behave = lambda text, _: ("this model reads text only", "error") if kind in text else None
    with pytest.raises(UserError, match=r"fails at all of the first examples: .*this model reads text only") as caught:
        run(instructions, tmp_path / "out", teacher.model)
    assert "\n" not in str(caught.value) and not teacher.said("focus")
    assert sum(teacher.asked.values()) <= 2 * extraction.TRIAL
    teacher.behave = lambda *_: None
    assert len(run(instructions, tmp_path / "out", teacher.model).rows) == 12


def test_a_wrong_count_of_statements_is_asked_for_once_more_with_sampling(
    teacher: Any, instructions: Path, tmp_path: Path
) -> None:
    teacher.behave = lambda text, times: (
        ("one\ntwo", "stop") if "declarative" in text and "number 3" in text and times == 1 else None
    )
    run(instructions, tmp_path / "out", teacher.model)
    rows = read(tmp_path / "out" / "data.jsonl")
    assert [one["provenance"]["source_id"] for one in rows if one["provenance"]["statements_retried"]] == ["llava-3"]
    sampled = [body for body in teacher.bodies if body["temperature"] > 0]
    assert len(sampled) == 1 and sampled[0]["seed"] is not None and sampled[0]["top_k"] == 20


def run_in_small_windows(instructions: Path, output: Path, model: str) -> None:
    extraction.PICTURE_WINDOW = 2
    run(instructions, output, model, batch_size=2)


def test_a_killed_run_goes_on_and_ends_with_the_same_rows(teacher: Any, instructions: Path, tmp_path: Path) -> None:
    run(instructions, tmp_path / "whole", teacher.model)
    answered = teacher.asked.copy()
    teacher.asked.clear()
    teacher.pause = 0.03
    cut = tmp_path / "cut"
    for stop_at in ("store.sqlite", "data.jsonl"):
        process = get_context("fork").Process(target=run_in_small_windows, args=(instructions, cut, teacher.model))
        process.start()
        while not ((cut / stop_at).is_file() and (cut / stop_at).stat().st_size) and process.is_alive():
            time.sleep(0.01)
        time.sleep(0.1)
        process.kill()
        process.join()
    whole_lines = (tmp_path / "whole" / "data.jsonl").read_bytes()
    lines = (cut / "data.jsonl").read_bytes()
    assert 0 < len(lines) < len(whole_lines)
    (cut / "data.jsonl").write_bytes(lines[:-7])  # a row torn by the stop
    teacher.pause = 0.0
    run(instructions, cut, teacher.model)
    assert (cut / "data.jsonl").read_bytes() == whole_lines
    assert (cut / "rejected.jsonl").read_bytes() == (tmp_path / "whole" / "rejected.jsonl").read_bytes()
    assert set(teacher.asked) == set(answered)
    # at most what was under way at a stop is asked again: two requests at a time, two stops
    assert sum(teacher.asked.values()) <= sum(answered.values()) + 2 * 2


def test_an_example_is_known_by_its_content_wherever_it_stands(
    teacher: Any, instructions: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    run(instructions, output, teacher.model)
    before, asked = read(output / "data.jsonl"), sum(teacher.asked.values())
    lines = [line for line in instructions.read_text().splitlines() if "torn" not in line]
    instructions.write_text("\n".join(reversed(lines)) + "\n")
    run(instructions, output, teacher.model)
    assert read(output / "data.jsonl") == [before[0], *before[:0:-1]]  # the first row stands at both ends
    assert sum(teacher.asked.values()) == asked


def test_what_could_not_be_read_is_tried_again(teacher: Any, instructions: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    run(instructions, output, teacher.model)
    before = (output / "rejected.jsonl").read_bytes()
    run(instructions, output, teacher.model)
    assert (output / "rejected.jsonl").read_bytes() == before
    for lost in ("99.jpg", "13.jpg"):
        Image.effect_noise((90, 60), 40).convert("RGB").save(instructions.parent / lost)
    run(instructions, output, teacher.model)
    assert [one["reason"] for one in read(output / "rejected.jsonl")] == ["unreadable_row", "no_question"]
    healed = [one["provenance"]["source_id"] for one in read(output / "data.jsonl")]
    assert healed == [*(f"llava-{i}" for i in (0, 1, 2, 3, 99)), *(f"llava-{i}" for i in range(4, 12)), "llava-13"]


def test_an_output_of_another_teacher_is_refused(teacher: Any, instructions: Path, tmp_path: Path) -> None:
    run(instructions, tmp_path / "out", teacher.model)
    with pytest.raises(ValueError, match="another model, prompt or decoding") as caught:
        run(instructions, tmp_path / "out", teacher.model.replace("teacher@", "other@"))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="must be one model"):
        run(instructions, tmp_path / "new", "decoupled:perception=a,reasoning=b")


def test_a_focus_is_each_questions_own_once() -> None:
    assert join_focuses(["the cat.", None, "the dog", "the cat"]) == "the cat; the dog"
    assert join_focuses([None, None]) is None


def test_a_real_tiny_model_teaches_from_the_mini_suite(
    random_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random weights say nothing of use, so all is set aside for a reason; the second call needs no model."""
    sources = open_sources(["mini:in_domain_GQA"], limit=3)
    assert all(isinstance(row, Example) for row in sources[0].rows)
    for name in ("CONVERTING", "AGAIN"):
        monkeypatch.setattr(statements, name, replace(getattr(statements, name), max_new_tokens=8))
    result = extract(sources, tmp_path / "out", str(random_nano))
    assert len(result.rows) + len(result.rejected) == 3
    assert {one["reason"] for one in result.rejected} <= {
        "statements_truncated",
        "statement_count",
        "description_truncated",
    }
    content = (tmp_path / "out" / "rejected.jsonl").read_bytes()
    extract(sources, tmp_path / "out", str(random_nano))
    assert (tmp_path / "out" / "rejected.jsonl").read_bytes() == content
