"""Quality: shares that are known by construction."""

import numpy as np
import pytest

from sightscale.trainers.extraction.quality import count_near_duplicates, share_stated, sign

WORDS = [f"word{i}" for i in range(500)]


def text(seed: int, n: int = 120) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS, n))


def test_near_duplicates_are_found_and_others_are_not() -> None:
    distinct = [text(seed) for seed in range(200)]
    assert count_near_duplicates([sign(one) for one in distinct]) == 0
    nearly = [one + " end" for one in distinct[:50]]
    assert count_near_duplicates([sign(one) for one in [*distinct, *nearly]]) == 50
    assert count_near_duplicates([sign("the same")] * 10) == 9
    assert count_near_duplicates([sign(""), sign("a"), sign("b")]) == 0


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_signatures_agree_as_often_as_texts_share_runs(kept: float) -> None:
    agreements, shares = [], []
    for seed in range(40):
        one = text(seed).split()
        other = [word if i < kept * len(one) else f"new{i}" for i, word in enumerate(one)]
        runs = [{tuple(words[i : i + 3]) for i in range(len(words) - 2)} for words in (one, other)]
        shares.append(len(runs[0] & runs[1]) / len(runs[0] | runs[1]))
        agreements.append(float(np.mean(sign(" ".join(one)) == sign(" ".join(other)))))
    assert np.mean(agreements) == pytest.approx(np.mean(shares), abs=0.04)


def test_a_statement_is_found_by_its_content_words() -> None:
    said = "A red bus stands at the stop, where three people wait under a clock."
    assert share_stated("The bus is red.", said) == 1.0
    assert share_stated("The buses are blue.", said) == 0.0
    assert share_stated("Three persons wait.", said) == pytest.approx(2 / 3)
    assert share_stated("The clocks wait.", said) == 1.0
    assert share_stated("It is not there.", said) is None
