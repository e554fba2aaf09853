"""Titles: names that strangers choose, held to what a reader can tell apart.

Two titles are alike when nobody could tell them apart on a page: written in another case, with other spaces and
signs, or with letters of another alphabet that look the same (a part of Unicode's confusables, UTS 39).
"""

import re
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
# Lisu's, Cherokee's and Coptic's letters that are drawn as Latin capitals.
_LOOKS_LIKE |= dict(zip("ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "bpdtgkjczfmnlsrvhwxyaeiou", strict=True))
_LOOKS_LIKE |= dict(zip("ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏔᏃ", "abcdeghijklmprstvwwz", strict=True))
_LOOKS_LIKE |= dict(zip("ⲁⲃⲉⲏⲓⲕⲙⲛⲟⲣⲥⲧⲩⲭ", "abehikmnopctyx", strict=True))
_LIKE = str.maketrans(_LOOKS_LIKE)
_LATIN = re.compile(r"LATIN (?:LETTER SMALL CAPITAL|SMALL LETTER|CAPITAL LETTER) ([A-Z])(?: WITH .*)?")
# What the board says itself of an entry, and the marks that say it without a word.
_BOARD_WORDS = frozenset(("checked", "unchecked", "verified", "selfreported", "published"))
_BOARD_MARKS = frozenset("✓✔☑✅🗸🗹🏆🥇👑")
_ALPHABETS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")  # that share shapes of letters


def check_title(text: str) -> str:
    """A title as it is. Raises ValueError for what shows nothing, and for a word of several alphabets."""
    for character in "" if text.isascii() else text:  # no plain sign is any of these
        if character in _BLANK or 0xFE00 <= ord(character) <= 0xFE0F or 0xE0100 <= ord(character) <= 0xE01EF:
            raise ValueError(f"holds U+{ord(character):04X}, which shows nothing")
        if ord(character) > 0xFFFF and character.isalpha() and not _is_plain(character):
            raise ValueError(f"holds U+{ord(character):04X}, a letter of an alphabet that few devices show")
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


def refuse_board_words(text: str) -> str:
    """A title as it is. Raises ValueError for one that says what the board says of an entry: its state, its rank."""
    if marks := sorted(set(text) & _BOARD_MARKS):
        raise ValueError(f"holds {marks[0]}, a mark that a reader takes for the board's own")
    words = [fold_title(word) for word in re.split(r"[^\w-]+", text)]
    if said := [word for word in words if word in _BOARD_WORDS]:
        raise ValueError(f"holds the word {said[0]}, which the board itself says of entries")
    return text


def fold_title(text: str) -> str:
    """What a reader sees of a title: titles that fold alike can't be told apart."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = plain if plain.isascii() else "".join(map(_latin, plain))
    plain = plain.translate(_LIKE)
    return "".join(character for character in plain.replace("rn", "m").replace("vv", "w") if character.isalnum())


def _is_plain(character: str) -> bool:
    """Whether a letter of Unicode's further planes is a Chinese character, or a plain letter in another style."""
    return unicodedata.normalize("NFKD", character).isascii() or _alphabet(character) == "CJK"


def _latin(character: str) -> str:
    """The plain letter that a Latin one is drawn from: small capitals, strokes and hooks."""
    match = None if character.isascii() else _LATIN.fullmatch(unicodedata.name(character, ""))
    return match[1].lower() if match else character


def _alphabet(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]
