"""Options in another order: the right letter follows, nothing else changes."""

from pathlib import Path

import datasets
import pytest

from sightscale.tasks.mini import build_rows
from sightscale.tasks.mmstar.questions import read_question
from sightscale.tasks.multiple_choice import read_options
from sightscale.tasks.option_orders import OptionOrder, arrange_options, is_bound, parse_order
from sightscale.tasks.sources import DATA, DATA_ROOT, OPTIONS, DataChoice, chosen, follow_pointer, reading
from sightscale.tasks.vocabulary import DataOrigin


@pytest.fixture(scope="module")
def rows():  # type: ignore[no-untyped-def]
    return build_rows("in_domain/GQA", n=40)


def test_every_rotation_asks_for_the_same_text(rows) -> None:  # type: ignore[no-untyped-def]
    turned = arrange_options(rows, "circular")
    assert len(turned) == 160
    for number, doc in enumerate(rows):
        own = [turned[4 * number + k] for k in range(4)]
        answer, guess = read_options(doc)[doc["answer"]], read_options(doc)[doc["blind_answer"]]
        assert {read_options(one)[one["answer"]] for one in own} == {answer}
        assert {read_options(one)[one["blind_answer"]] for one in own} == {guess}
        assert sorted(one["answer"] for one in own) == list("ABCD")
        assert [one["order"] for one in own] == ["ABCD", "BCDA", "CDAB", "DABC"]
        assert all(one["image"].tobytes() == doc["image"].tobytes() and one["index"] == doc["index"] for one in own)


def test_a_shuffle_depends_on_its_seed(rows) -> None:  # type: ignore[no-untyped-def]
    first, again, other = (arrange_options(rows, f"shuffled:{seed}") for seed in (1, 1, 2))
    assert first["A"][:] == again["A"][:] != other["A"][:]
    assert len(first) == 40 and first["order"][:] != ["ABCD"] * 40
    for doc, moved in zip(rows, first, strict=True):
        assert read_options(moved)[moved["answer"]] == read_options(doc)[doc["answer"]]
        assert sorted(read_options(moved).values()) == sorted(read_options(doc).values())


def test_mmstars_questions_are_written_anew_in_their_own_form() -> None:
    rows = build_rows("mmstar", n=10)
    turned = arrange_options(rows, "circular")
    assert len(turned) == 240
    for number, doc in enumerate(rows):
        was = read_question(doc["question"])
        now = turned[4 * number + 1]
        question = read_question(now["question"])
        assert was and question and (question.stem, question.form) == (was.stem, was.form)
        assert question.options[now["answer"]] == was.options[doc["answer"]]
        assert turned[4 * number]["question"] == doc["question"]  # the first rotation is the original, to the byte


def test_rows_that_are_no_multiple_choice_stay_as_they_are() -> None:
    for name in ("refcoco/val", "nights", "imagenet"):
        rows = build_rows(name, n=3)
        assert arrange_options(rows, "circular") is rows


def test_two_options_rotate_twice_and_missing_ones_stay_missing() -> None:
    with reading("hub", None, "circular"):
        import datasets

        rows = follow_pointer(datasets.Dataset.from_list([{"package": "easy_vqa", "arguments": {"split": "test"}}]))
    some = rows.remove_columns("image").select(range(200))
    yes_no = [doc for doc in some if doc["category"] == "yes/no"]
    assert yes_no and all(doc["C"] is None and doc["order"] in ("AB", "BA") for doc in yes_no)


def test_orders_are_parsed_or_named() -> None:
    assert parse_order("") is None
    assert parse_order(" circular ") == OptionOrder("circular") and parse_order("shuffled:7") == OptionOrder(
        "shuffled", 7
    )
    for wrong in ("shuffled", "shuffled:x", "circular:2", "random"):
        with pytest.raises(ValueError, match="known: circular, shuffled:SEED"):
            parse_order(wrong)


def test_what_tasks_read_is_chosen_for_a_while_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (DATA, DATA_ROOT, OPTIONS, "SIGHTSCALE_MINI_QUESTIONS"):
        monkeypatch.delenv(variable, raising=False)
    with reading("mini", tmp_path, "shuffled:1", 7):
        assert chosen() == DataChoice(DataOrigin.MINI, tmp_path, "shuffled:1", 7)
        with reading("hub"):  # what isn't given stays
            assert chosen() == DataChoice(DataOrigin.HUB, tmp_path, "shuffled:1", 7)
    assert chosen() == DataChoice()
    for data, root, order in (("tiny", None, ""), ("hub", tmp_path / "no", ""), ("hub", None, "best")):
        with pytest.raises(ValueError, match=r"data|order"), reading(data, root, order):
            pass


@pytest.mark.parametrize(
    "text",
    [
        "None of the above",
        "all of the above.",
        "Both of these",
        "Neither of the above options",
        "None of these options is right",
        "All options",
        "Both A and C",
        "A and B",
        "(A) and (C) are correct",
        "A, B and C",
        "Only B",
        "neither A nor B",
        "Option B",
    ],
)
def test_an_option_that_speaks_of_others_is_bound_to_its_place(text: str) -> None:
    assert is_bound(text, "ABCD")


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "(B)",
        "The cup is above the table",
        "above the table",
        "none",
        "two dogs",
        "Both dogs are brown",
        "X and Y",
        "A dog",
        "one of the dogs",
        "All cars are above the line",
        "",
        "Answer",
    ],
)
def test_an_option_that_says_what_is_seen_is_free(text: str) -> None:
    assert not is_bound(text, "ABCD")


def choice_rows(options: dict[str, str], answer: str) -> datasets.Dataset:
    return datasets.Dataset.from_list([{"index": 0, "question": "which?", **options, "answer": answer}])


def test_ten_options_have_ten_rotations() -> None:
    letters = "ABCDEFGHIJ"
    turned = arrange_options(choice_rows({letter: f"word {letter}" for letter in letters}, "J"), "circular")
    assert len(turned) == 10 and sorted(turned["answer"]) == list(letters)
    for place in letters:  # each text stands in each place once
        assert sorted(turned[place]) == [f"word {letter}" for letter in letters]


@pytest.mark.parametrize("order", ["circular", "shuffled:1"])
def test_a_question_with_a_bound_option_is_asked_once_as_it_is(order: str, caplog: pytest.LogCaptureFixture) -> None:
    options = {"A": "a cat", "B": "a dog", "C": "both of the above"}
    with caplog.at_level("INFO", "sightscale"):
        (asked,) = arrange_options(choice_rows(options, "C"), order)
    assert {letter: asked[letter] for letter in options} == options
    assert (asked["answer"], asked["order"]) == ("C", "ABC")
    assert "1 of 1 questions keep their order" in caplog.text


def test_ten_of_mmstars_options_are_read() -> None:
    listed = ", ".join(f"{letter}: word {letter}" for letter in "ABCDEFGHIJ")
    question = read_question(f"which?\nOptions: {listed}")
    assert question and list(question.options) == list("ABCDEFGHIJ")
