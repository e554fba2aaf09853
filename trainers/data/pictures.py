"""Picture files decoded whole: one that ends early is an error, never a picture with a grey rest.

lmms-eval tells Pillow to accept such files, for the whole process, as soon as it is imported.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageFile


@contextmanager
def open_whole(source: Path | bytes) -> Iterator[Image.Image]:
    """The picture of a file, or of a file's content. Raises OSError or ValueError where its pixels aren't all there."""
    accepts = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source) as image:
            yield image
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = accepts
