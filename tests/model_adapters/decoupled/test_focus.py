"""Focus: read from whatever a model says, kept from telling the question, exported and read back."""

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from sightscale.model_adapters.decoupled.focus import (
    LONGEST,
    leaks,
    parse_focus,
    read_focus,
    read_published,
    write_focus,
)

QUESTION = "Question: what colour is the large shape?\nOptions:\nA. red\nB. dark blue"


@pytest.mark.parametrize(
    ("said", "focus"),
    [
        ("Contents to observe: the number of cars", "the number of cars"),
        ("**Contents to observe:** the number of cars\n\nI hope this helps.", "the number of cars"),
        ("contents to observe :\n- the number of cars\n- the road", "the number of cars"),
        ('"Contents to observe: the number of cars"', "the number of cars"),
        ("<think>hm, cars\n</think>\n\nContents to observe: the cars", "the cars"),
        ("the number of cars.", "the number of cars."),
        ("the contents of the box", "the contents of the box"),
        ("<think>and on", None),
        ("Contents to observe:", None),
        ("  \n ** \n", None),
        ("", None),
    ],
)
def test_a_focus_is_read(said: str, focus: str | None) -> None:
    assert parse_focus(said) == focus


@given(st.text())
def test_whatever_is_said_the_focus_is_one_short_line_or_none(said: str) -> None:
    focus = parse_focus(said)
    if focus is not None:
        assert focus == focus.strip() and 0 < len(focus) <= LONGEST and len(focus.splitlines()) == 1
        assert not focus.lower().startswith("contents to observe:")


@given(st.from_regex(r"[a-z]{2,9}( [a-z]{2,9}){0,6}", fullmatch=True))
def test_the_marks_before_a_focus_come_off(focus: str) -> None:
    for said in (f"Contents to observe: {focus}", f"**Contents to observe:** {focus}", f"> *{focus}*"):
        assert parse_focus(said) == focus


@pytest.mark.parametrize(
    ("focus", "leaking"),
    [
        ("the colour of the large shape", False),
        ("the shape and its size", False),
        ("What colour is the large shape?", True),
        ("tell: what colour is  the large SHAPE", True),
        ("whether it is (A) red or (B) something", True),
        ("the red parts", True),
        ("whether it is dark blue", True),
        ("the dark parts", False),
    ],
)
def test_a_focus_that_tells_the_question_or_an_option_is_found(focus: str, leaking: bool) -> None:
    assert leaks(focus, QUESTION) == leaking
    assert leaks(focus, "Hint: look well. " + QUESTION) == leaking


def test_what_the_question_mentions_itself_is_no_leak() -> None:
    assert not leaks("the cat and the dog", "Which is larger, the cat or the dog?\nA. the cat\nB. the dog")
    assert not leaks("the colour", "What colour?")


@given(st.text(), st.text())
def test_the_check_for_leaks_takes_any_text(focus: str, question: str) -> None:
    assert leaks(focus, question) in (True, False)


def test_a_focus_file_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "focus.json"
    path.write_text(json.dumps({"easy_vqa": {"0": "the shape"}}))
    assert read_focus(path) == {"easy_vqa": {"0": "the shape"}}
    for content in ("[1]", '{"easy_vqa": 3}', "{", '{"0": "the shape"}', "[" * 100_000):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"focus\.json"):
            read_focus(path)


@given(st.dictionaries(st.text(), st.dictionaries(st.integers(0).map(str), st.text(st.characters(codec="utf-8")))))
def test_a_focus_file_comes_back_as_it_was_written(focuses: dict[str, dict[str, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "focus.json"
        focuses = {task.encode("utf-8", "replace").decode(): one for task, one in focuses.items()}
        write_focus(focuses, {"model": "m"}, path)
        assert read_focus(path) == focuses
        assert json.loads(path.read_text())["provenance"] == {"model": "m"}


@pytest.mark.parametrize(
    "content",
    [
        {"0": "Contents to observe: the cat", "7": "the dog.", "8": ""},
        [{"index": 0, "focus": "the cat"}, {"index": 7, "focus": "the dog."}, {"index": 8, "focus": " "}],
    ],
)
def test_a_published_file_is_read_by_index(content: object, tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    path.write_text(json.dumps(content))
    assert read_published(path) == {"0": "the cat", "7": "the dog."}


@pytest.mark.parametrize("content", ["{}", "[]", '{"a": "x"}', '{"0": 1}', '[{"index": 0}]', '[["0", "x"]]', "3"])
def test_a_file_that_is_no_published_focus_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"published\.json must hold"):
        read_published(path)
