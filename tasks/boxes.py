"""Boxes: reads the bounding box that a response commits to, in fractions of the picture.

`read_box` never guesses. The model's adapter says which convention the model uses (`tag_convention`). Without it,
mark-up and values decide, if they allow only one reading. If a box could be 0–1000 as well as pixels, and the two
differ, the outcome is `unparsed`.

A phrase has one referent, so a response has one box: the box after the last "Answer:", or else the only box in the
response. A response with several different boxes counts as unparsed (other scorers take the first box, or the best).
An empty or inverted box is an answer, and a wrong one.
"""

import json
import math
import re
import unicodedata
from dataclasses import dataclass

from sightscale.tasks.answers import (
    ANSWERED,
    MAX_CHARACTERS,
    REFUSED,
    TRUNCATED,
    UNPARSED,
    Outcome,
    refuses,
    strip_thinking,
)

Box = tuple[float, float, float, float]  # x1, y1, x2, y2

UNIT, THOUSAND, PIXELS, LOC1024, XYWH, AUTO = "unit", "thousand", "pixels", "loc1024", "xywh", "auto"
BINS, YX_THOUSAND, PATCHES, PERCENT, POINTS = "bins1000", "yx_thousand", "patches", "percent", "points"
CONVENTIONS = {
    UNIT: "x1, y1, x2, y2 in fractions of the picture's width and height",
    THOUSAND: "x1, y1, x2, y2 from 0 to 1000 (Qwen3-VL's bbox_2d, InternVL's <box>[[…]]</box>)",
    PIXELS: "x1, y1, x2, y2 in pixels; pixels:WxH when the processed picture has another size than the original",
    BINS: "x1, y1, x2, y2 in bins from 0 to 999 (Florence-2's <loc_0>, DeepSeek-VL2's <|det|>)",
    YX_THOUSAND: "y1, x1, y2, x2 from 0 to 1000 (box_2d, as Gemini and Gemma 3 write it)",
    PATCHES: "<patch_index_0000>, two cells of a grid of 32 by 32 (Kosmos-2)",
    PERCENT: "x1, y1, x2, y2 in per cent",
    POINTS: "the model points and draws no boxes (Molmo); nothing is read as one",
    LOC1024: "<loc0000> to <loc1023> in the order y1, x1, y2, x2 (PaliGemma)",
    XYWH: "x1, y1, width, height in fractions, or in pixels as above (xywh:WxH)",
    AUTO: "told from mark-up and values; no answer when that can't be told",
}
BEYOND = 1.05  # of a range: coordinates up to here may be a model's overshoot rather than other units
LARGEST_FRACTION = 2.0  # a number beyond is no fraction, however far it overshoots
SAME_BOX = 0.99  # two readings that overlap this much are one: a picture of about 1000 by 1000 pixels

