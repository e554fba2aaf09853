"""Reliance in nats on rows with planted log-probabilities, and what a model's letters hold."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.analysis import describe_letter_mass, find_reliance, read_runs, render_reliance
from sightscale.harness.analysis.findings import Measure, only, read_estimate
from sightscale.harness.statistics import paired_difference
from sightscale.tasks.likelihoods import OptionLikelihood, write_likelihoods

Rows = Callable[..., pd.DataFrame]


@pytest.fixture
def run(make_rows: Rows, save_run: Callable[..., str]) -> tuple[str, np.ndarray, np.ndarray, list[str]]:
    """A run of 120 questions, two on each picture, and its log-probabilities of the right option."""
    rng = np.random.default_rng(0)
    n = 120
    told = {"sighted": np.log(rng.uniform(0.4, 0.9, n)), "none": np.log(rng.uniform(0.1, 0.5, n))}
    clusters = [f"picture {i // 2}" for i in range(n)]
    parts = [
        make_rows(
            "t",
            condition,
            (values > math.log(0.5)).astype(float),
            outcome="likeliest",
            answers="likelihood:letter",
            likelihoods=write_likelihoods({"A": OptionLikelihood(-5.0, 1), "B": OptionLikelihood(-6.0, 1)}),
            right_logprob=values,
            cluster=clusters,
        )
        for condition, values in told.items()
    ]
    return save_run("scored", *parts), told["sighted"], told["none"], clusters


def test_reliance_in_nats_is_the_paired_gain_clustered_by_picture(
    run: tuple[str, np.ndarray, np.ndarray, list[str]],
) -> None:
    folder, sighted, blind, clusters = run
    findings = find_reliance(read_runs([folder]), resamples=2000)
    (nats,) = only(findings, Measure.NATS).itertuples()
    assert read_estimate(nats) == paired_difference(sighted, blind, clusters, resamples=2000, bounds=(-np.inf, np.inf))
    assert nats.n == 120 and nats.clusters == 60 and nats.value == pytest.approx(float(np.mean(sighted - blind)))
    (gain,) = only(findings, Measure.PROBABILITY_GAIN).itertuples()
    assert gain.value == pytest.approx(float(np.mean(np.exp(sighted) - np.exp(blind))))
    assert 0 < gain.low < gain.value < gain.high < 1 and nats.low > 0
    shown = [table.caption for table in render_reliance(findings)]
    assert any("nats" in caption for caption in shown)


def test_a_gain_of_many_nats_isnt_cut_off(make_rows: Rows, save_run: Callable[..., str]) -> None:
    parts = [
        make_rows("t", name, np.ones(8), outcome="likeliest", answers="likelihood:letter", right_logprob=values)
        for name, values in (("sighted", np.linspace(-0.2, -0.1, 8)), ("none", np.linspace(-6.0, -4.0, 8)))
    ]
    findings = find_reliance(read_runs([save_run("few", *parts)]), resamples=500)
    (nats,) = only(findings, Measure.NATS).itertuples()
    assert 1 < nats.low < nats.value == pytest.approx(4.85) and nats.high > nats.value


def test_written_answers_have_none(
    make_rows: Rows, save_run: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    parts = [make_rows("t", name, np.ones(40)) for name in ("sighted", "none")]
    written = save_run("written", *parts)
    assert only(find_reliance(read_runs([written])), Measure.NATS, Measure.PROBABILITY_GAIN).empty
    assert "answers" not in pd.read_parquet(Path(written) / "records.parquet").columns
    scored = [part.assign(answers="likelihood:letter", right_logprob=-1.0) for part in parts]
    with caplog.at_level("WARNING"):
        read_runs([written, save_run("scored", *scored)])
    assert "of several kinds: written, likelihood:letter" in caplog.text


def test_a_model_that_answers_in_another_form_is_told_of(run: tuple[str, np.ndarray, np.ndarray, list[str]]) -> None:
    records = read_runs([run[0]])[0].records
    (sentence,) = describe_letter_mass(records)
    assert sentence.startswith("t: the options' letters have 0.92 %") and "likelihood:text" in sentence
    plain = write_likelihoods({"A": OptionLikelihood(-0.1, 1), "B": OptionLikelihood(-3.0, 1)})
    assert describe_letter_mass(records.assign(likelihoods=plain)) == []
    assert describe_letter_mass(records.assign(likelihoods=None)) == []
    assert describe_letter_mass(records.assign(answers="likelihood:text")) == []  # it does what is advised
