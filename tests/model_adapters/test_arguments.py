"""Arguments: values of model strings are read by type, and what isn't one is named."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from sightscale.model_adapters.arguments import read_count, read_flag
from sightscale.tasks.errors import UserError


@pytest.mark.parametrize(("value", "flag"), [(True, True), ("true", True), (" False ", False), (False, False)])
def test_a_flag_is_one_of_two_words(value: Any, flag: bool) -> None:
    assert read_flag("greedy", value) is flag


@pytest.mark.parametrize("value", ["perhaps", "", "1", "yes", 1, None])
def test_another_word_is_no_flag(value: Any) -> None:
    with pytest.raises(UserError, match=r"greedy=.* must be true or false"):
        read_flag("greedy", value)


@given(st.integers(1, 10**9))
def test_a_count_is_read_from_text_and_number(number: int) -> None:
    assert read_count("budget", number) == read_count("budget", f" {number} ") == number


@pytest.mark.parametrize("value", ["abc", "", "-1", "0", "1.5", "1e3", "9" * 5000, 10**30, True, None, "²", "٣"])
def test_what_is_no_count_is_refused_in_one_short_line(value: Any) -> None:
    with pytest.raises(UserError, match=r"budget=.* must be a whole number from 1 to 1,000,000,000"):
        read_count("budget", value)
