"""The box reader: what a response commits to in each convention, and what is left unread."""

import math
import random
import string
import time

import pytest
from hypothesis import example, given, settings, strategies as st

from sightscale.tasks.boxes import (
    AUTO,
    CONVENTIONS,
    Box,
    iou,
    parse_convention,
    read_box,
    split_convention,
    tag_convention,
    write_box,
)

SIZE = (640, 480)
BOX = (0.25, 0.5, 0.75, 1.0)

FRACTIONS = [
    "[0.25, 0.5, 0.75, 1.0]",
    "0.25 0.5 0.75 1.0",
    "0.25, 0.5, 0.75, 1",
    "(0.25, 0.5, 0.75, 1.0).",
    "(0.25, 0.5), (0.75, 1.0)",
    "[[0.25, 0.5], [0.75, 1.0]]",
    "[[0.25, 0.5, 0.75, 1.0]]",
    "[.25, .5, .75, 1.]",
    "[2.5e-1, 5e-1, 7.5e-1, 1e0]",
    "['0.25', '0.5', '0.75', '1.0']",
    '```json\n[{"bbox_2d": [0.25, 0.5, 0.75, 1.0], "label": "dog 2"}]\n```',
    '{"x1": 0.25, "y1": 0.5, "x2": 0.75, "y2": 1.0}',
    "x1=0.25, y1=0.5, x2=0.75, y2=1.0",
    "ymin: 0.5, xmin: 0.25, ymax: 1.0, xmax: 0.75",
    "x_min = 0.25; y_min = 0.5; x_max = 0.75; y_max = 1.0",
    '{"x": 0.25, "y": 0.5, "width": 0.5, "height": 0.5}',
    "left: 0.25\ntop: 0.5\nwidth: 0.5\nheight: 0.5",
    "The bounding box is [0.25, 0.5, 0.75, 1.0], around the dog on the left.",
    "**Answer:** [0.25, 0.5, 0.75, 1.0]",
    "top left (0.25, 0.5) and bottom right (0.75, 1.0)",
    "from (0.25, 0.5) to (0.75, 1.0)",
    "<think>perhaps [0.1, 0.1, 0.2, 0.2]</think>[0.25, 0.5, 0.75, 1.0]",
    "There are 2 dogs, 1 of them at [0.25, 0.5, 0.75, 1.0]",
    "[0.25, 0.5, 0.75, 1.0]\n[0.25, 0.5, 0.75, 1.0]",
    "Not [0.1, 0.1, 0.2, 0.2].\nAnswer: [0.25, 0.5, 0.75, 1.0]",
]
NO_BOX = [
    "",
    "The dog is on the left.",
    "[x1, y1, x2, y2]",
    "[0.1, 0.2, 0.3]",
    "[0.1, 0.2, 0.3, 0.4, 0.5]",
    "[nan, 0.2, 0.3, 0.4]",
    "[inf, 0.2, 0.3, 0.4]",
    "[10%, 20, 30%, 40]",
    "[[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]",
    "<think>[0.25, 0.5, 0.75, 1.0]",
    "a: 0.1, b: 0.2, c: 0.3, d: 0.4",
    "<loc0100><loc0200><loc0300>",
    "1.2.3.4.5",
    "x1 = 0.1, y1 = 0.1, x2 = 0.5, y2 = 0.1, x3 = 0.5, y3 = 0.9",
    "The box is at (0.1, 0.2), about 0.5 wide.",
    "https://example.org/0.1/0.2-0.3/0.4.png",
]


@pytest.mark.parametrize("text", FRACTIONS)
@pytest.mark.parametrize("convention", [AUTO, "unit", "thousand", "pixels"])
def test_fractions_are_read_in_every_form_and_whatever_convention_was_told(text: str, convention: str) -> None:
    reading = read_box(text, SIZE, convention)
    assert reading.outcome == "answered"
    assert reading.box == pytest.approx(BOX)
    assert (reading.convention, reading.reason) == ("unit", None)


@pytest.mark.parametrize("text", NO_BOX)
def test_no_box_is_unparsed(text: str) -> None:
    reading = read_box(text, SIZE)
    assert (reading.box, reading.outcome) == (None, "unparsed")


def test_a_refusal_is_not_a_box() -> None:
    assert read_box("I'm sorry, I cannot see the image.", SIZE).outcome == "refused"
    assert read_box(None, SIZE).outcome == "unparsed"


