"""Mirages: answers that describe a picture that wasn't shown, told by rule from their words.

A sentence claims to see where it speaks of what a picture shows, and denies nothing. The rules are English; an answer
of a letter or a word claims nothing. A rule can be read and its hits listed, which a judging model's can't.
"""

import re

import numpy as np
import pandas as pd

from sightscale.harness.analysis.matched_runs import Run
from sightscale.harness.statistics import Array
from sightscale.tasks.vocabulary import WITHOUT_PICTURE, Outcome

_PICTURE = r"(?:image|picture|photo|photograph|figure|diagram|chart|graph|scene|screenshot|illustration|map|table|plot)"
# Each rule as it is read; a sentence that meets one, and no denial, is a claim to see.
CLAIMS = {
    "the picture shows": rf"\b(?:the|this|that|your)\s+(?:\w+\s+)?{_PICTURE}\s+(?:clearly\s+|also\s+|only\s+)?"
    r"(?:shows?|depicts?|displays?|features?|contains?|captures?|illustrates?|presents?|has|is|appears|represents?)\b",
    "in the picture": rf"\b(?:in|on|from|of|within)\s+the\s+(?:\w+\s+)?{_PICTURE}\b",
    "based on the picture": rf"\b(?:based on|according to|looking at|judging by|as shown in|as seen in|given)\s+the\s+"
    rf"(?:\w+\s+)?{_PICTURE}\b",
    "I see": r"\b(?:I|we)\s+(?:can\s+)?(?:clearly\s+)?(?:see|observe|notice)\b",
    "shown or visible": r"\b(?:is|are)\s+(?:clearly\s+)?(?:shown|visible|depicted|pictured|displayed)\b",
}
DENIALS = (
    r"\b(?:no|not|never|nothing|without|cannot|can't|can’t|couldn't|don't|don’t|doesn't|isn't|wasn't|unable|missing|"
    r"unavailable|absent|unless|if|would|might|could|please|provide|assum\w*|imagin\w*|typically|usually)\b"
)
MAX_TEXT = 20_000  # characters of an answer that are read
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_CLAIMS = {name: re.compile(rule, re.IGNORECASE) for name, rule in CLAIMS.items()}
_DENIES = re.compile(DENIALS, re.IGNORECASE)
LISTED = ["run", "task", "condition", "doc_id", "item_id", "rule", "sentence"]


def find_claim(response: str) -> tuple[str, str] | None:
    """The rule that the first sentence that claims to see meets, and that sentence; None without one."""
    for sentence in _SENTENCE.findall(response[:MAX_TEXT]):
        if not _DENIES.search(sentence):
            for name, rule in _CLAIMS.items():
                if rule.search(sentence):
                    return name, sentence.strip()
    return None


def mark_mirages(rows: pd.DataFrame) -> Array:
    """1 for each row whose answer claims to see, 0 for another, missing for one that failed or has no text kept."""
    return np.array([_mark(*row) for row in zip(rows["response"], rows["outcome"], strict=True)], float)


def list_mirages(run: Run) -> pd.DataFrame:
    """Every answer of a run that claims to see a picture that wasn't shown: `LISTED`, its sentence at most 500 long."""
    rows = []
    asked = run.records[run.records["condition"].isin(WITHOUT_PICTURE)]
    for row in asked[mark_mirages(asked) == 1].to_dict("records"):
        rule, sentence = find_claim(row["response"]) or ("", "")
        where = (run.label, row["task"], row["condition"], row["doc_id"], row["item_id"])
        rows.append(dict(zip(LISTED, (*where, rule, sentence[:500]), strict=True)))
    return pd.DataFrame(rows, columns=LISTED)


def _mark(response: object, outcome: object) -> float:
    if outcome == Outcome.FAILED or not isinstance(response, str) or not response.strip():
        return float("nan")
    return float(find_claim(response) is not None)
