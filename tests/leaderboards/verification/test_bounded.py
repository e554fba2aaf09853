"""Bounded: whatever work does, it ends within its time and memory, and the next entry isn't harmed."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from sightscale.leaderboards.verification import verify_apart
from sightscale.leaderboards.verification.apart import MOST_SECONDS, prepare
from sightscale.leaderboards.verification.bounded import PREPARING, SECONDS, TooLarge, TooMuch, Worker
from sightscale.tasks.vocabulary import DataOrigin


def test_endless_work_is_ended_in_time_and_the_next_is_done() -> None:
    with Worker(seconds=2.0) as worker:
        assert worker.call("posixpath:basename", p="a/b") == "b"
        started = time.monotonic()
        with pytest.raises(TooMuch, match="more than 2 s"):
            worker.call("subprocess:check_output", args=["sleep", "600"])
        assert time.monotonic() - started < 6
        assert worker.call("posixpath:basename", p="c/d") == "d"


def test_work_that_takes_more_memory_ends_alone() -> None:
    with Worker(memory=400 * 2**20) as worker:
        with pytest.raises(TooLarge, match="more memory"):
            worker.call("textwrap:indent", text="x\n" * 2000, prefix="y" * 2**20)
        assert worker.call("posixpath:basename", p="c/d") == "d"


def test_a_process_that_falls_over_is_a_reason() -> None:
    with Worker() as worker:
        with pytest.raises(TooMuch, match="fell over"):
            worker.call("os:abort")
        with pytest.raises(TooMuch, match="AttributeError"):
            worker.call("os:nothing")
        assert worker.call("posixpath:basename", p="c/d") == "d"


def test_an_entry_is_verified_apart_as_it_is_here(counted: Path, tmp_path: Path) -> None:
    bomb = Path(shutil.copytree(counted, tmp_path / "tiny"))
    (bomb / "entry.yaml").write_text("a: " + "[" * 100_000)
    with Worker() as worker:
        assert str(verify_apart(worker, counted, "mini").state) == "checked"
        refused = verify_apart(worker, bomb, "mini")
        assert not refused.accepted and "nested too deeply" in refused.issues[0].reason


def answer_calls(monkeypatch: pytest.MonkeyPatch, **needed: Any) -> dict[str, float | None]:
    """Let a worker say that an entry needs this; return the seconds that each function is allowed, as it is called."""
    allowed: dict[str, float | None] = {}

    def call(worker: Worker, function: str, seconds: float | None = None, **arguments: Any) -> dict[str, Any]:
        allowed[function.partition(":")[2]] = seconds
        return dict(needed)

    monkeypatch.setattr(Worker, "call", call)
    return allowed


@pytest.mark.parametrize(("answers", "seconds"), [(0, SECONDS), (13_200, SECONDS + 26.4), (10**9, MOST_SECONDS)])
def test_an_entry_of_many_answers_may_take_longer_but_never_long(
    answers: int, seconds: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer_calls(monkeypatch, answers=answers, size=None)
    assert prepare(Worker(), tmp_path, DataOrigin.MINI, None) == pytest.approx(seconds)


@pytest.mark.parametrize(("size", "seconds"), [(300, PREPARING), (None, PREPARING), (9999, SECONDS)])
def test_who_claims_a_larger_mini_suite_lets_nobody_draw_it_for_minutes(
    size: int | None, seconds: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    allowed = answer_calls(monkeypatch, answers=8, size=size)
    prepare(Worker(), tmp_path, DataOrigin.MINI, None)
    assert allowed["read_needed"] == seconds
