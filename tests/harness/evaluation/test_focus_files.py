"""Focus files: every question once, with where they come from, and ready for the decoupled model."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation.focus_files import convert_published, write_focus_file
from sightscale.model_adapters import engines
from sightscale.model_adapters.decoupled.focus import leaks, prompt_hash, read_focus
from sightscale.model_adapters.engines.on_demand import OnDemandEngine


def test_a_file_holds_each_usable_focus_and_says_where_they_come_from(
    random_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[OnDemandEngine] = []
    own = engines.open_on_demand

    def noted(*arguments, **options):  # type: ignore[no-untyped-def]
        engine = own(*arguments, **options)
        opened.append(engine._engine)  # type: ignore[union-attr]
        return engine

    monkeypatch.setattr(engines, "open_on_demand", noted)
    path = tmp_path / "focus.json"
    outcomes = write_focus_file(str(random_nano), ("easy_vqa",), path, limit=5)
    content = json.loads(path.read_text())
    focuses = read_focus(path)["easy_vqa"]
    assert sum(outcomes.values()) == 5 and len(focuses) == outcomes.get("written", 0)
    assert set(focuses) <= {str(i) for i in range(5)}
    assert not any(leaks(focus, "Question: Is there a circle?") for focus in focuses.values())
    assert content["provenance"]["prompt_hash"] == prompt_hash()
    assert random_nano.name in content["provenance"]["model"]
    assert content["provenance"]["tasks"] == {"easy_vqa": {"documents": 5, "focuses": len(focuses)}}
    assert write_focus_file(str(random_nano), ("easy_vqa",), path, limit=5) == outcomes
    assert json.loads(path.read_text())["focus"] == content["focus"]
    assert [engine.times_opened for engine in opened] == [1, 0]


def test_a_published_file_becomes_a_focus_file(tmp_path: Path) -> None:
    (tmp_path / "published.json").write_text('{"0": "Contents to observe: the cat", "2": "the dog"}')
    assert convert_published(tmp_path / "published.json", "mmstar", tmp_path / "focus.json") == 2
    assert read_focus(tmp_path / "focus.json") == {"mmstar": {"0": "the cat", "2": "the dog"}}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--tasks", "easy_vqa"], "give either"),
        (["--tasks", "a,b", "--published", "x.json"], "one task"),
        (["--tasks", "a", "--published", "x.json"], "cannot read the focus file"),
        (["--tasks", "easy_vqa", "--llm", "decoupled:perception=a,reasoning=b"], "must be one model"),
    ],
)
def test_a_mistake_ends_in_one_line(arguments: list[str], reason: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["focus", *arguments, "--output", str(tmp_path / "focus.json")])
    assert done.exit_code == 1 and reason in done.stderr
    assert done.stderr.startswith("sightscale: ") and not (tmp_path / "focus.json").exists()
