"""Hub data sets of conversation files: a user's copy, the client's cache, and one line where neither is.

The rows are in the schema that markendo/Visual-Extraction-Tuning-382K is described with: LLaVA's, a file a source.
"""

import json
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
from PIL import Image

from sightscale.model_adapters.decoupled.prompts import perception_prompt
from sightscale.trainers.data.hub_files import find_hub_files
from sightscale.trainers.data.mixture import build_mixture
from sightscale.trainers.recipe import Stage

NAME = "markendo/Visual-Extraction-Tuning-382K"


def say(*turns: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """A row in LLaVA's format."""
    said = [{"from": who, "value": text} for turn in turns for who, text in zip(("human", "gpt"), turn, strict=True)]
    return {"conversations": said, **fields}


def fill(folder: Path) -> None:
    """Two sources' files of three rows each, and what the hub's tools write beside them."""
    folder.mkdir(parents=True)
    for source in ("GQA", "TextVQA"):
        asked = f"<image>\n{perception_prompt('the bus')}"
        rows = [say((asked, f"A bus, {source} {i}."), id=str(i), image=f"{source}/{i}.jpg") for i in range(3)]
        (folder / f"{source}.json").write_text(json.dumps(rows))
    (folder / "dataset_infos.json").write_text("{}")
    (folder / "README.md").write_text("# data")


def stage(**source: object) -> Stage:
    return Stage.model_validate(
        {
            "name": "extract",
            "kind": "extract",
            "train": {"language": 1e-5},
            "epochs": 1,
            "batch_size": 2,
            "mixture": [{"source": "hub", "dataset": NAME, **source}],
        }
    )


def test_a_copy_under_the_data_root_is_a_mixtures_source(tmp_path: Path) -> None:
    fill(tmp_path / NAME)
    for source in ("GQA", "TextVQA"):
        (tmp_path / "pictures" / source).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (20, 10)).save(tmp_path / "pictures" / source / f"{i}.jpg")
    mixture = build_mixture(stage(images="pictures"), 0, False, tmp_path)
    assert mixture.report() == [(NAME, 6, 6, 0)]
    assert {mixture[i].turns[0][1] for i in range(6)} == {
        f"A bus, {source} {i}." for source in ("GQA", "TextVQA") for i in range(3)
    }
    one = build_mixture(stage(images="pictures", files=["GQA.json"]), 0, False, tmp_path)
    assert len(one) == 3


def test_without_pictures_the_first_missing_one_is_named(tmp_path: Path) -> None:
    fill(tmp_path / NAME)
    with pytest.raises(
        ValueError, match=r"no usable row; the first bad one: GQA\.json:1: there is no picture"
    ) as caught:
        build_mixture(stage(), 0, False, tmp_path)
    assert "\n" not in str(caught.value)


def test_the_clients_cache_is_read_at_the_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    kept = tmp_path / "hub" / f"datasets--{NAME.replace('/', '--')}"
    commit = "7" * 40
    fill(kept / "snapshots" / commit)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(commit)
    for revision in ("main", commit):
        found = find_hub_files(NAME, revision, (), tmp_path / "root", fetch=False)
        assert [path.name for path in found] == ["GQA.json", "TextVQA.json"]
    with pytest.raises(ValueError, match="isn't on this machine"):
        find_hub_files(NAME, "8" * 40, (), tmp_path / "root", fetch=False)


@pytest.mark.parametrize("fetch", [False, True])
def test_what_is_nowhere_is_told_in_one_line(fetch: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ValueError, match=f"{NAME} isn't on this machine; put a copy at <data root>/") as caught:
        find_hub_files(NAME, "main", (), tmp_path, fetch)
    assert "\n" not in str(caught.value) and "hf download" in str(caught.value)


def test_a_copy_that_lacks_a_file_is_told(tmp_path: Path) -> None:
    fill(tmp_path / NAME)
    with pytest.raises(ValueError, match=r"has no file 'VQAv2\.json'"):
        find_hub_files(NAME, "main", ["VQAv2.json"], tmp_path, fetch=False)
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(ValueError, match="holds no"):
        find_hub_files("a/b", "main", (), tmp_path, fetch=False)