_CONVENTION = re.compile(
    r"(unit|thousand|loc1024|bins1000|yx_thousand|patches|percent|points|auto|(?:pixels|xywh)(?::([1-9]\d{0,4})x([1-9]\d{0,4}))?)"
)
_TAG = re.compile(r"\s*<\|box:([a-z0-9_:]{1,24})\|>[ \t]*\n?")
_ANSWER = re.compile(r"\banswer\s{0,4}(?:is\s{0,4})?[:=]", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?:(?<![\w.])[\"']?([A-Za-z]{1,6}(?:_(?:min|max))?\d?)[\"']?\s{0,4}[:=]\s{0,4}[\"']?)?"
    r"(?<![\w.])([-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d{1,4})?)"
    r"(?:\s?(?P<unit>%|px\b|pixels?\b))?(?<![eE])(?![\w%]|\.\d)"
)
_BETWEEN_NUMBERS = re.compile(r"[\s,;\"']{1,40}")
_NAMED_PAIR = re.compile(
    r"[(\[]\s?x\s?_?(?:\d|min|max)?\s?,\s?y\s?_?(?:\d|min|max)?\s?[)\]]\s{0,3}[:=]?\s{0,3}", re.IGNORECASE
)
_CORNER = re.compile(
    r"\b(top|upper|bottom|lower)[ -]?(left|right)\b[^\d(\[\n]{0,40}[(\[]?\s{0,3}"
    r"(?:x\s?[:=]\s?)?([-+]?\d[\d.]{0,12})(?:\s?px)?\s{0,3},"
    r"\s{0,3}(?:y\s?[:=]\s?)?([-+]?\d[\d.]{0,12})(?![\d.])",
    re.IGNORECASE,
)
_ANSWER_TAG = re.compile(r"<answer>(.{0,4000}?)(?:</answer>|\Z)", re.IGNORECASE | re.DOTALL)
_MARKS = str.maketrans(
    {
        "【": "[",
        "】": "]",
        "「": "[",
        "」": "]",
        "（": "(",
        "）": ")",
        "，": ",",
        "、": ",",
        "：": ":",
        "−": "-",
        "“": '"',
        "”": '"',
        "*": " ",
    }
)
_BETWEEN_CORNERS = re.compile(
    r"[\s,;()\[\]{}\"'-]{1,40}(?:(?:to|and)\s{1,4})?"
    r"(?:(?:the\s)?(?:bottom|lower)[ -]right(?:\scorner)?(?:\s(?:at|is))?\s{0,4})?[:=]?[\s()\[\]]{0,10}",
    re.IGNORECASE,
)
_LOC = re.compile(r"<loc(\d{4})>\s{0,4}<loc(\d{4})>\s{0,4}<loc(\d{4})>\s{0,4}<loc(\d{4})>")
_FLORENCE = re.compile(r"<loc_(\d{1,4})>\s{0,4}<loc_(\d{1,4})>\s{0,4}<loc_(\d{1,4})>\s{0,4}<loc_(\d{1,4})>")
_PATCH = re.compile(r"<patch_index_(\d{4})>\s{0,4}<patch_index_(\d{4})>")
_DEEPSEEK = re.compile(r"<\|det\|>[^<>|]{1,400}<\|/det\|>")
_BOX_2D = re.compile(r"[\"']box_2d[\"']\s{0,4}:\s{0,4}\[")
_INTERNVL = re.compile(r"<box>[^<>]{1,200}</box>|<\|box_start\|>[^<>|]{1,200}<\|box_end\|>", re.IGNORECASE)
_CORNER_NAMES = (
    ("x1", "y1", "x2", "y2"),
    ("x0", "y0", "x1", "y1"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "right", "bottom"),
)
_SIDE_NAMES = (("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height"))
GRID = 32  # cells of Kosmos-2's pictures, across and down


AMBIGUOUS = "ambiguous units"  # why a box is unparsed that is one in pixels and another in thousandths


@dataclass(frozen=True)
class BoxReading:
    """The box that a response commits to, in fractions, or None; the outcome; the convention; why there is no box."""

    box: Box | None
    outcome: Outcome
    convention: str
    reason: str | None = None


@dataclass(frozen=True)
class _Found:
    """Four numbers as they stand in a response: corners, or sides (x, y, width, height)."""

    values: Box
    sides: bool = False
    convention: str = AUTO  # what the mark-up around them says


def tag_convention(response: str, convention: str) -> str:
    """The response behind a first line that says which convention its model speaks.

    Raises ValueError for an unknown convention.
    """
    parse_convention(convention)
    return f"<|box:{convention}|>\n{response}"


def split_convention(tagged: str) -> tuple[str, str]:
    """The convention that a response's first line names (`auto` without one) and the response."""
    match = _TAG.match(tagged)
    if match and _CONVENTION.fullmatch(match[1]):
        return match[1], tagged[match.end() :]
    return AUTO, tagged


def parse_convention(convention: str) -> tuple[str, tuple[int, int] | None]:
    """A convention's name, and the size of the processed picture if it gives one (`pixels:896x672`).

    Raises ValueError for an unknown convention.
    """
    match = _CONVENTION.fullmatch(convention)
    if not match:
        raise ValueError(f"unknown box convention {convention!r}; known: {', '.join(CONVENTIONS)}, and pixels:WxH")
    return convention.partition(":")[0], (int(match[2]), int(match[3])) if match[2] else None


def read_box(
    response: str | None, size: tuple[int, int], convention: str = AUTO, *, truncated: bool = False
) -> BoxReading:
    """The box that `response` commits to, in fractions of a picture of `size` (width, height in pixels).

    Any string is read without an error. Numbers that can only be fractions, and `<loc…>` tokens, are read as such in
    every convention. Nothing is read from a `truncated` response, nor from a response that ends in a number inside an
    open bracket, because that number may be cut off. Raises ValueError for an unknown convention.
    """
    name, processed = parse_convention(convention)
    if truncated:
        return BoxReading(None, TRUNCATED, convention, "cut off")
    text = _lay_out(response or "")
    if _ends_in_a_number(text):
        return BoxReading(None, TRUNCATED, convention, "cut off in a number")
    if name == POINTS:
        return BoxReading(None, UNPARSED, convention, "the model writes points, and no boxes")
    cues = list(_ANSWER.finditer(text))
    boxes = (_find_boxes(text[cues[-1].end() :]) if cues else []) or _find_boxes(text)
    if not boxes:
        return BoxReading(None, REFUSED if refuses(text) else UNPARSED, convention, "no box")
    readings = {_read_units(box, name, processed or size, size) for box in boxes}
    if len(readings) > 1:
        return BoxReading(None, UNPARSED, convention, "several different boxes")
    return readings.pop()


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 when one is empty or inverted."""
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    sides = (across, down, a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1])
    if not all(side > 0 for side in sides):
        return 0.0
    intersection = across * down
    union = sides[2] * sides[3] + sides[4] * sides[5] - intersection
    return intersection / union if 0 < union < math.inf else 0.0


def ground(response: str, target: str, convention: str = AUTO) -> tuple[BoxReading, float]:
    """What a response says and its IoU with a task's target, the JSON that `write_target` makes.

    A convention in the response's first line takes precedence over `convention`. Raises ValueError for an invalid
    target, and for an unknown convention.
    """
    named, response = split_convention(response)
    try:
        truth = json.loads(target)
        box, size = tuple(float(value) for value in truth["box"]), tuple(int(side) for side in truth["size"])
        x1, y1, x2, y2 = box
        width, height = size
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(
            f'target {target[:80]!r} is no box; write {{"box": [x1, y1, x2, y2], "size": [w, h]}}'
        ) from error
    reading = read_box(response, (width, height), convention if named == AUTO else named)
    return reading, iou(reading.box, (x1, y1, x2, y2)) if reading.box else 0.0


def write_target(box: Box, size: tuple[int, int]) -> str:
    """A task's target as JSON: the box in fractions, and the picture's size, which reading pixels needs."""
    return json.dumps({"box": [round(value, 6) for value in box], "size": list(size)})


def write_box(box: Box) -> str:
    """A box as text, to four digits, as a record keeps its prediction."""
    return f"[{', '.join(f'{value:.4g}' if abs(value) > 1e4 else f'{value:.4f}' for value in box)}]"


def _lay_out(text: str) -> str:
    """The end of a response in plain marks, without what was thought before it; of an `<answer>`, what stands in it."""
    text = strip_thinking(text[-4 * MAX_CHARACTERS :])[-MAX_CHARACTERS:]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_MARKS))[-MAX_CHARACTERS:]
    tagged = [match[1] for match in _ANSWER_TAG.finditer(text) if match[1].strip()]
    return (tagged[-1] if tagged else text).replace("*", " ")


def _ends_in_a_number(text: str) -> bool:
    """Whether a text ends in a number behind a bracket that never closes."""
    end = text.rstrip()
    return end[-1:].isdigit() and max(map(end.rfind, "[({")) > max(map(end.rfind, "])}"))


def _find_boxes(text: str) -> list[_Found]:
    """Every box written in a text, in order, without asking what its numbers mean."""
    tokens = [_Found((float(x1), float(y1), float(x2), float(y2)), convention=LOC1024)
              for y1, x1, y2, x2 in _LOC.findall(text)]  # fmt: skip
    tokens = tokens or [_Found((float(a), float(b), float(c), float(d)), convention=BINS)
                        for a, b, c, d in _FLORENCE.findall(text)]  # fmt: skip
    tokens = tokens or [_Found(_read_patches(int(first), int(last)), convention=PATCHES)
                        for first, last in _PATCH.findall(text)]  # fmt: skip
    if tokens:
        return tokens
    for form, convention in ((_DEEPSEEK, BINS), (_INTERNVL, THOUSAND)):
        marked = form.findall(text)
        if marked:
            return [
                _Found(numbers.values, numbers.sides, convention) for part in marked for numbers in _find_numbers(part)
            ]
    if _BOX_2D.search(text):
        return [_Found(numbers.values, numbers.sides, YX_THOUSAND if numbers.convention == AUTO else numbers.convention)
                for numbers in _find_numbers(text)]  # fmt: skip
    return _find_corners(text) or _find_numbers(_NAMED_PAIR.sub(" ", text))


def _read_patches(first: int, last: int) -> Box:
    """Two cells of Kosmos-2's grid as a box: from centre to centre, or whole cells where they share a row or column.

    Source: `patch_index_to_coordinate` in transformers' processor of Kosmos-2.
    """
    (y1, x1), (y2, x2) = divmod(first, GRID), divmod(last, GRID)
    near, far = (0.0, 1.0) if x1 == x2 or y1 == y2 else (0.5, 0.5)
    return (x1 + near) / GRID, (y1 + near) / GRID, (x2 + far) / GRID, (y2 + far) / GRID


def _find_corners(text: str) -> list[_Found]:
    """The box of two opposite corners that are named in words; none where a corner is named twice and differs."""
    corners: dict[tuple[bool, bool], set[tuple[float, float]]] = {}
    for vertical, side, x, y in _CORNER.findall(text):
        if x.count(".") > 1 or y.count(".") > 1:
            return []
        corner = vertical.lower() in ("top", "upper"), side.lower() == "left"
        corners.setdefault(corner, set()).add((float(x.rstrip(".")), float(y.rstrip("."))))
    if any(len(places) > 1 for places in corners.values()):
        return []
    place = {corner: next(iter(places)) for corner, places in corners.items()}
    if (True, True) in place and (False, False) in place:
        return [_Found((*place[True, True], *place[False, False]))]
    if (True, False) in place and (False, True) in place:
        (x2, y1), (x1, y2) = place[True, False], place[False, True]
        return [_Found((x1, y1, x2, y2))]
    return []


def _find_numbers(text: str) -> list[_Found]:
    """Boxes written as four numbers in a row, as two corners, or as four named numbers."""
    rows: list[list[re.Match[str]]] = []
    for match in _NUMBER.finditer(text):
        if rows and _BETWEEN_NUMBERS.fullmatch(text, rows[-1][-1].end(), match.start()):
            rows[-1].append(match)
        else:
            rows.append([match])
    boxes = [_as_box(row) for row in _join_corners(text, rows)]
    return [box for box in boxes if box]


def _join_corners(text: str, rows: list[list[re.Match[str]]]) -> list[list[re.Match[str]]]:
    """Rows of numbers, two neighbouring rows of two joined; three or more of them are an outline, not a box."""
    joined: list[list[re.Match[str]]] = []
    chain: list[list[re.Match[str]]] = []
    for row in [*rows, []]:
        follows = chain and row and _BETWEEN_CORNERS.fullmatch(text, chain[-1][-1].end(), row[0].start())
        if len(row) == 2 and (follows or not chain):
            chain.append(row)
            continue
        if len(chain) == 2:
            joined.append([*chain[0], *chain[1]])
        chain = [row] if len(row) == 2 else []
        if len(row) == 4:
            joined.append(row)
    return joined


def _as_box(row: list[re.Match[str]]) -> _Found | None:
    numbers = [float(match[2]) for match in row]
    units = {(match["unit"] or "")[:1] for match in row}
    if len(units) > 1:
        return None
    convention = {"%": PERCENT, "p": PIXELS}.get(units.pop(), AUTO)
    names = [(match[1] or "").lower().replace("_", "") for match in row]
    if not all(names):
        return _Found((numbers[0], numbers[1], numbers[2], numbers[3]), convention=convention)
    by_name = dict(zip(names, numbers, strict=True))
    for forms, sides in ((_CORNER_NAMES, False), (_SIDE_NAMES, True)):
        for a, b, c, d in forms:
            if by_name.keys() == {a, b, c, d}:
                return _Found((by_name[a], by_name[b], by_name[c], by_name[d]), sides, convention)
    return None


def _read_units(numbers: _Found, name: str, processed: tuple[int, int], size: tuple[int, int]) -> BoxReading:
    """The numbers in fractions, if their meaning is certain."""
    if not all(math.isfinite(value) for value in numbers.values):
        return BoxReading(None, UNPARSED, name, "a number without bounds")
    if numbers.convention == LOC1024:
        if max(numbers.values) > 1023:
            return BoxReading(None, UNPARSED, LOC1024, "a location token beyond <loc1023>")
        return BoxReading(_scale(numbers.values, 1024, 1024), ANSWERED, LOC1024)
    if numbers.convention == PATCHES:
        return BoxReading(numbers.values, ANSWERED, PATCHES)
    x, y, c, d = numbers.values
    y_first = numbers.convention == YX_THOUSAND and name in (AUTO, YX_THOUSAND)
    if y_first or (name == YX_THOUSAND and not numbers.sides):
        x, y, c, d = y, x, d, c
        numbers = _Found((x, y, c, d), convention=YX_THOUSAND)
    corners = (x, y, x + c, y + d) if numbers.sides or name == XYWH else numbers.values
    if numbers.convention == PERCENT or (name == PERCENT and numbers.convention == AUTO):
        return BoxReading(_scale(corners, 100, 100), ANSWERED, PERCENT)
    if numbers.convention == BINS:
        if max(numbers.values) > 999:
            return BoxReading(None, UNPARSED, BINS, "a location token beyond 999")
        return BoxReading(_scale(corners, 999, 999), ANSWERED, BINS)
    if all(abs(value) <= 1 for value in numbers.values) or (
        all(abs(value) <= LARGEST_FRACTION for value in numbers.values) and any(value % 1 for value in numbers.values)
    ):
        return BoxReading(corners, ANSWERED, XYWH if name == XYWH else UNIT)
    if name in (UNIT, LOC1024, PATCHES):
        expected = "fractions" if name == UNIT else "location tokens"
        return BoxReading(None, UNPARSED, name, f"numbers that are no {expected}")
    thousand = BoxReading(_scale(corners, 1000, 1000), ANSWERED, THOUSAND)
    if numbers.convention == PIXELS and min(size) > 0:
        frame = processed if name in (PIXELS, XYWH) else size
        return BoxReading(_scale(corners, *frame), ANSWERED, PIXELS)
    if name == BINS:
        return BoxReading(_scale(corners, 999, 999), ANSWERED, BINS)
    if name in (THOUSAND, YX_THOUSAND) or (name == AUTO and numbers.convention == YX_THOUSAND):
        return BoxReading(thousand.box, ANSWERED, YX_THOUSAND if numbers.convention == YX_THOUSAND else THOUSAND)
    if min(processed) <= 0:
        return BoxReading(None, UNPARSED, name, "the picture's size is not known")
    if name in (PIXELS, XYWH):
        return BoxReading(_scale(corners, *processed), ANSWERED, name)
    if numbers.convention == THOUSAND:
        return thousand
    return _tell_units(corners, thousand, BoxReading(_scale(corners, *size), ANSWERED, PIXELS))


def _tell_units(corners: Box, thousand: BoxReading, pixels: BoxReading) -> BoxReading:
    """The one of two readings that the picture's size allows; neither when both are possible and differ."""
    reach_thousand, reach_pixels = (max(reading.box or ()) for reading in (thousand, pixels))
    if reach_thousand > BEYOND:
        beyond_both = BoxReading(None, UNPARSED, AUTO, "numbers beyond 1000 and beyond the picture")
        return pixels if reach_pixels <= BEYOND else beyond_both
    if reach_thousand <= 1 and reach_pixels > BEYOND:
        return thousand
    if thousand.box and pixels.box and iou(thousand.box, pixels.box) >= SAME_BOX:
        return thousand
    return BoxReading(None, UNPARSED, AUTO, AMBIGUOUS)


def _scale(box: Box, width: float, height: float) -> Box:
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height
