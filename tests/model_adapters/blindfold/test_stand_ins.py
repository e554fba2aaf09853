"""Blind conditions: what replaces a picture, and that it doesn't depend on what it should not."""

import numpy as np
import pytest
from PIL import Image

from sightscale.model_adapters.blindfold.stand_ins import black, mean_colour, mismatched, noise, parse_conditions
from sightscale.model_adapters.engines import hash_image


def solid(*colour: int) -> Image.Image:
    return Image.new("RGB", (5, 3), colour)


def test_sizes_are_kept() -> None:
    image = Image.effect_noise((17, 9), 50).convert("RGB")
    assert {black(image).size, mean_colour(image).size, noise(image, "s").size} == {(17, 9)}


def test_black_is_black_and_mean_is_the_mean() -> None:
    image = Image.fromarray(np.array([[[0, 10, 20], [2, 30, 40]]], np.uint8))
    assert set(np.asarray(black(image)).ravel()) == {0}
    assert np.asarray(mean_colour(image)).tolist() == [[[1, 20, 30], [1, 20, 30]]]


def test_noise_depends_on_its_seed_alone() -> None:
    assert hash_image(noise(solid(1, 2, 3), "a")) == hash_image(noise(solid(9, 9, 9), "a"))
    assert hash_image(noise(solid(1, 2, 3), "a")) != hash_image(noise(solid(1, 2, 3), "b"))


def test_mismatched_never_shows_the_same_pixels() -> None:
    pictures = [solid(i // 7, 0, 0) for i in range(70)]  # seven documents share each picture
    for i, picture in enumerate(pictures):
        (other,) = mismatched([picture], i, len(pictures), lambda j: [pictures[j]], "seed")
        assert hash_image(other) != hash_image(picture)
        (again,) = mismatched([picture], i, len(pictures), lambda j: [pictures[j]], "seed")
        assert hash_image(again) == hash_image(other)


def test_mismatched_fills_several_places_from_documents_with_fewer_pictures() -> None:
    docs = [[solid(i, 0, 0)] for i in range(6)] + [[solid(9, 9, j) for j in range(3)]]
    others = mismatched(docs[6], 6, 7, lambda j: docs[j], "seed")
    assert len(others) == 3
    assert not {hash_image(image) for image in others} & {hash_image(image) for image in docs[6]}


def test_mismatched_finds_the_one_other_picture_among_many() -> None:
    docs = [[solid(0, 0, 0)] for _ in range(300)] + [[solid(1, 1, 1)]]
    (other,) = mismatched(docs[0], 0, 301, lambda j: docs[j], "seed")
    assert hash_image(other) == hash_image(docs[300][0])


def test_mismatched_says_when_there_is_no_other_picture() -> None:
    with pytest.raises(ValueError, match="different pictures"):
        mismatched([solid(0, 0, 0)], 0, 3, lambda _: [solid(0, 0, 0)], "seed")


def test_conditions_are_parsed_and_unknown_ones_named() -> None:
    assert parse_conditions("none, black,none") == ["none", "black"]
    assert parse_conditions("") == []
    with pytest.raises(ValueError, match="'blurred'"):
        parse_conditions("none,blurred")


def test_a_broken_document_stands_in_for_none() -> None:
    def read(doc_id: int) -> list[Image.Image]:
        if doc_id % 2:
            raise OSError("a broken picture")
        return [Image.new("RGB", (2, 2), (doc_id, 0, 0))]

    for number in range(8):
        (shown,) = mismatched(read(2 * number), 2 * number, 16, read, "seed")
        assert shown.getpixel((0, 0))[0] % 2 == 0 and shown.getpixel((0, 0))[0] != 2 * number