@pytest.mark.parametrize(
    ("text", "convention"),
    [
        ("[250, 500, 750, 1000]", "thousand"),
        ('{"bbox_2d": [250, 500, 750, 1000]}', "thousand"),
        ("<box>[[250, 500, 750, 1000]]</box>", AUTO),
        ("<ref>dog 1</ref><box>[[250, 500, 750, 1000]]</box>", AUTO),
        ("<box>(250,500),(750,1000)</box>", "thousand"),
        ("<loc0512><loc0256><loc1023><loc0768> dog", AUTO),
        ("<loc0512><loc0256><loc1023><loc0768> dog", "unit"),
        ("[160, 240, 480, 480]", "pixels"),
        ("[320, 480, 960, 960]", "pixels:1280x960"),
        ("[160, 240, 320, 240]", "xywh"),
        ("[320, 480, 640, 480]", "xywh:1280x960"),
        ("[0.25, 0.5, 0.5, 0.5]", "xywh"),
        ('{"x": 250, "y": 500, "w": 500, "h": 500}', "thousand"),
        ("[250, 500, 750, 1000]", AUTO),  # 1000 lies beyond the picture's height
    ],
)
def test_every_convention_comes_to_the_same_fractions(text: str, convention: str) -> None:
    assert read_box(text, SIZE, convention).box == pytest.approx(BOX, abs=1 / 1000)


@pytest.mark.parametrize(
    ("text", "size", "convention", "reason"),
    [
        ("[100, 200, 300, 400]", SIZE, None, "ambiguous units"),
        ("[0, 2, 2, 3]", SIZE, None, "ambiguous units"),
        ("[100, 200, 645, 400]", SIZE, None, "ambiguous units"),  # pixels that overshoot, or thousandths
        ("[100, 200, 1030, 400]", (2000, 1500), None, "ambiguous units"),
        ("[100, 200, 900, 400]", SIZE, "thousand", None),
        ("[100, 200, 1100, 400]", (2000, 1500), "pixels", None),
        ("[100, 200, 1290, 400]", (1280, 960), "pixels", None),
        ("[100, 200, 1500, 400]", SIZE, None, "numbers beyond 1000 and beyond the picture"),
        ("[100, 200, 300, 400]", (1000, 1000), "thousand", None),  # both readings are the same box
        ("[1e999, 0, 1, 1]", SIZE, None, "a number without bounds"),
        ("<loc0100><loc0200><loc1300><loc0400>", SIZE, None, "a location token beyond <loc1023>"),
        ("[0.1, 0.2, 0.3, 0.4] or [0.5, 0.5, 0.9, 0.9]", SIZE, None, "several different boxes"),
    ],
)
def test_units_are_told_only_where_one_reading_is_possible(
    text: str, size: tuple[int, int], convention: str | None, reason: str | None
) -> None:
    reading = read_box(text, size)
    assert (reading.reason, reading.box is None) == (reason, convention is None)
    assert convention is None or reading.convention == convention


def test_a_told_convention_is_kept_to() -> None:
    assert read_box("[100, 200, 300, 400]", SIZE, "unit").reason == "numbers that are no fractions"
    assert read_box("[100, 200, 300, 400]", SIZE, "loc1024").reason == "numbers that are no location tokens"
    assert read_box("[100, 200, 300, 400]", (0, 0), "pixels").reason == "the picture's size is not known"


@pytest.mark.parametrize("convention", ["", "furlongs", "pixels:", "pixels:0x4", "unit:3x4", "pixels:999999x1"])
def test_an_unknown_convention_is_named(convention: str) -> None:
    with pytest.raises(ValueError, match="unknown box convention"):
        parse_convention(convention)


@pytest.mark.parametrize("convention", [*CONVENTIONS, "pixels:896x672", "xywh:1x1"])
@given(text=st.text(max_size=50))
def test_a_tag_comes_off_as_it_went_on(convention: str, text: str) -> None:
    assert split_convention(tag_convention(text, convention)) == (convention, text)


@pytest.mark.parametrize("text", ["[1, 2, 3, 4]", "<|box:furlongs|>\n[1]", "<|box:|>", "said <|box:unit|>\n"])
def test_what_is_no_tag_stays_in_the_response(text: str) -> None:
    assert split_convention(text) == (AUTO, text)


@pytest.mark.parametrize("text", ["[0.5, 0.5, 0.5, 0.9]", "[0.9, 0.1, 0.2, 0.8]", "[0, 0, 0, 0]", "[-1, -1, -1, -1]"])
def test_an_empty_or_inverted_box_is_an_answer_and_wrong(text: str) -> None:
    reading = read_box(text, SIZE)
    assert reading.outcome == "answered" and reading.box is not None
    assert iou(reading.box, (0.0, 0.0, 1.0, 1.0)) == 0.0 == iou(reading.box, reading.box)


