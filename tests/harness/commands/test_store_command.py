"""The command that shows and prunes a store."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.model_adapters.engines import Completion
from sightscale.model_adapters.engines.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store.sqlite")
    for i in range(3):
        store.put(str(i), "model@1|transformers|float32", Completion("x"))
    store.put("3", "other@2|transformers|float32", Completion("x"))
    store.count(1, 3)
    return store


def test_it_shows_and_prunes(store: Store) -> None:
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
        (["prune", "{store}"], 1, "say what is to be removed"),
        (["show", "{store}", "--damaged"], 2, "No such option: --damaged"),
        (["shrink", "{store}"], 2, "No such command 'shrink'"),
    ],
)
def test_a_mistake_removes_nothing(arguments: list[str], code: int, reason: str, store: Store) -> None:
    done = CliRunner().invoke(app, ["store", *(one.replace("{store}", str(store.path)) for one in arguments)])
    assert done.exit_code == code and reason in done.stderr
    assert len(store) == 4
