"""Two-alternative forced choice: scores the choice between two pictures.

The target says which share of people preferred each option, as JSON: `{"A": 0.25, "B": 0.75}`. A choice scores the
share of people who agree with it. A response that calls the two equal scores half, as equal distances do for a metric.
A response that commits to neither scores zero; the choice is not drawn at random.
"""

import json
import re
from collections.abc import Mapping

from sightscale.tasks.answers import ANSWERED, MAX_CHARACTERS, Reading, Why, read_answer, strip_thinking

TIE = "tie"
_TIE = re.compile(
    r"\b(?:both|they|image\s+a\s+and\s+(?:image\s+)?b|the\s+(?:two|images))\b[^.\n]{0,40}?\bequally\s+(?:similar|close)\b|"
    r"\b(?:it\s+is|it's|this\s+is)\s+a\s+tie\b|\A\W{0,4}(?:a\s+)?tie\W{0,4}\Z|"
    r"\bneither\b[^.\n]{0,40}\bmore\s+similar\b",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(?:not|n['’]t|never)\b[^.\n]{0,20}\b(?:equally|tie)\b", re.IGNORECASE)


def read_preference(response: str, options: Mapping[str, str], *, truncated: bool = False) -> Reading:
    """The option that a response prefers, `tie` if it calls them equal, or no letter, as in `read_answer`."""
    reading = read_answer(response, options, truncated=truncated)
    if reading.letter is None and not truncated:
        end = strip_thinking(response[-4 * MAX_CHARACTERS :])[-MAX_CHARACTERS:]
        tie = _TIE.search(end)
        if tie and not _DENIED.search(end):
            return Reading(TIE, ANSWERED, Why("tie", tie[0], tie.span()))
    return reading


def read_shares(target: str) -> dict[str, float]:
    """The share of people for each option, from a target. Raises ValueError for an invalid target."""
    try:
        shares = {str(letter): float(share) for letter, share in json.loads(target).items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f'target {target[:80]!r} is no preference; write {{"A": share, "B": share}}') from error
    if not shares or not all(0 <= share <= 1 for share in shares.values()):
        raise ValueError(f"target {target[:80]!r} is no preference: shares lie between 0 and 1")
    return shares


def write_shares(shares: Mapping[str, float]) -> str:
    """A target: the share of people who preferred each option, as JSON."""
    return json.dumps({letter: round(share, 6) for letter, share in shares.items()})


def ceiling(target: str) -> float:
    """The share of people that the best choice agrees with: 1 only where all of them agree."""
    return max(read_shares(target).values())


def agreement(choice: str | None, target: str) -> float:
    """The share of people that a choice agrees with: half of all for a tie, 0 for none."""
    shares = read_shares(target)
    return sum(shares.values()) / 2 if choice == TIE else shares.get(choice or "", 0.0)


def majority_agreement(choice: str | None, target: str) -> float:
    """1 for the majority's choice, 0 for the other or none; half when people, or the response, call it even."""
    shares = read_shares(target)
    if choice is None:
        return 0.0
    if choice == TIE or len(set(shares.values())) == 1:
        return 0.5
    return float(shares.get(choice, 0.0) == max(shares.values()))
