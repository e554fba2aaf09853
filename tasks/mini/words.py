"""Words: the small change of the suite's sentences."""

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def a(name: str) -> str:
    """The name with its indefinite article."""
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def opened(sentence: str) -> str:
    """The sentence with a capital first letter."""
    return sentence[:1].upper() + sentence[1:]
