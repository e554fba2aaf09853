"""Large mini sets: drawn once, then read from disk as they were drawn."""

from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest

from sightscale.tasks.mini import registry

SET, N = "in_domain/GQA", 6


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path))
    monkeypatch.setattr(registry, "KEPT", N)
    registry._build.cache_clear()
    yield tmp_path / "sightscale_mini"
    registry._build.cache_clear()


def test_a_large_set_is_drawn_once_and_read_as_it_was_drawn(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = registry.build_rows(SET, n=N)
    registry._build.cache_clear()
    monkeypatch.setattr(registry, "_named", lambda *_: lambda *_: pytest.fail("drawn again"))
    again = registry.build_rows(SET, n=N)
    assert again.features == drawn.features and len(list(cache.iterdir())) == 1
    for one, other in zip(drawn, again, strict=True):
        assert one.pop("image").tobytes() == other.pop("image").tobytes() and one == other


def test_other_questions_or_another_source_are_drawn_anew(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.build_rows(SET, n=N)
    registry.build_rows(SET, n=N + 1)
    monkeypatch.setattr(registry, "_hash_source", lambda: "another")
    registry._build.cache_clear()
    registry.build_rows(SET, n=N)
    assert len(list(cache.iterdir())) == 3


def test_a_disk_that_may_not_be_written_to_costs_nothing(cache: Path) -> None:
    cache.parent.joinpath("sightscale_mini").write_text("a file where the folder ought to be")
    assert len(registry.build_rows(SET, n=N)) == N


def test_a_small_set_leaves_nothing_on_disk(cache: Path) -> None:
    registry.build_rows(SET, n=N - 1)
    assert not cache.exists()
