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


def read_share(name: str, value: Any) -> float:
    """A number from 0 to 10,000, such as 0.5 of a GPU. Raises UserError for anything else."""
    try:
        number = float(str(value))
    except ValueError:
        number = -1.0
    if not 0 <= number <= 10_000:
        raise UserError(f"{name}={value!r} must be a number from 0")
    return number
