"""Repeated rows: their order, their new columns, and that no picture is copied for them."""

import io

import datasets
import pytest
from PIL import Image

from sightscale.tasks.expansion import expand_rows


def make_rows(count: int, bytes_a_picture: int = 0) -> datasets.Dataset:
    pictures = []
    for number in range(count):
        file = io.BytesIO()
        Image.new("RGB", (4, 4), (number, 0, 0)).save(file, "PNG")
        pictures.append({"bytes": file.getvalue() + bytes(bytes_a_picture), "path": None})
    features = datasets.Features({"number": datasets.Value("int64"), "image": datasets.Image()})
    return datasets.Dataset.from_dict({"number": list(range(count)), "image": pictures}, features=features)


def test_rows_are_repeated_in_order_beside_their_columns() -> None:
    rows = expand_rows(make_rows(4), [2, 0, 1, 3], {"phrase": list("abcdef")})
    assert rows["number"][:] == [0, 0, 2, 3, 3, 3]
    assert rows["phrase"][:] == list("abcdef")
    assert [row["image"].getpixel((0, 0))[0] for row in rows] == [0, 0, 2, 3, 3, 3]


def test_what_lmms_eval_does_to_a_data_set_works() -> None:
    rows = expand_rows(make_rows(3), [2, 2, 2], {"phrase": list("abcdef")})
    assert rows.remove_columns("image")[3] == {"number": 1, "phrase": "d"}
    assert rows.select([5, 0])["phrase"][:] == ["f", "a"]
    assert [row["phrase"] for row in rows.map(lambda row: {"phrase": row["phrase"].upper()})] == list("ABCDEF")


def test_selected_rows_are_the_ones_repeated() -> None:
    rows = expand_rows(make_rows(4).select([3, 1]), [1, 2], {"phrase": list("abc")})
    assert rows["number"][:] == [3, 1, 1]


def test_no_picture_is_copied() -> None:
    rows = make_rows(3, bytes_a_picture=100_000)
    expanded = expand_rows(rows, [50, 50, 50], {"phrase": [""] * 150})
    assert expanded.data.nbytes > 40 * rows.data.nbytes  # what copies would take, by the length of the views

    def addresses(data: datasets.Dataset) -> set[int]:
        chunks = data.data.column("image").chunks
        return {chunk.field("bytes").buffers()[2].address for chunk in chunks}

    assert addresses(expanded) == addresses(rows)


def test_a_different_expansion_has_a_different_fingerprint() -> None:
    rows = make_rows(2)
    fingerprints = {
        expand_rows(rows, repeats, {"phrase": phrases})._fingerprint
        for repeats, phrases in (([1, 2], ["a", "b", "c"]), ([2, 1], ["a", "b", "c"]), ([1, 2], ["a", "b", "d"]))
    }
    assert len(fingerprints) == 3


def test_a_column_of_another_length_is_named() -> None:
    with pytest.raises(ValueError, match="column 'phrase' has 2 values for 3 rows"):
        expand_rows(make_rows(2), [1, 2], {"phrase": ["a", "b"]})
