"""Quality: what an extraction's rows are like, counted from its files alone."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zlib import crc32

import numpy as np

from sightscale.trainers.extraction.examples import Result

BANDS, IN_BAND = 16, 4  # of a min-hash signature: texts that share 0.8 of their shingles meet with p = 0.9998
SHINGLE = 3  # words
NEAR = 0.8  # share of equal hashes from which two descriptions count as near-duplicates
_COMMON = """
a an the this that these those is are was were be been being am do does did has have had having it its he she his her
they them their there here and or but not no nor of in on at to from by for with without as into onto over under up
down out off about than then so if which who whom whose what when where why how can could will would shall should may
might must image picture photo photograph shown shows show depicted visible
"""
COMMON = frozenset(_COMMON.split())  # words without content of their own, and those that only say it is a picture


@dataclass(frozen=True)
class Quality:
    """Counts, word lengths of descriptions, and shares in [0, 1], None where there is nothing to take a share of."""

    rows: int
    set_aside: Mapping[str, int]  # in rejected.jsonl, by reason
    left_aside: Mapping[str, int]  # rows that ask about no picture, about several, or again the same
    sources: Mapping[str, int]
    statements: int
    retried: int  # rows whose statements were asked for twice
    without_focus: int
    words: Mapping[str, float]  # min, 5 %, median, mean, 95 %, max
    refused: float | None  # of all that a teacher was asked for
    truncated: float | None
    stated: float | None  # of the statements, those whose content words all stand in the description
    words_stated: float | None  # of the statements' content words
    near_duplicates: float | None  # of the descriptions, those nearly equal to an earlier one

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure_quality(result: Result) -> Quality:
    """The quality of everything that is in the files of an extraction."""
    sources: Counter[str] = Counter()
    lengths: list[int] = []
    signatures: list[np.ndarray] = []
    rows = statements = retried = without_focus = whole = 0
    shares: list[float] = []
    for row in result.rows:
        provenance, description = row["provenance"], row["conversations"][1]["value"]
        rows += 1
        sources[provenance["source"]] += 1
        retried += provenance["statements_retried"]
        without_focus += provenance["focus"] is None
        lengths.append(len(description.split()))
        signatures.append(sign(description))
        for statement in provenance["statements"]:
            statements += 1
            share = share_stated(statement, description)
            if share is not None:
                shares.append(share)
                whole += share == 1.0
    reasons = Counter(row["reason"] for row in result.rejected)
    asked = rows + sum(count for reason, count in reasons.items() if reason.startswith(("statement", "description")))
    return Quality(
        rows=rows,
        set_aside=dict(sorted(reasons.items())),
        left_aside=dict(sorted(result.left_aside.items())),
        sources=dict(sorted(sources.items())),
        statements=statements,
        retried=retried,
        without_focus=without_focus,
        words=_distribution(lengths),
        refused=_share((reasons[reason] for reason in reasons if reason.endswith("_refused")), asked),
        truncated=_share((reasons[reason] for reason in reasons if reason.endswith("_truncated")), asked),
        stated=_share([whole], len(shares)),
        words_stated=float(np.mean(shares)) if shares else None,
        near_duplicates=_share([count_near_duplicates(signatures)], rows),
    )


def share_stated(statement: str, description: str) -> float | None:
    """The share of a statement's content words that stand in a description; None without any. A plural is equal."""
    wanted = {word for word in _stems(statement) if word not in COMMON}
    return len(wanted & set(_stems(description))) / len(wanted) if wanted else None


def sign(text: str) -> np.ndarray:
    """A text's min-hash signature (Broder, 1997): 64 numbers, equal as often as texts share runs of three words."""
    words = re.findall(r"\w+", text.lower()) or [""]
    runs = {" ".join(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1))}
    hashed = np.array([crc32(run.encode("utf-8", "replace")) for run in sorted(runs)], dtype=np.uint64)
    mixed = (hashed[:, None] * _FACTORS + _OFFSETS) >> np.uint64(32)
    signature: np.ndarray = mixed.min(axis=0).astype(np.uint32)
    return signature


def count_near_duplicates(signatures: Sequence[np.ndarray]) -> int:
    """How many texts are nearly equal to an earlier one, by their signatures."""
    earlier: dict[tuple[int, bytes], list[int]] = {}
    count = 0
    for i, signature in enumerate(signatures):
        keys = [(band, signature[band * IN_BAND : (band + 1) * IN_BAND].tobytes()) for band in range(BANDS)]
        met = {other for key in keys for other in earlier.get(key, ())}
        if any(float(np.mean(signatures[other] == signature)) >= NEAR for other in met):
            count += 1  # nearly equal to one that stands for it, so it needn't be met itself
            continue
        for key in keys:
            earlier.setdefault(key, []).append(i)
    return count


_rng = np.random.default_rng(0)
_FACTORS = _rng.integers(1, 2**63, BANDS * IN_BAND, dtype=np.uint64) | np.uint64(1)
_OFFSETS = _rng.integers(0, 2**63, BANDS * IN_BAND, dtype=np.uint64)


def _stems(text: str) -> list[str]:
    words = re.findall(r"\w+", text.lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words]


def _distribution(lengths: Sequence[int]) -> dict[str, float]:
    if not lengths:
        return {}
    low, median, high = (float(one) for one in np.percentile(lengths, (5, 50, 95)))
    mean = round(float(np.mean(lengths)), 1)
    return {"min": min(lengths), "5 %": low, "median": median, "mean": mean, "95 %": high, "max": max(lengths)}


def _share(counts: Iterable[int], of: int) -> float | None:
    return sum(counts) / of if of else None
