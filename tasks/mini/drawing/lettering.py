"""Lettering: capitals, digits and signs drawn as strokes, so that no font file is needed."""

from sightscale.tasks.mini.drawing.canvas import Canvas, Rgb

# Each glyph is a list of strokes over a grid of 4 by 6; "06 20 46" goes from (0,6) over (2,0) to (4,6).
_STROKES = {
    "A": "06 02 20 42 46|04 44",
    "B": "00 06 36 45 44 33 42 41 30 00|03 33",
    "C": "41 30 10 01 05 16 36 45",
    "D": "00 06 26 44 42 20 00",
    "E": "40 00 06 46|03 33",
    "F": "40 00 06|03 33",
    "G": "41 30 10 01 05 16 36 45 43 23",
    "H": "00 06|40 46|03 43",
    "I": "10 30|20 26|16 36",
    "J": "40 45 36 16 05",
    "K": "00 06|40 03 46",
    "L": "00 06 46",
    "M": "06 00 23 40 46",
    "N": "06 00 46 40",
    "O": "10 30 41 45 36 16 05 01 10",
    "P": "06 00 30 41 42 33 03",
    "Q": "10 30 41 45 36 16 05 01 10|24 46",
    "R": "06 00 30 41 42 33 03|23 46",
    "S": "41 30 10 01 02 13 33 44 45 36 16 05",
    "T": "00 40|20 26",
    "U": "00 05 16 36 45 40",
    "V": "00 26 40",
    "W": "00 16 22 36 40",
    "X": "00 46|40 06",
    "Y": "00 23 40|23 26",
    "Z": "00 40 06 46",
    "0": "10 30 41 45 36 16 05 01 10|14 32",
    "1": "11 20 26|16 36",
    "2": "01 10 30 41 42 06 46",
    "3": "01 10 30 41 42 33 44 45 36 16 05|13 33",
    "4": "36 30 04 44",
    "5": "40 00 02 32 43 45 36 16 05",
    "6": "41 30 10 01 05 16 36 45 44 33 13 04",
    "7": "00 40 16",
    "8": "13 02 01 10 30 41 42 33 13 04 05 16 36 45 44 33",
    "9": "05 16 36 45 41 30 10 01 02 13 33 42",
    ".": "26 26",
    ",": "25 17",
    "-": "13 33",
    "+": "03 43|21 25",
    "=": "02 42|04 44",
    "/": "06 40",
    ":": "22 22|25 25",
    "?": "01 10 30 41 42 23 24|26 26",
    "!": "20 24|26 26",
    "'": "20 21",
    "(": "30 21 25 36",
    ")": "10 21 25 16",
    "<": "40 03 46",
    ">": "00 43 06",
    "%": "06 40|00 11|35 46",
    "°": "10 20 21 11 10",
    "×": "01 45|41 05",
    "$": "41 30 10 01 02 13 33 44 45 36 16 05|20 26",
}
GLYPHS = {
    character: [[(int(place[0]), int(place[1])) for place in stroke.split()] for stroke in strokes.split("|")]
    for character, strokes in _STROKES.items()
}
ADVANCE, SPACE = 5.6, 3.6  # columns of the grid from one glyph to the next, and of a space


def text_width(text: str, height: float) -> float:
    """The width in pixels of a line of text of that height."""
    columns = sum(SPACE if character == " " else ADVANCE for character in text)
    return max(0.0, columns - (ADVANCE - 4)) * height / 6


def write(
    canvas: Canvas, text: str, x: float, y: float, height: float, colour: str | Rgb, *, anchor: str = "middle"
) -> None:
    """Write a line of text in capitals; (x, y) is its middle, or with the anchor `left` the middle of its left end.

    Raises ValueError for a character that has no glyph.
    """
    unit = height / 6
    left = x if anchor == "left" else x - text_width(text, height) / 2
    top = y - height / 2
    for word in text.upper().split(" "):
        with canvas.mark("word", word):
            for character in word:
                if character not in GLYPHS:
                    raise ValueError(f"no glyph for {character!r}")
                with canvas.mark("letter", character):
                    for stroke in GLYPHS[character]:
                        points = [(left + column * unit, top + row * unit) for column, row in stroke]
                        canvas.line(points, colour, height / 7)
                left += ADVANCE * unit
        left += SPACE * unit


def fitting_height(text: str, width: float, largest: float) -> float:
    """The greatest height up to `largest` at which the text is no wider than `width`."""
    return min(largest, largest * width / max(1e-6, text_width(text, largest)))
