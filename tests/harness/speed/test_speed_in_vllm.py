"""Ours beside vLLM alone and beside lmms-eval's own classes, in an environment that can run all of them."""

import pytest

from sightscale.harness.speed.peers import HUGGINGFACE, OURS, OURS_IN_VLLM, VLLM, compare_peers
from sightscale.harness.speed.raw import compare_raw

pytestmark = pytest.mark.vllm


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)  # other tests set it for their whole process


def test_lmms_evals_classes_answer_as_ours_do() -> None:
    comparison = compare_peers("easy_vqa_nano", questions=6, rounds=1, batch_size=4, in_vllm=True)
    assert list(comparison.seconds) == [HUGGINGFACE, VLLM, OURS, OURS_IN_VLLM]
    assert set(comparison.answers_equal.values()) == {6}
    ours = min(comparison.median(way) for way in (OURS, OURS_IN_VLLM))
    assert comparison.reached == (ours <= min(comparison.median(way) for way in (HUGGINGFACE, VLLM)))


def test_vllm_alone_answers_as_it_does_with_everything_around_it() -> None:
    comparison = compare_raw("easy_vqa_nano", questions=8, rounds=1)
    assert set(comparison.answers_equal.values()) == {8}
    assert comparison.reached == (comparison.ratio("sightscale") >= 0.97)
