"""Pictures that are kept: each once under its content's hash, at its own size, in its own file format."""

import hashlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from sightscale.tasks.pictures import UnreadablePicture
from sightscale.trainers.extraction.pictures import SUFFIXES, decode_picture, keep_picture


def encoded(kind: str, mode: str = "RGB") -> bytes:
    content = BytesIO()
    Image.effect_noise((61, 43), 40).convert(mode).save(content, kind)
    return content.getvalue()


@pytest.mark.parametrize("kind", SUFFIXES)
def test_every_format_is_kept_as_it_came(kind: str, tmp_path: Path) -> None:
    content = encoded(kind)
    picture, suffix = decode_picture(content)
    assert picture.size == (61, 43) and picture.mode == "RGB"
    kept = keep_picture(content, suffix, tmp_path)
    assert kept.sha256 == hashlib.sha256(content).hexdigest() and kept.name.endswith(f"{kept.sha256}{SUFFIXES[kind]}")
    assert (tmp_path / kept.name).read_bytes() == content
    assert keep_picture(content, suffix, tmp_path) == kept
    assert [path.name for path in (tmp_path / kept.name).parent.iterdir()] == [Path(kept.name).name]


def test_a_file_that_a_stop_left_half_written_is_written_again(tmp_path: Path) -> None:
    content = encoded("PNG")
    path = tmp_path / keep_picture(content, ".png", tmp_path).name
    path.write_bytes(content[:50])
    path.with_suffix(".partial").write_bytes(b"left over")
    keep_picture(content, ".png", tmp_path)
    assert path.read_bytes() == content


def test_a_file_is_linked_to_and_else_copied(tmp_path: Path) -> None:
    content = encoded("PNG")
    (tmp_path / "a.png").write_bytes(content)
    linked = keep_picture(content, ".png", tmp_path / "one", tmp_path / "a.png")
    assert (tmp_path / "one" / linked.name).samefile(tmp_path / "a.png")
    copied = keep_picture(content, ".png", tmp_path / "two", tmp_path / "gone.png")
    assert (tmp_path / "two" / copied.name).read_bytes() == content


def test_formats_that_training_might_not_read_are_refused() -> None:
    with pytest.raises(ValueError, match="format PPM"):
        decode_picture(encoded("PPM"))


@given(st.binary(max_size=300) | st.integers(0, 200).map(lambda cut: encoded("PNG")[:cut]))
def test_any_bytes_are_a_picture_or_an_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="picture"):
        decode_picture(content)


def test_a_picture_too_large_to_be_one_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UnreadablePicture, match="more pixels than Pillow opens"):
        decode_picture(encoded("PNG"))
