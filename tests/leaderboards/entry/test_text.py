"""Submitted text: what an entry may hold, and how foreign values are shown without harm."""

import pytest
from hypothesis import given, strategies as st

from sightscale.harness.pages import check_line, escape_markdown, hide_folders, show_value


@given(st.text(max_size=300))
def test_foreign_text_is_shown_without_what_could_harm(text: str) -> None:
    shown = show_value(text)
    assert len(shown) < 121 * 8 and not any(ord(character) < 32 for character in shown) and "\u202e" not in shown
    cell = escape_markdown(text)
    assert "\n" not in cell and "<" not in cell and not any(f" {mark}" in f" {cell}" for mark in ("|", "#", "@"))
    try:
        assert check_line(text) == text
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("value", "public"),
    [
        ("end-to-end(/home/me/my models/x@12ab|transformers)", "end-to-end(x@12ab|transformers)"),
        ("~/models/x.gguf", "x.gguf"),
        ("C:\\models\\x.gguf", "x.gguf"),
        ("owner/name@main", "owner/name@main"),
        ("http://localhost:8000/v1|name", "http://localhost:8000/v1|name"),
        ("1 / 2", "1 / 2"),
        ({"focus": ["/a/b/f.yaml", 1, None]}, {"focus": ["f.yaml", 1, None]}),
    ],
)
def test_folders_of_absolute_paths_are_left_out(value: object, public: object) -> None:
    assert hide_folders(value) == public
