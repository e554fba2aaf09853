"""Records: what strangers may have written into them is read as what it should be, or not at all."""

import json

import pytest

from sightscale.harness.evaluation import check_options, parse_options


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ('{"A": "red", "B": "blue"}', {"A": "red", "B": "blue"}),
        (None, {}),
        (float("nan"), {}),
        ("{", None),
        ("[" * 100_000, None),
        ('["red"]', None),
        ('{"A": 1}', None),
        ('{"option A": "red"}', None),
        (json.dumps({f"{number}": "x" for number in range(27)}), None),
    ],
)
def test_options_are_letters_with_texts_and_anything_else_is_noticed(
    text: object, options: dict[str, str] | None
) -> None:
    assert check_options(text) == options and parse_options(text) == (options or {})
