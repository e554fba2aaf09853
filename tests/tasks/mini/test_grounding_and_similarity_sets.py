"""The mini suite's phrases, classes and triplets: schemas, truth, what is known blind, release layouts."""

from pathlib import Path

import pytest
from PIL import ImageChops, ImageStat

from sightscale.tasks.boxes import iou, read_box
from sightscale.tasks.mini import build_rows, iterate_items
from sightscale.tasks.mini.drawing.scenes import RELATIONS, things_of
from sightscale.tasks.mini.rendering import render
from sightscale.tasks.mini.sets.imagenet import CLASSES, NAMES
from sightscale.tasks.mini.sets.refcoco import SIDE, ZONES, best_size, tight_box
from sightscale.tasks.mini.sets.similarity import write_nights, write_pieapp
from sightscale.tasks.similarity.releases import FEATURES, build_nights, build_pieapp
from sightscale.tasks.sources import DATA_ROOT

FAMILIES = ("refcoco/testA", "refcoco_plus/testA", "refcocog/test")


def fits(phrase: str, thing, things) -> bool:  # type: ignore[no-untyped-def]
    """Whether a phrase fits a thing, read anew from its words."""
    own, _, relation = phrase.removeprefix("the ").partition(" that is ")
    for zone, holds in ZONES.items():
        if own.endswith(zone):
            if not holds(thing):
                return False
            own = own.removesuffix(zone).strip()
    if not all(word in (thing.size, thing.texture, thing.colour, thing.shape) for word in own.split()):
        return False
    if not relation:
        return True
    name, other = relation.split(" the ")
    return any(RELATIONS[name](thing, one) for one in things if f"{one.colour} {one.shape}" == other)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_phrase_fits_one_thing_and_the_box_is_its_own(name: str) -> None:
    for item in iterate_items(name, "test", 300):
        things = things_of(item.scene)
        fitting = [thing for thing in things if fits(item.question, thing, things)]
        assert len(fitting) == 1, item.question
        left, top, right, bottom = tight_box(fitting[0])
        assert item.extra["bbox"] == [left, top, right - left, bottom - top]


def test_boxes_are_tight_around_what_is_drawn() -> None:
    (item,) = iterate_items("refcoco_plus/testA", "test", 1)
    picture = render(item.scene)
    for thing in things_of(item.scene):
        bare = render({**item.scene, "things": [one for one in item.scene["things"] if one["place"] != thing.place]})
        red, green, blue = ImageChops.difference(picture, bare).split()
        most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
        found = most.point(lambda value: 255 if value > 45 else 0).getbbox()  # the shadow changes less
        assert found is not None
        assert iou(tuple(side / SIDE for side in found), tuple(side / SIDE for side in tight_box(thing))) > 0.75


@pytest.mark.parametrize("name", FAMILIES)
def test_the_best_blind_box_hits_as_often_as_stated(name: str) -> None:
    items = list(iterate_items(name, "test", 1000, seed=5))
    stated = sum(item.blind_probability for item in items)
    spread = sum(item.blind_probability * (1 - item.blind_probability) for item in items) ** 0.5
    hits = 0
    for item in items:
        x, y, across, down = item.extra["bbox"]
        truth = tuple(side / SIDE for side in (x, y, x + across, y + down))
        guess = read_box(item.blind_answer, (SIDE, SIDE), "unit").box
        assert guess is not None
        hits += iou(guess, truth) >= 0.5
    assert abs(hits - stated) < 3.3 * spread
    assert stated / 1000 > 0.04


def test_the_share_of_boxes_hit_is_counted_over_all_offsets() -> None:
    for shape in ("circle", "square", "star"):
        guess, share = best_size(shape)
        assert 20 <= guess < 70 and 0.5 <= share <= 1


def test_classes_have_synonyms_as_imagenet_writes_them() -> None:
    rows = build_rows("imagenet", n=60)
    assert rows.features["label"].names == list(NAMES)
    assert len(set(rows["label"])) > 10 and len(CLASSES) == len(NAMES)
    assert "bicycle, bike" in NAMES


@pytest.mark.parametrize(
    ("name", "write", "read"), [("nights", write_nights, build_nights), ("pieapp", write_pieapp, build_pieapp)]
)
def test_triplets_are_read_alike_from_rows_and_from_the_release_layout(
    name: str, write, read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    rows = build_rows(name, n=8)
    assert {key: rows.features[key] for key in FEATURES} == dict(FEATURES)
    folder = tmp_path / name
    folder.mkdir()
    write(folder, list(iterate_items(name, "test", 8)))
    monkeypatch.setenv(DATA_ROOT, str(tmp_path))
    released = read()
    assert [round(p, 2) for p in released["p_right"]] == rows["p_right"][:]
    for which in ("reference", "left", "right"):
        assert [image.tobytes() for image in released[which]] == [image.tobytes() for image in rows[which]]


@pytest.mark.parametrize("name", ["nights", "pieapp"])
def test_the_picture_that_people_prefer_differs_less(name: str) -> None:
    agreeing = 0
    rows = build_rows(name, n=60)
    for row in rows:
        left, right = (
            sum(ImageStat.Stat(ImageChops.difference(row["reference"], row[which])).mean) for which in ("left", "right")
        )
        agreeing += (right < left) == (row["p_right"] > 0.5)
    assert agreeing / 60 > (0.8 if name == "nights" else 0.9)
    assert abs(sum(p > 0.5 for p in rows["p_right"]) - 30) < 15
