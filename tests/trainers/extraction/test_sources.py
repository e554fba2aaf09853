"""Sources: mini sets from the train split alone, tasks, parquet files with pictures inside, names."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image

from sightscale.tasks.mini import iterate_items
from sightscale.tasks.sources import reading
from sightscale.trainers.extraction.sources import Example, find_sets, open_sources


def test_mini_sets_are_known_by_any_of_their_names() -> None:
    assert find_sets("in_domain_GQA") == find_sets("in_domain/GQA") == find_sets("in_domain_gqa") == ["in_domain/GQA"]
    assert len(find_sets("in_domain")) == 6 == len(find_sets("mmstar"))
    for unknown in ("", "in_dom", "gqa"):
        with pytest.raises(ValueError, match="no set"):
            find_sets(unknown)


def test_mini_examples_are_of_the_train_split_and_grow_without_changing() -> None:
    (few,), (more,) = (open_sources(["mini:in_domain_GQA"], limit=limit) for limit in (4, 8))
    assert more.rows[:4] == few.rows
    test_questions = {(item.question, json.dumps(item.scene)) for item in iterate_items("in_domain/GQA", "test", 300)}
    items = list(iterate_items("in_domain/GQA", "train", 8))
    for row, item in zip(more.rows, items, strict=True):
        assert isinstance(row, Example) and row.pairs == ((item.question, item.answer),)
        assert (item.question, json.dumps(item.scene)) not in test_questions
    first = more.rows[0]
    assert isinstance(first, Example) and first.picture() == first.picture()
    assert Image.open(BytesIO(first.picture())).format == "PNG"


def test_tasks_are_sources_with_their_options_texts_as_answers(vmcbench: Path) -> None:
    with reading("hub", vmcbench):
        (source,) = open_sources(["hub:in_domain_gqa"], limit=2)
        row = source.rows[0]
        assert isinstance(row, Example) and "Answer with" not in row.pairs[0][0]
        assert row.pairs[0][0].startswith("What is GQA 0?\nOptions:\nA. a thing 0") and " thing 0" in row.pairs[0][1]
        assert Image.open(BytesIO(row.picture())).size == (40, 30)
    with pytest.raises(ValueError, match="unknown task"):
        open_sources(["hub:nothing"])


def test_parquet_files_hold_their_pictures(tmp_path: Path) -> None:
    content = BytesIO()
    Image.effect_noise((33, 21), 40).convert("RGB").save(content, "WEBP")
    said = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "this"}]
    rows = [{"id": 5, "images": [{"bytes": content.getvalue(), "path": "a.webp"}], "conversations": said}]
    path = tmp_path / "train.parquet"
    datasets.Dataset.from_list(rows).to_parquet(str(path))
    (source,) = open_sources([str(path)])
    (row,) = source.rows
    assert isinstance(row, Example) and row.picture() == content.getvalue()
    assert (row.source, row.source_id, row.original) == ("train.parquet", "5", "a.webp")


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    said = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "this"}]
    names = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        names.append(str(tmp_path / folder / "train.json"))
        Path(names[-1]).write_text(json.dumps([{"conversations": said}]))
    with pytest.raises(ValueError, match=r"two sources are named 'train\.json'"):
        open_sources(names)


@pytest.mark.parametrize(
    ("name", "reason"), [("x.csv", "neither"), ("gone.jsonl", "no conversation file"), ("", "neither")]
)
def test_a_source_that_is_none_is_told_in_one_line(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        open_sources([str(tmp_path / name) if name else ""])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"), [("", "has no usable row$"), ('{"a": ', "no usable row; the first bad one")]
)
def test_a_file_without_a_usable_row_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "f.jsonl").write_text(content)
    with pytest.raises(ValueError, match=reason):
        open_sources([str(tmp_path / "f.jsonl")])


def test_a_turn_of_many_kinds_of_noise_gives_no_error(tmp_path: Path) -> None:
    said: list[Any] = [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "a caption"}]
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "c.json").write_text(json.dumps([{"id": None, "image": "a.png", "conversations": said}]))
    (source,) = open_sources([str(tmp_path / "c.json")])
    assert [getattr(row, "reason", None) for row in source.rows] == ["no_question"]
    assert source.rows[0].source_id == "c.json:1"
