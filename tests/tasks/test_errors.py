"""Errors for a user: one line that names the path and the reason."""

from pathlib import Path

import pytest

from sightscale.tasks.errors import UserError, blaming, first_line


@pytest.mark.parametrize(
    ("message", "line"), [("a\nb", "a"), ("\n  \n b \n", "b"), ("", "ValueError"), ("\n", "ValueError")]
)
def test_the_first_line_says_something(message: str, line: str) -> None:
    assert first_line(ValueError(message)) == line


def test_a_file_systems_error_names_its_path_and_reason(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(UserError) as caught, blaming(tmp_path, "read"):
        missing.read_text()
    assert str(caught.value) == f"cannot read {missing}: no such file or directory"


def test_an_error_without_a_path_names_the_one_in_use() -> None:
    with pytest.raises(UserError, match="cannot write out: oserror"), blaming("out", "write"):
        raise OSError


@pytest.mark.parametrize("error", [UserError("said already"), KeyError("a bug")])
def test_other_errors_pass_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, blaming("out"):
        raise error
    assert caught.value is error
