"""Files of a user's own: each thing that can be wrong with one is told in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from sightscale.tasks.errors import UserError
from sightscale.tasks.user_files import read_json, read_text, read_yaml


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert read_text(path, "the file") == "[1]" and read_json(path, "the file") == read_yaml(path, "the file") == [1]


@pytest.mark.parametrize(
    ("content", "read", "reason"),
    [
        (b"a\xff", read_text, "it isn't UTF-8 text .byte 1.; save it as UTF-8"),
        (b"b: 1\na: [", read_yaml, "the file .* is not YAML: line 2: expected the node content"),
        (b"a: 1\nb: {c: 2, d: 3, c: 4}", read_yaml, "the key 'c' is given twice, line 2"),
        (b'{"a": {"b": 1, "b": 2}}', read_json, "the key 'b' is given twice"),
        (b"2020-13-45", read_yaml, "is not YAML"),
        (b"[" * 100_000, read_json, "is not JSON"),
        (b"", read_json, "is not JSON"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: bytes, read: Callable[..., Any], reason: str) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(UserError, match=reason):
        read(tmp_path / "f", "the file")


def test_a_folder_and_nothing_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(UserError, match=f"cannot read the file {path}"):
            read_text(path, "the file")


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    for read in (read_yaml, read_json):
        try:
            read(path, "the file")
        except UserError as error:
            assert "\n" not in str(error)
