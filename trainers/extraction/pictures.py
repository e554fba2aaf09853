"""Pictures of extraction data: kept at their native resolution, each once, under the hash of its content."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sightscale.tasks.errors import UserError
from sightscale.tasks.pictures import open_with_format

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif"}


@dataclass(frozen=True)
class Kept:
    """A picture's file, as named in a row, and the SHA-256 of its content."""

    name: str
    sha256: str


def decode_picture(content: bytes) -> tuple[Image.Image, str]:
    """The picture as `tasks.pictures` opens it, and its file's suffix.

    Raises UserError for a format that isn't kept, UnreadablePicture when it can't be decoded.
    """
    picture, kind = open_with_format(content)
    suffix = SUFFIXES.get(kind or "")
    if suffix is None:
        raise UserError(f"pictures of format {kind} aren't kept; known: {', '.join(SUFFIXES)}")
    return picture, suffix


def keep_picture(content: bytes, suffix: str, folder: Path, file: Path | None = None) -> Kept:
    """Have a picture's content in `folder`, whole or not at all; `file` is linked to where the disk can do that."""
    digest = hashlib.sha256(content).hexdigest()
    name = f"images/{digest[:2]}/{digest}{suffix}"
    path = folder / name
    if not (path.is_file() and path.stat().st_size == len(content)):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        try:
            if file is None:
                raise OSError("its content comes from no file of its own")
            partial.hardlink_to(file.resolve())
        except OSError:  # another disk, or one that knows no links
            partial.write_bytes(content)
        partial.replace(path)
    return Kept(name, digest)
