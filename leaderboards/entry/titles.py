"""Titles: names that strangers choose, held to what a reader can tell apart.

Two titles are alike when nobody could tell them apart on a page: written in another case, with other spaces and
signs, or with letters of another alphabet that look the same (a part of Unicode's confusables, UTS 39).
"""

import unicodedata

# Signs that show nothing though Unicode counts them as letters, marks and symbols.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159")
_LOOKS_LIKE = {
    # Cyrillic
    **dict(zip("авекмнорстухѕіјһԁԛԝьгпѵ", "abekmhopctyxsijhdqwbrnv", strict=True)),
    # Greek
    **dict(zip("αβεηικνορτυχγω", "abenikvoptuxyw", strict=True)),
    # Armenian, and Latin letters that look like others
    **dict(zip("օսհոյցզըıɑɡʟ", "ouhnjgqniagl", strict=True)),
    **dict(zip("01|!", "olii", strict=True)),
}
_ALPHABETS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")  # that share shapes of letters


def check_title(text: str) -> str:
    """A title as it is. Raises ValueError for what shows nothing, and for a word of several alphabets."""
    for character in "" if text.isascii() else text:  # no plain sign is any of these
        if character in _BLANK or 0xFE00 <= ord(character) <= 0xFE0F or 0xE0100 <= ord(character) <= 0xE01EF:
            raise ValueError(f"holds U+{ord(character):04X}, which shows nothing")
        if unicodedata.category(character) == "Zs" and character != " ":
            raise ValueError(f"holds U+{ord(character):04X}, a space that is none; write a plain one")
    if "  " in text:
        raise ValueError("holds two spaces together")
    if not any(unicodedata.category(character)[0] in "LN" for character in text):
        raise ValueError("holds no letter and no digit")
    for word in () if text.isascii() else text.split():
        alphabets = {_alphabet(character) for character in word if character.isalpha()} & set(_ALPHABETS)
        if len(alphabets) > 1:
            raise ValueError(f"mixes the alphabets {' and '.join(sorted(alphabets)).title()} in one word")
        if sum(unicodedata.category(character) in ("Mn", "Me") for character in word) > len(word) / 2 + 1:
            raise ValueError("piles up marks on its letters")
    return text


def fold_title(text: str) -> str:
    """What a reader sees of a title: titles that fold alike can't be told apart."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(_LOOKS_LIKE.get(character, character) for character in plain)
    return "".join(character for character in plain.replace("rn", "m").replace("vv", "w") if character.isalnum())


def _alphabet(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]
