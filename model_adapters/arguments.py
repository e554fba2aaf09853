"""Arguments: values of a model string or of lmms-eval's `--model_args`, read by type with the argument named."""

from typing import Any

from sightscale.tasks.errors import UserError


def read_flag(name: str, value: Any) -> bool:
    """True or false. Raises UserError for anything else than the two words, in any case, and Python's own two."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in ("true", "false"):
        raise UserError(f"{name}={value!r} must be true or false")
    return word == "true"


def read_count(name: str, value: Any, least: int = 1, most: int = 10**9) -> int:
    """A whole number from `least` to `most`. Raises UserError for anything else."""
    text = str(value).strip()
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(most)) else None
    if isinstance(value, bool) or number is None or not least <= number <= most:
        raise UserError(f"{name}={value!r} must be a whole number from {least:,} to {most:,}")
    return number
