"""The command that shows and prunes a store."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.model_adapters.engines import Completion
from sightscale.model_adapters.engines.store import StoreFile


@pytest.fixture
def store(tmp_path: Path) -> StoreFile:
    store = StoreFile(tmp_path / "store.sqlite")
    for i in range(3):
        store.put(str(i), "model@1|transformers|float32", Completion("x"))
    store.put("3", "other@2|transformers|float32", Completion("x"))
    store.count(1, 3)
    return store


def test_it_shows_and_prunes(store: StoreFile) -> None:
    shown = CliRunner().invoke(app, ["store", "show", str(store.path)])
    assert shown.exit_code == 0 and "25.0 % of 4 prompts answered from it" in shown.stdout
    assert "model@1|transformers|float32" in shown.stdout
    pruned = CliRunner().invoke(app, ["store", "prune", str(store.path), "--engine", "model@1"])
    assert pruned.exit_code == 0
    assert "removed 3 generations of model@1|transformers|float32" in pruned.stdout
    assert len(store) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["show", "nowhere.sqlite"], 1, "there is no store"),
        (["prune", "nowhere.sqlite", "--damaged"], 1, "there is no store"),
        (["prune", "{store}"], 1, "say what to remove"),
        (["show", "{store}", "--damaged"], 2, "No such option: --damaged"),
        (["shrink", "{store}"], 2, "No such command 'shrink'"),
    ],
)
def test_a_mistake_removes_nothing(arguments: list[str], code: int, reason: str, store: StoreFile) -> None:
    done = CliRunner().invoke(app, ["store", *(one.replace("{store}", str(store.path)) for one in arguments)])
    assert done.exit_code == code and reason in done.stderr
    assert len(store) == 4


def test_it_merges(store: StoreFile, tmp_path: Path) -> None:
    other = StoreFile(tmp_path / "other.sqlite")
    other.put("0", "model@1|transformers|float32", Completion("y"))
    into = str(tmp_path / "all.sqlite")
    done = CliRunner().invoke(app, ["store", "merge", str(store.path), str(other.path), "--into", into])
    assert done.exit_code == 0 and "4 generations added, 1 were present already" in done.stdout
    assert "1 keys hold different texts; the first of each was kept" in done.stdout
    assert "different texts under the key 0" in done.stderr