numbers = st.floats(allow_nan=False, allow_infinity=False)
real = st.tuples(numbers, numbers, numbers, numbers)
grid = st.integers(0, 32)


@given(real, real)
@example((0.0, 0.0, 1e308, 1e308), (0.0, 0.0, 1e308, 1e308))
def test_iou_is_a_share_whatever_the_boxes(a: Box, b: Box) -> None:
    assert 0.0 <= iou(a, b) <= 1.0
    assert iou(a, b) == iou(b, a)


@given(st.tuples(grid, grid, grid, grid), st.tuples(grid, grid, grid, grid))
def test_iou_is_the_share_of_cells_that_a_count_finds(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    cells = [{(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])} for box in (a, b)]
    either = cells[0] | cells[1]
    expected = len(cells[0] & cells[1]) / len(either) if all(cells) else 0.0
    assert iou(a, b) == pytest.approx(expected)  # type: ignore[arg-type]


fractions = st.integers(0, 1000).map(lambda number: number / 1000)


@given(
    st.tuples(fractions, fractions, fractions, fractions),
    st.sampled_from(["unit", "thousand", "pixels", "loc1024", "xywh"]),
    st.sampled_from(["{}", "({})", "[{}]", "The box is [{}].", 'So:\n```json\n{{"bbox_2d": [{}]}}\n```']),
)
@settings(max_examples=300)
def test_a_box_written_in_a_convention_is_read_back(box: Box, convention: str, form: str) -> None:
    width, height = 2500, 1500
    x1, y1, x2, y2 = box
    if convention == "loc1024":
        values = [min(1023, round(value * 1024)) for value in (y1, x1, y2, x2)]
        text = "".join(f"<loc{value:04d}>" for value in values)
    else:
        scale = {"unit": (1.0, 1.0), "thousand": (1000, 1000)}.get(convention, (width, height))
        corners = [x1 * scale[0], y1 * scale[1], x2 * scale[0], y2 * scale[1]]
        if convention == "xywh":
            corners[2:] = [corners[2] - corners[0], corners[3] - corners[1]]
        if all(abs(value) <= 2 for value in corners) and convention != "unit":
            return  # a box of a pixel or two is no box that a model draws
        text = ", ".join(f"{value:.3f}" for value in corners)
    reading = read_box(form.format(text), (width, height), convention)
    assert reading.outcome == "answered"
    assert reading.box == pytest.approx(box, abs=2e-3)


@given(st.text(max_size=400), st.sampled_from([*CONVENTIONS, "pixels:3x4"]))
@settings(max_examples=500)
def test_any_text_is_read_without_an_error_and_always_alike(text: str, convention: str) -> None:
    first = read_box(text, SIZE, convention)
    assert first == read_box(text, SIZE, convention)
    assert (first.box is None) == (first.outcome != "answered")
    assert first.box is None or all(math.isfinite(value) for value in first.box)


def test_a_hundred_thousand_random_strings() -> None:
    rng = random.Random(0)
    pieces = [
        *string.printable,
        "0.5",
        "100",
        "[0.1, 0.2, ",
        "x1=",
        "<loc0001>",
        "<box>",
        "</box>",
        "1e400",
        "-",
        "nan",
    ]
    pieces += ["[[", "]]", "Answer:", "</think>", '"bbox_2d": [', "\u202e", "٣", "99999999999999999999"]
    answered = 0
    for _ in range(100_000):
        text = "".join(rng.choices(pieces, k=rng.randrange(24)))
        reading = read_box(text, SIZE)
        answered += reading.outcome == "answered"
        if reading.box:
            assert 0.0 <= iou(reading.box, (0.2, 0.2, 0.8, 0.8)) <= 1.0
            assert write_box(reading.box)
    assert answered > 20


@pytest.mark.parametrize(
    "unit",
    [
        *("1", "1 ", "1,", "0.1, ", "[", "(1,2),", "x1=", "x1=1,", "answer:", "<loc0001>", "<box>", "<box>1", "1e"),
        *("1.", "-", "<think>", "a_min:", "1 to ", "1,2 and bottom right ", " " * 39 + "1"),
    ],
)
def test_a_huge_response_is_read_in_bounded_time(unit: str) -> None:
    start = time.process_time()
    read_box(unit * (400_000 // len(unit)), SIZE)
    assert time.process_time() - start < 1
