"""Confidence sequences: they hold at every number of questions at once, in simulations and on real answers."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.statistics import (
    Sequence,
    draw_pictures,
    follow,
    foresee,
    foresee_width,
    paired_difference,
    replay,
)
from sightscale.harness.statistics.sequential import FIRST, half_width

REAL = os.environ.get("SIGHTSCALE_TEST_RESPONSES", "")  # a folder with M3IRT's response matrices
MEANS = {"even": (0.2, 0.2), "some": (0.35, 0.1), "rare": (0.03, 0.0), "all": (0.9, 0.05)}  # gains, losses


@pytest.mark.parametrize("name", MEANS)
def test_betting_holds_the_truth_at_every_number_of_questions(name: str) -> None:
    gains, losses = MEANS[name]
    rng = np.random.default_rng(sum(name.encode()))
    missed = 0
    for trial in range(200):
        drawn = rng.choice([1.0, -1.0, 0.0], p=[gains, losses, 1 - gains - losses], size=400)
        missed += int(replay(drawn, threshold=gains - losses, orders=1, seed=trial).verdicts[0] != 0)
    assert missed / 200 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)


def test_looking_after_each_question_fools_an_ordinary_interval_and_no_confidence_sequence() -> None:
    rng = np.random.default_rng(0)
    peeked = {"ordinary": 0, Sequence.BETTING: 0, Sequence.MIXTURE: 0}
    for trial in range(300):
        drawn = rng.choice([1.0, -1.0, 0.0], p=[0.2, 0.2, 0.6], size=500)
        count = np.arange(1, 501)
        means = np.cumsum(drawn) / count
        spread = np.sqrt(np.maximum(np.cumsum(drawn**2) / count - means**2, 1e-9) / count)
        peeked["ordinary"] += bool((np.abs(means) > 1.96 * spread)[FIRST:].any())
        for sequence in Sequence:
            peeked[sequence] += int(replay(drawn, orders=1, sequence=sequence, seed=trial).verdicts[0] != 0)
    assert peeked["ordinary"] / 300 > 0.25
    assert peeked[Sequence.BETTING] / 300 <= 0.06 and peeked[Sequence.MIXTURE] / 300 <= 0.07


@pytest.mark.parametrize("sequence", Sequence)
def test_pictures_with_several_questions_are_one_draw(sequence: Sequence) -> None:
    rng = np.random.default_rng(1)
    members = np.repeat(np.arange(120), 4)
    wrong = 0
    for trial in range(200):
        lean = rng.choice([1.0, -1.0, 0.0], p=[0.3, 0.3, 0.4], size=120)[members]  # all questions of a picture agree
        wrong += int(replay(lean, members, orders=1, sequence=sequence, seed=trial).verdicts[0] != 0)
    assert wrong / 200 <= 0.08
    found = replay(np.ones(480), members, orders=3)
    assert (found.asked % 4 == 0).all() and found.questions == 480


def test_the_interval_is_what_a_replay_stops_at() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.choice([1.0, -1.0, 0.0], p=[0.4, 0.1, 0.5], size=300)
    order = np.random.default_rng(5).permuted(np.arange(300)[None, :], axis=1)[0]
    stop = int(replay(drawn, orders=1, seed=5).asked[0])
    for asked, decided in ((stop - 1, False), (stop, True)):
        estimate = follow(draw_pictures(drawn[order][:asked], order=np.arange(asked)))
        assert (estimate.low > 0) is decided and estimate.n == asked


@pytest.mark.parametrize("sequence", Sequence)
def test_it_is_wider_than_an_interval_for_one_look_and_narrows(sequence: Sequence) -> None:
    rng = np.random.default_rng(3)
    drawn = rng.choice([1.0, -1.0, 0.0], p=[0.3, 0.1, 0.6], size=2000)
    widths = []
    for count in (60, 300, 2000):
        once = paired_difference(drawn[:count], np.zeros(count))
        always = follow(draw_pictures(drawn[:count]), sequence=sequence)
        assert always.value == pytest.approx(once.value) and always.low < once.low and always.high > once.high
        widths.append(always.high - always.low)
    assert widths[0] > widths[1] > widths[2] and widths[2] < 0.13


def test_nothing_and_one_question() -> None:
    assert np.isnan(follow(draw_pictures([])).value)
    one = follow(draw_pictures([1.0]))
    assert (one.value, one.n) == (1, 1) and one.low < -0.5 and one.high == 1
    unknown = follow(draw_pictures([0.0] * 5), sequence=Sequence.MIXTURE)
    assert (unknown.low, unknown.high) == (-1, 1)
    same = follow(draw_pictures([0.0] * 400))
    assert same.value == 0 and -0.1 < same.low < 0 < same.high < 0.1
    with pytest.raises(ValueError, match="between −1 and 1"):
        draw_pictures([2.0])


def test_how_many_more_questions_are_needed_is_about_right() -> None:
    rng = np.random.default_rng(4)
    drawn = rng.choice([1.0, -1.0, 0.0], p=[0.2, 0.1, 0.7], size=3000)
    begun = draw_pictures(drawn[:200], order=np.arange(200))
    more = foresee(begun, 0.0)
    stops = replay(drawn, orders=50).asked
    assert more and 0.3 < (200 + more) / np.median(stops) < 3
    width = foresee_width(begun, 0.06)
    assert width and 2 * half_width(200 + width, begun.variance) == pytest.approx(0.06, rel=0.05)
    assert foresee(draw_pictures([1.0, -1.0] * 200), 0.0) is None


@pytest.mark.skipif(not REAL, reason="SIGHTSCALE_TEST_RESPONSES names no folder of M3IRT's matrices")
@pytest.mark.parametrize(("name", "least"), [("mathvista", 0.9), ("seedbench", 0.8), ("mmmu", 0.4)])
def test_real_models_are_decided_early_and_rightly(name: str, least: float) -> None:
    table = pd.read_csv(Path(REAL) / f"{name}.csv", index_col=0, encoding="utf-8-sig")
    sighted = [one for one in table.columns if "<" not in one]
    differences = table[sighted].to_numpy(float) - table[[f"<no_image>{one}" for one in sighted]].to_numpy(float)
    replays = [replay(row, orders=100) for row in differences]
    assert np.mean([one.saved for one in replays]) >= least
    assert np.mean([one.wrong() for one in replays]) <= 0.01
    assert np.mean([one.covered.mean() for one in replays]) >= 0.95
    small = [one for one in replays if abs(one.mean) < 0.02]
    assert all((one.verdicts == 0).mean() > 0.9 for one in small)  # too little to tell stays undecided
