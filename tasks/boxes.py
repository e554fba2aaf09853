"""Boxes: reading the one bounding box that a response commits to, in fractions of the picture.

`read_box` never guesses. The model's adapter says which convention its model speaks (`tag_convention`);
without that, mark-up and values decide where only one reading is possible, and where a box could be
0–1000 as well as pixels, and the two differ, the outcome is `unparsed`.

A phrase has one referent, so a response has one box: the box written after the last "Answer:", else the
only one of the response. Different boxes are no answer (other scorers take the first, or the best).
A box that is empty or inverted is an answer, and a wrong one.
"""

import json
import math
import re
from dataclasses import dataclass

from sightscale.tasks.answers import ANSWERED, MAX_CHARACTERS, REFUSED, UNPARSED, Outcome, read_answer

Box = tuple[float, float, float, float]  # x1, y1, x2, y2

UNIT, THOUSAND, PIXELS, LOC1024, XYWH, AUTO = "unit", "thousand", "pixels", "loc1024", "xywh", "auto"
CONVENTIONS = {
    UNIT: "x1, y1, x2, y2 in fractions of the picture's width and height",
    THOUSAND: "x1, y1, x2, y2 from 0 to 1000 (Qwen3-VL's bbox_2d, InternVL's <box>[[…]]</box>)",
    PIXELS: "x1, y1, x2, y2 in pixels; pixels:WxH when the processed picture has another size than the original",
    LOC1024: "<loc0000> to <loc1023> in the order y1, x1, y2, x2 (PaliGemma)",
    XYWH: "x1, y1, width, height in fractions, or in pixels as above (xywh:WxH)",
    AUTO: "told from mark-up and values; no answer when that can't be told",
}
BEYOND = 1.05  # of a range: coordinates up to here may be a model's overshoot rather than other units
LARGEST_FRACTION = 2.0  # a number beyond is no fraction, however far it overshoots
SAME_BOX = 0.99  # two readings that overlap this much are one: a picture of about 1000 by 1000 pixels

