"""Opening pictures: the same upright RGB from every source, mode and file format, or a named error."""

import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image, ImageFile, ImageOps

from sightscale.tasks.pictures import (
    UnreadablePicture,
    open_all,
    open_picture,
    open_with_format,
    read_size,
    whole_files,
)

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    content = BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def grey(picture: Image.Image) -> list[int]:
    """The values of the first row, which must be grey."""
    pixels = np.asarray(picture)[0]
    assert picture.mode == "RGB" and (pixels == pixels[:, :1]).all()
    return [int(value) for value in pixels[:, 0]]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 100, "subsampling": 0}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright_and_their_size_is_told_without_decoding(
    kind: str, options: dict[str, Any], orientation: int
) -> None:
    stored = Image.new("RGB", (8, 4))
    stored.putpixel((0, 0), WHITE)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(stored, kind, exif=exif, **options)
    picture = open_picture(content)
    methods = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    right = stored.transpose(methods[orientation]) if orientation > 1 else stored
    assert picture.size == right.size == read_size(content)
    assert (np.asarray(picture) > 128).tolist() == (np.asarray(right) > 128).tolist()
    assert open_picture(picture).tobytes() == picture.tobytes()  # and not turned twice


def test_a_png_that_says_its_orientation_after_its_pixels_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    plain, turned = encode(Image.new("RGB", (8, 4))), encode(Image.new("RGB", (8, 4)), exif=exif)
    at = turned.index(b"eXIf") - 4
    chunk = turned[at : at + 12 + int.from_bytes(turned[at : at + 4], "big")]
    end = plain.index(b"IEND") - 4
    content = plain[:end] + chunk + plain[end:]
    assert read_size(content) == open_picture(content).size == (4, 8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_however_dark_they_are(kind: str) -> None:
    ramp = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    assert grey(open_picture(encode(Image.fromarray(ramp), kind))) == [0, 1, 128, 255]
    assert grey(open_picture(encode(Image.fromarray(ramp // 300), kind))) == [0, 0, 0, 1]


def test_wide_values_of_other_kinds_are_scaled_by_what_they_span() -> None:
    def scaled(values: list[float], kind: type) -> list[int]:
        return grey(open_picture(encode(Image.fromarray(np.array([values], dtype=kind)), "TIFF")))

    assert scaled([0.0, 0.5, 1.0], np.float32) == [0, 128, 255]
    assert scaled([0.0, 127.0, 255.0], np.float32) == [0, 127, 255]
    assert scaled([0.0, 32896.0, 65535.0], np.float32) == [0, 128, 255]
    assert scaled([-1.0, 0.0, 1.0], np.float32) == [0, 128, 255]
    assert scaled([7e9, 7e9], np.float32) == [0, 0]
    assert scaled([0, 127, 255], np.int32) == [0, 127, 255]
    assert scaled([0, 257, 65535], np.int32) == [0, 1, 255]
    assert scaled([-100, 0, 100], np.int32) == [0, 128, 255]
    for value in (np.nan, np.inf):
        with pytest.raises(UnreadablePicture, match="pixels that are no numbers"):
            scaled([0.0, value], np.float32)


def transparent_ink(mode: str) -> bytes:
    """One black pixel, and one that is transparent, and black where nobody sees it."""
    if mode in ("RGBA", "LA"):
        image = Image.new(mode, (2, 1), (0,) * len(mode))
        image.putpixel((0, 0), (0,) * (len(mode) - 1) + (255,))
        return encode(image)
    image = Image.new(mode, (2, 1), 0)
    if mode == "RGB":
        image.putpixel((1, 0), (1, 2, 3))
        return encode(image, transparency=(1, 2, 3))
    if mode == "P":
        image.putpalette([0, 0, 0, 9, 9, 9])
    image.putpixel((1, 0), 1)
    return encode(image, transparency=1)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB", "1", "I;16"])
def test_what_is_transparent_lies_on_white(mode: str) -> None:
    picture = open_picture(transparent_ink(mode))
    assert picture.mode == "RGB" and picture.info.get("transparency") is None
    assert [picture.getpixel((x, 0)) for x in (0, 1)] == [BLACK, WHITE]


def test_half_transparent_is_half_white() -> None:
    assert open_picture(Image.new("RGBA", (1, 1), (0, 0, 0, 128))).getpixel((0, 0)) == (127, 127, 127)
    assert open_picture(Image.new("RGBa", (1, 1), (0, 0, 0, 128))).getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV", "LAB", "La", "RGBa", "RGBX", "LA", "PA", "I", "F", "I;16", "I;16B"]
)
def test_every_mode_becomes_rgb(mode: str) -> None:
    assert open_picture(Image.new(mode, (3, 2))).mode == "RGB"


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        content = encode(
            frames[0], kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
        )
        assert open_picture(content).getpixel((0, 0)) == (255, 0, 0)


def test_every_source_gives_the_same_picture(tmp_path: Path) -> None:
    image = Image.effect_noise((20, 10), 60).convert("RGB")
    content = encode(image)
    path = tmp_path / "a.png"
    path.write_bytes(content)
    sources = [image, content, path, str(path), {"bytes": content, "path": None}, {"bytes": None, "path": str(path)}]
    assert {open_picture(source).tobytes() for source in sources} == {image.tobytes()}
    assert {read_size(source) for source in sources} == {(20, 10)}
    assert open_with_format(content)[1] == "PNG" and open_picture(image) is image


def test_the_sources_pixels_stay_as_they_are() -> None:
    image = Image.new("RGBA", (1, 1))
    before = image.tobytes()
    open_picture(image)
    assert image.tobytes() == before and image.mode == "RGBA"


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_file_that_ends_early_is_refused_whatever_pillow_was_told(
    kind: str, accepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", accepted)
    whole = encode(Image.effect_noise((200, 150), 40).convert("RGB"), kind)
    assert open_picture(whole).size == (200, 150)
    for end in (len(whole) // 2, 40, 9):
        with pytest.raises(UnreadablePicture, match=r"^the picture can't be read: "):
            open_picture(whole[:end])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is accepted


def test_threads_may_open_pictures_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with whole_files():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=stay)
    thread.start()
    assert inside.wait(10)
    with whole_files():
        pass
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False  # the other is still inside
    leave.set()
    thread.join()
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"", "the picture can't be read: it is empty"),
        (b"version https://git-lfs.github.com/spec/v1", "it is in no format that Pillow knows"),
        ("/nowhere/a.png", r"the picture /nowhere/a\.png can't be read: no such file or directory"),
        ({"bytes": b"x", "path": "a.png"}, r"the picture a\.png can't be read"),
        ({"bytes": None, "path": None}, "there is no picture"),
        (None, "there is no picture"),
    ],
)
def test_what_cannot_be_opened_is_named(source: Any, reason: str) -> None:
    for opening in (open_picture, read_size):
        with pytest.raises(UnreadablePicture, match=reason) as caught:
            opening(source)
        assert "\n" not in str(caught.value)


def test_a_picture_too_large_to_be_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UnreadablePicture, match=r"it has more pixels than Pillow opens .200."):
        open_picture(encode(Image.new("RGB", (61, 43))))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_picture_or_a_named_error(content: bytes) -> None:
    try:
        assert open_picture(content).mode == "RGB"
    except UnreadablePicture as error:
        assert str(error)


@given(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF"]), st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_file_is_a_picture_or_a_named_error(kind: str, at: int, value: int) -> None:
    content = bytearray(encode(Image.linear_gradient("L").resize((16, 16)).convert("RGB"), kind))
    content[at % len(content)] = value
    try:
        assert open_picture(bytes(content)).mode == "RGB"
    except UnreadablePicture as error:
        assert str(error)


def test_every_picture_of_a_document_is_opened_however_deep() -> None:
    sixteen = Image.fromarray(np.array([[65535]], dtype=np.uint16))
    document = {"images": [sixteen, {"image": Image.new("LA", (1, 1))}], "text": "x", "options": ["A"], "none": None}
    opened = open_all(document)
    assert opened["images"][0].getpixel((0, 0)) == opened["images"][1]["image"].getpixel((0, 0)) == WHITE
    assert (opened["text"], opened["options"], opened["none"]) == ("x", ["A"], None)
    assert document["images"][0] is sixteen  # type: ignore[index]


def test_upright_pictures_equal_pillows_own_turning() -> None:
    exif = Image.Exif()
    exif[0x0112] = 5
    content = encode(Image.effect_noise((9, 4), 80).convert("RGB"), exif=exif)
    with Image.open(BytesIO(content)) as image:
        assert open_picture(content).tobytes() == ImageOps.exif_transpose(image).tobytes()
