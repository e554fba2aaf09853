"""easy-VQA's rows: the schema, the options, what can be known without looking."""

import random
from collections import Counter

import pytest

from sightscale.tasks.easy_vqa.rows import FEATURES, SHAPES, build_rows, draw_options, read_questions
from sightscale.tasks.multiple_choice import DIRECT_INSTRUCTION, doc_to_text, process_results, read_options


@pytest.fixture(scope="module")
def rows():  # type: ignore[no-untyped-def]
    return build_rows("test")


def test_every_question_of_the_package_is_there_once(rows) -> None:  # type: ignore[no-untyped-def]
    questions, _ = read_questions("test")
    assert len(rows) == len(questions) == 9673
    assert rows["index"][:] == list(range(9673))
    assert rows.features == FEATURES


def test_options_hold_the_answer_once_and_no_option_twice(rows) -> None:  # type: ignore[no-untyped-def]
    questions, _ = read_questions("test")
    for doc, (_, answer, _) in zip(rows.remove_columns("image"), questions, strict=True):
        options = read_options(doc)
        assert options[doc["answer"]] == answer
        assert len(set(options.values())) == len(options) == (2 if doc["category"] == "yes/no" else 4)


def test_letters_are_balanced(rows) -> None:  # type: ignore[no-untyped-def]
    letters = Counter(doc["answer"] for doc in rows.remove_columns("image") if doc["category"] != "yes/no")
    assert all(abs(count / letters.total() - 0.25) < 0.03 for count in letters.values())


def test_options_depend_on_the_seed_and_nothing_else() -> None:
    first, again, other = (build_rows("test", seed).remove_columns("image") for seed in (0, 0, 1))
    assert first[:]["A"] == again[:]["A"]
    assert first[:]["A"] != other[:]["A"]


def test_a_shape_has_one_colour_among_its_options() -> None:
    options = draw_options("circle", random.Random(0))
    assert set(SHAPES) < set(options.values())


def test_the_prompt_is_vmcbenchs(rows) -> None:  # type: ignore[no-untyped-def]
    doc = {"question": "what is it?", "A": "x", "B": "y", "C": None, "D": None}
    assert doc_to_text(doc, {"pre_prompt": "", "post_prompt": DIRECT_INSTRUCTION}) == (
        "Question: what is it?\nOptions:\nA. x\nB. y\n"
        "Answer with the option's letter from the given choices directly.\n"
    )


def test_scoring_keeps_what_a_record_needs(rows) -> None:  # type: ignore[no-untyped-def]
    doc = rows[0]
    right = process_results(doc, [f"({doc['answer'].lower()})"])
    assert (right["accuracy"], right["outcome"], right["prediction"]) == (1.0, "answered", doc["answer"])
    silent = process_results(doc, ["Based on the image"])
    assert (silent["accuracy"], silent["outcome"], silent["prediction"]) == (0.0, "unparsed", None)


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(ValueError, match="train and test"):
        build_rows("dev")  # type: ignore[arg-type]