_CONVENTION = re.compile(r"(unit|thousand|loc1024|auto|(?:pixels|xywh)(?::([1-9]\d{0,4})x([1-9]\d{0,4}))?)")
_TAG = re.compile(r"\s*<\|box:([a-z0-9:]{1,24})\|>[ \t]*\n?")
_ANSWER = re.compile(r"\banswer\s{0,4}(?:is\s{0,4})?[:=]", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?:(?<![\w.])[\"']?([A-Za-z]{1,6}(?:_(?:min|max))?\d?)[\"']?\s{0,4}[:=]\s{0,4}[\"']?)?"
    r"(?<![\w.])([-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d{1,4})?)(?![\w%]|\.\d)"
)
_BETWEEN_NUMBERS = re.compile(r"[\s,;\"']{1,40}")
_BETWEEN_CORNERS = re.compile(
    r"[\s,;()\[\]{}\"'-]{1,40}(?:(?:to|and)\s{1,4})?"
    r"(?:(?:the\s)?(?:bottom|lower)[ -]right(?:\scorner)?(?:\s(?:at|is))?\s{0,4})?[:=]?[\s()\[\]]{0,10}",
    re.IGNORECASE,
)
_LOC = re.compile(r"<loc(\d{4})>\s{0,4}<loc(\d{4})>\s{0,4}<loc(\d{4})>\s{0,4}<loc(\d{4})>")
_INTERNVL = re.compile(r"<box>[^<>]{1,200}</box>", re.IGNORECASE)
_CORNER_NAMES = (
    ("x1", "y1", "x2", "y2"),
    ("x0", "y0", "x1", "y1"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "right", "bottom"),
)
_SIDE_NAMES = (("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height"))
_NO_OPTION = {"–": ""}


@dataclass(frozen=True)
class BoxReading:
    """The box that a response commits to, in fractions, or None; the outcome; in which convention; why not."""

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


def read_box(response: str | None, size: tuple[int, int], convention: str = AUTO) -> BoxReading:
    """The box that `response` commits to, in fractions of a picture of `size` (width, height in pixels).

    Any string is read without an error. Numbers that can only be fractions, and `<loc…>` tokens, are read
    as what they are in whatever convention. Raises ValueError for an unknown convention.
    """
    name, processed = parse_convention(convention)
    text = _strip_thinking(response or "")
    cues = list(_ANSWER.finditer(text))
    found = (_find_boxes(text[cues[-1].end() :]) if cues else []) or _find_boxes(text)
    if not found:
        refused = read_answer(text, _NO_OPTION).outcome == REFUSED
        return BoxReading(None, REFUSED if refused else UNPARSED, convention, "no box")
    readings = {_read_units(one, name, processed or size, size) for one in found}
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

    A convention named by the response's first line goes before `convention`. Raises ValueError for a target
    that isn't one, and for an unknown convention.
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
    """A box as text, to four digits: what a record keeps as the prediction."""
    return f"[{', '.join(f'{value:.4g}' if abs(value) > 1e4 else f'{value:.4f}' for value in box)}]"


def _strip_thinking(text: str) -> str:
    """The end of a response, without what was thought before it; thinking that never ends leaves nothing."""
    text = text[-4 * MAX_CHARACTERS :]
    for end in ("</think>", "</thinking>"):
        text = text.rpartition(end)[2]
    for start in ("<think>", "<thinking>"):
        text = text.partition(start)[0]
    return text[-MAX_CHARACTERS:]


def _find_boxes(text: str) -> list[_Found]:
    """Every box written in a text, in order, without asking what its numbers mean."""
    tokens = [_Found((float(x1), float(y1), float(x2), float(y2)), convention=LOC1024)
              for y1, x1, y2, x2 in _LOC.findall(text)]  # fmt: skip
    if tokens:
        return tokens
    marked = _INTERNVL.findall(text)
    if marked:
        return [_Found(one.values, one.sides, THOUSAND) for part in marked for one in _find_numbers(part)]
    return _find_numbers(text)


def _find_numbers(text: str) -> list[_Found]:
    """Boxes written as four numbers in a row, as two corners, or as four named numbers."""
    rows: list[list[re.Match[str]]] = []
    for match in _NUMBER.finditer(text):
        if rows and _BETWEEN_NUMBERS.fullmatch(text, rows[-1][-1].end(), match.start()):
            rows[-1].append(match)
        else:
            rows.append([match])
    found = [_as_box(row) for row in _join_corners(text, rows)]
    return [one for one in found if one]


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
    names = [(match[1] or "").lower().replace("_", "") for match in row]
    if not all(names):
        return _Found((numbers[0], numbers[1], numbers[2], numbers[3]))
    by_name = dict(zip(names, numbers, strict=True))
    for forms, sides in ((_CORNER_NAMES, False), (_SIDE_NAMES, True)):
        for a, b, c, d in forms:
            if by_name.keys() == {a, b, c, d}:
                return _Found((by_name[a], by_name[b], by_name[c], by_name[d]), sides)
    return None


def _read_units(found: _Found, name: str, processed: tuple[int, int], size: tuple[int, int]) -> BoxReading:
    """Found numbers in fractions, when it is certain what they mean."""
    if not all(math.isfinite(value) for value in found.values):
        return BoxReading(None, UNPARSED, name, "a number without bounds")
    if found.convention == LOC1024:
        if max(found.values) > 1023:
            return BoxReading(None, UNPARSED, LOC1024, "a location token beyond <loc1023>")
        return BoxReading(_scale(found.values, 1024, 1024), ANSWERED, LOC1024)
    x, y, c, d = found.values
    corners = (x, y, x + c, y + d) if found.sides or name == XYWH else found.values
    if all(abs(value) <= 1 for value in found.values) or (
        all(abs(value) <= LARGEST_FRACTION for value in found.values) and any(value % 1 for value in found.values)
    ):
        return BoxReading(corners, ANSWERED, XYWH if name == XYWH else UNIT)
    if name in (UNIT, LOC1024):
        expected = "fractions" if name == UNIT else "location tokens"
        return BoxReading(None, UNPARSED, name, f"numbers that are no {expected}")
    thousand = BoxReading(_scale(corners, 1000, 1000), ANSWERED, THOUSAND)
    if name == THOUSAND:
        return thousand
    if min(processed) <= 0:
        return BoxReading(None, UNPARSED, name, "the picture's size is not known")
    if name in (PIXELS, XYWH):
        return BoxReading(_scale(corners, *processed), ANSWERED, name)
    if found.convention == THOUSAND:
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
    return BoxReading(None, UNPARSED, AUTO, "ambiguous units")


def _scale(box: Box, width: float, height: float) -> Box:
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height
