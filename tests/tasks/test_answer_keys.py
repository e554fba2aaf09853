"""Answer keys: put in one form, and refused where no option bears them."""

from typing import Any

import datasets
import pytest
from hypothesis import given, strategies as st

from sightscale.tasks.answer_keys import check_keys
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import SETS, build_rows


def choice(answer: Any, **options: Any) -> dict[str, Any]:
    return {"index": 0, "question": "which?", "A": "cat", "B": "dog", "C": None, **options, "answer": answer}


def make_rows(*documents: dict[str, Any]) -> datasets.Dataset:
    text = datasets.Value("string")
    features = {name: datasets.Value("int64") if name == "index" else text for name in documents[0]}
    return datasets.Dataset.from_list(list(documents), features=datasets.Features(features))


@pytest.mark.parametrize("answer", ["b", "B ", " b", "(B)", "B."])
def test_a_key_is_put_in_one_form(answer: str) -> None:
    rows = check_keys(make_rows(choice("A"), choice(answer)), "set")
    assert rows["answer"][:] == ["A", "B"]
    assert rows["B"][:] == ["dog", "dog"] and rows["index"][:] == [0, 0]


@pytest.mark.parametrize("answer", [None, "", "C", "D", "dog", "1"])
def test_a_key_that_no_option_bears_is_named_with_its_row(answer: Any) -> None:
    with pytest.raises(UserError, match=rf"set: row 2 has the answer {answer!r}, none of its options A, B; every"):
        check_keys(make_rows(choice("A"), choice(answer)), "set")


def test_a_question_with_fewer_than_two_options_is_named() -> None:
    with pytest.raises(UserError, match="row 1 has 1 options; row 2 has 0 options"):
        check_keys(make_rows(choice("A", B=None), choice("A", A=" ", B="")), "set")


def test_many_faults_are_counted() -> None:
    with pytest.raises(UserError, match=r"row 1 .*; row 2 .*; row 3 [^;]*, and 7 more rows;"):
        check_keys(make_rows(*[choice("E")] * 10), "set")


def test_mmstars_keys_are_held_against_the_options_in_the_text() -> None:
    def ask(answer: str, text: str = "which?\nOptions: A: cat, B: dog") -> dict[str, Any]:
        return {"index": 0, "question": text, "answer": answer}

    assert check_keys(make_rows(ask("a"), ask("D", "which? (A) 54 or more")), "set")["answer"][:] == ["A", "D"]
    with pytest.raises(UserError, match="row 2 has the answer 'C', none of its options A, B"):
        check_keys(make_rows(ask("A"), ask("C")), "set")
    with pytest.raises(UserError, match="row 2 has the answer '7', no letter"):
        check_keys(make_rows(ask("A"), ask("7", "which?")), "set")


def test_sound_rows_and_rows_of_another_kind_stay_as_they_are() -> None:
    for name in SETS:
        rows = build_rows(name, n=3)
        assert check_keys(rows, name) is rows


@given(st.lists(st.text(max_size=4), min_size=1, max_size=5))
def test_any_keys_are_letters_afterwards_or_refused(answers: list[str]) -> None:
    try:
        rows = check_keys(make_rows(*map(choice, answers)), "set")
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert set(rows["answer"]) <= {"A", "B"}
