"""Thumbnails are of the records' own pictures, by hash, or they aren't shown."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightscale.harness.report.folders import read_given
from sightscale.harness.report.pictures import LARGEST, make_thumbnail, read_pictures
from sightscale.model_adapters.engines import hash_image
from sightscale.tasks.mini import build_rows

Make = Callable[..., pd.DataFrame]
Save = Callable[..., str]


def open_thumbnail(uri: str) -> Image.Image:
    """The picture of a data URI."""
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_small_pictures_keep_their_pixels_and_large_ones_shrink() -> None:
    small = Image.effect_noise((64, 40), 80).convert("RGB")
    again = open_thumbnail(make_thumbnail(small)).convert("RGB")
    assert np.array_equal(np.asarray(again), np.asarray(small))
    large = open_thumbnail(make_thumbnail(Image.new("RGBA", (2000, 500), (250, 10, 10, 255))))
    assert large.size == (LARGEST, LARGEST // 4)


@pytest.fixture
def mini_run(make_rows: Make, save_run: Save) -> Path:
    """Three questions of the mini suite: two with their picture's hash, one with another's."""
    pictures = [doc["image"].convert("RGB") for doc in build_rows("in_domain/GQA", n=3).select(range(2))]
    hashes = [*(hash_image(one) for one in pictures), "0" * 64]
    rows = make_rows("in_domain_gqa", "sighted", np.ones(3), image_hash=hashes)
    folder = Path(save_run("m", rows))
    (folder / "manifest.json").write_text(json.dumps({"data": "mini", "limit": 3}))
    return folder


def test_pictures_come_from_the_data_and_the_rest_is_said(mini_run: Path, make_rows: Make, save_run: Save) -> None:
    away = Path(save_run("away", make_rows("in_domain_gqa", "sighted", np.ones(1), image_hash="1" * 64)))
    given = read_given([mini_run, away])  # the second has no manifest: its data would be the hub's
    hashes = given[0].run.records["image_hash"].tolist()
    found = read_pictures(given, {("in_domain_gqa", number) for number in range(3)})
    assert set(found.thumbnails) == set(hashes[:2])
    assert "1 of 3 documents hold another picture" in found.notes[0]
    assert "no pictures, since its data can't be read here" in found.notes[1]
