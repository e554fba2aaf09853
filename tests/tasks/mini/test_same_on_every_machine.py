"""Every set of the mini suite, word for word and pixel for pixel, held against hashes that were written once."""

import hashlib
import json
from pathlib import Path

import pytest
from PIL import Image

from sightscale.tasks.mini import SETS, build_rows

GOLDEN = Path(__file__).parent / "golden_rows.txt"
ROWS = 4


def row_hashes(name: str) -> str:
    """A set's first rows: the hash of all they say, and the hash of all they show, as decoded pixels."""
    words, pixels = hashlib.sha256(), hashlib.sha256()
    for row in build_rows(name, n=ROWS):
        pictures = {key: value for key, value in row.items() if isinstance(value, Image.Image)}
        said = {key: value for key, value in row.items() if key not in pictures}
        words.update(json.dumps(said, sort_keys=True).encode())
        for key, picture in sorted(pictures.items()):
            pixels.update(f"{key} {picture.mode} {picture.size}".encode() + picture.tobytes())
    return f"{words.hexdigest()[:32]} {pixels.hexdigest()[:32]}"


def golden() -> dict[str, str]:
    lines = (line.split(": ") for line in GOLDEN.read_text().splitlines())
    return dict(lines)


def test_every_set_has_its_hashes() -> None:
    assert list(golden()) == list(SETS)


@pytest.mark.parametrize("name", SETS)
def test_rows_are_the_same_on_every_machine(name: str) -> None:
    assert row_hashes(name) == golden()[name]
