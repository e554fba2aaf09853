"""Pictures: the one way to open a picture, so that all models, hashes, targets and thumbnails have the same pixels.

A picture is the RGB that a viewer shows: upright, the first frame of an animation, 16-bit and float values scaled to
eight bits, transparent pixels on white. A file that ends early is an error, not a picture with a grey rest.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from sightscale.tasks.errors import first_line

Source = Image.Image | bytes | Path | str | Mapping[str, Any]

MARK = "<image>"  # where a picture stands in a prompt, as lmms-eval's tasks of several pictures write it

ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)  # the Exif tag, and its values under which width and height change places
LARGEST_16_BIT, LARGEST_8_BIT = 65535, 255
# Where a PNG file may say how it is turned; other files say it in their header.
_PNG_ORIENTATION = (b"eXIf", b"Raw profile type exif", b"adobe:ns:meta", b"XML:com.adobe.xmp")

_LOCK = threading.Lock()
_inside, _accepted = 0, False


class UnreadablePicture(ValueError):
    """A picture that can't be opened. The message names it and the reason, which `reason` keeps."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason or message


@contextmanager
def whole_files() -> Iterator[None]:
    """Let Pillow refuse files that end early; lmms-eval sets it, for the whole process, to fill them up with grey.

    Several threads may be inside; Pillow's setting is restored when the last of them leaves.
    """
    global _inside, _accepted
    with _LOCK:
        if not _inside:
            _accepted = ImageFile.LOAD_TRUNCATED_IMAGES
        _inside += 1
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        with _LOCK:
            _inside -= 1
            if not _inside:
                ImageFile.LOAD_TRUNCATED_IMAGES = _accepted


@contextmanager
def broken_later() -> Iterator[None]:
    """Let data sets return a blank pixel for a picture that can't be decoded, except inside `whole_files`.

    lmms-eval decodes a task's first document to load the task, so one broken picture would cost all questions.
    """
    decode = datasets.Image.decode_example

    def decode_or_blank(feature: datasets.Image, value: Any, token_per_repo_id: Any = None) -> Image.Image:
        try:
            picture: Image.Image = decode(feature, value, token_per_repo_id)
        except Exception:  # decoders raise errors of every kind on damaged files
            if _inside:
                raise
            return Image.new("RGB", (1, 1))
        return picture

    datasets.Image.decode_example = decode_or_blank
    try:
        yield
    finally:
        datasets.Image.decode_example = decode


def open_picture(source: Source) -> Image.Image:
    """The picture of a file, a file's content, a `datasets` cell (`bytes` or `path`) or a PIL image, as upright RGB.

    A PIL image that needs no change is returned unchanged. Raises UnreadablePicture.
    """
    return open_with_format(source)[0]


def open_with_format(source: Source) -> tuple[Image.Image, str | None]:
    """The picture as from `open_picture`, and Pillow's name of its file's format (None if there is no file)."""
    with _opened(source) as image:
        image.load()
        return _as_rgb(_upright(image)), image.format


def read_size(source: Source) -> tuple[int, int]:
    """Width and height in pixels of the picture from `open_picture`, read from its file's header.

    Raises UnreadablePicture.
    """
    with _opened(source) as image:
        # Pillow tells a TIFF file's size upright before its pixels are read, and turned wrongly with the tag again.
        width, height = (image.tag_v2[tag] for tag in (256, 257)) if isinstance(image, TiffImageFile) else image.size
        turned = _may_be_turned(source, image) and image.getexif().get(ORIENTATION) in SIDEWAYS
        return (height, width) if turned else (width, height)


def open_all(document: Any) -> Any:
    """A document with every PIL image in it, at any depth, as from `open_picture`; the rest unchanged.

    Raises UnreadablePicture.
    """
    if isinstance(document, Image.Image):
        return open_picture(document)
    if isinstance(document, dict):
        return {name: open_all(value) for name, value in document.items()}
    if isinstance(document, list):
        return [open_all(value) for value in document]
    return document


@contextmanager
def _opened(source: Source) -> Iterator[Image.Image]:
    """The source as a PIL image; any error inside becomes an UnreadablePicture that names the source."""
    name, given = _locate(source)
    try:
        with whole_files():
            if isinstance(given, Image.Image):
                yield given
            else:
                with Image.open(BytesIO(given) if isinstance(given, bytes) else given) as image:
                    yield image
    except Exception as error:  # decoders raise errors of every kind on damaged files
        reason = _explain(error, given)
        raise UnreadablePicture(f"{name} can't be read: {reason}", reason) from error


def _explain(error: Exception, given: Image.Image | bytes | Path) -> str:
    if given == b"":
        return "it is empty"
    if isinstance(error, UnidentifiedImageError):
        return "it is in no format that Pillow knows"
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more pixels than Pillow opens ({2 * (Image.MAX_IMAGE_PIXELS or 0):,})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return first_line(error) or type(error).__name__


def _locate(source: Source) -> tuple[str, Image.Image | bytes | Path]:
    """The source's name for messages, and where its pixels come from. Raises UnreadablePicture if it has none."""
    if isinstance(source, Image.Image):
        return "the picture", source
    if isinstance(source, bytes):
        return "the picture", source
    if isinstance(source, Mapping):
        if source.get("bytes") is not None:
            path = source.get("path")
            return (f"the picture {path}" if path else "the picture"), bytes(source["bytes"])
        if source.get("path"):
            return _locate(source["path"])
        raise UnreadablePicture("there is no picture: neither bytes nor a path")
    if source is None:
        raise UnreadablePicture("there is no picture")
    return f"the picture {source}", Path(source)


def _may_be_turned(source: Source, image: Image.Image) -> bool:
    """Whether the file's Exif data must be asked; Pillow decodes a whole PNG file to find none."""
    if image.format != "PNG":
        return True
    _, given = _locate(source)
    if isinstance(given, Image.Image):
        return True
    content = given if isinstance(given, bytes) else given.read_bytes()
    return any(mark in content for mark in _PNG_ORIENTATION)


def _upright(image: Image.Image) -> Image.Image:
    """The image, turned as its Exif orientation says. If the Exif data can't be read, it isn't turned."""
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:  # viewers ignore damaged Exif data too
        return image
    return image if orientation == 1 else ImageOps.exif_transpose(image)


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image if type(image) is Image.Image else image.copy()  # a file's image goes with its file
    if image.mode.startswith("I") or image.mode == "F":
        return _scale(image)
    if image.mode == "LAB":
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
        assert converted is not None  # it is None only for changes in place
        return converted
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("LA") if image.mode == "La" else image
        seen = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    return image.convert("RGB")


def _scale(image: Image.Image) -> Image.Image:
    """A picture of wide grey values (modes I, I;16, F) in eight bits, with transparent pixels white.

    Values are fractions of 1 (F), of 255 or of 65,535: the first of these that is large enough for all of them. Values
    of 16-bit files are always fractions of 65,535. Any others are stretched from the smallest to the largest.
    """
    values = np.asarray(image, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("it has pixels that are no numbers")
    least, largest = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    bounds: tuple[float, ...] = (1, LARGEST_8_BIT, LARGEST_16_BIT) if image.mode == "F" else (255, LARGEST_16_BIT)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        bounds = (LARGEST_16_BIT,)
    bound = next((bound for bound in bounds if least >= 0 and largest <= bound), None)
    if bound is not None:
        shares = values / bound
    else:
        shares = (values - least) / (largest - least) if largest > least else np.zeros_like(values)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        shares = np.where(values == transparent, 1.0, shares)
    grey = np.rint(shares * LARGEST_8_BIT).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")
