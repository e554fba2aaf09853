"""`sightscale tasks`: the list, one task with its pictures, a group with its members, names that are wrong."""

from pathlib import Path

import pytest
from PIL import Image

from sightscale.harness.commands.tasks import tasks
from sightscale.tasks.mini import QUESTIONS


@pytest.fixture(autouse=True)
def few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(QUESTIONS, "3")


def test_the_list_names_every_family_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    tasks()
    said = capsys.readouterr().out
    for name in ("in_domain", "mmstar_categories", "grounding", "similarity_nights", "imagenet", "downscaling_15"):
        assert f" {name} " in said
    assert "suyc21/VMCBench" in said and "25.0 %" in said and "2,822" in said
    assert "put your copy in nights/ of the data root" in said and "_blind " not in said


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("in_domain_textvqa", 1),
        ("mmstar_math", 1),
        ("grounding_refcocog_test", 1),
        ("similarity_nights", 3),
        ("imagenet", 1),
        ("in_domain_textvqa_blind", 0),
    ],
)
def test_a_task_is_shown_with_its_pictures_beside_it(
    name: str, pictures: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks("show", name, number=2, output=tmp_path)
    said = capsys.readouterr().out
    assert "document 2 of " in said and "target:" in said and "licence:" in said
    assert said.count("picture:") == pictures == len(list(tmp_path.iterdir()))
    for path in tmp_path.iterdir():
        assert str(path) in said and Image.open(path).width >= 200


def test_a_group_is_shown_with_its_members_and_an_example_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks("show", "in_domain", output=tmp_path)
    said = capsys.readouterr().out
    assert said.count("hub data now: ") == 7 and "example of:    in_domain_ocrvqa\n" in said
    assert [path.name for path in tmp_path.iterdir()] == ["in_domain_ocrvqa_0_0.png"]


def test_the_fifteen_tasks_say_what_is_lacking_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks("show", "downscaling_15", output=tmp_path)
    said = capsys.readouterr().out
    assert "not in it:     OCR-VQA: lmms-eval 0.7.3 has no OCR-VQA task" in said
    assert "vqav2_val (hub data now: lmms-eval's own" in said and "example of:    imagenet" in said


def test_what_cannot_be_shown_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks("show", "interleave_puzzle", output=tmp_path)
    assert "name --data hub" in capsys.readouterr().out
    with pytest.raises(ValueError, match="did you mean in_domain"):
        tasks("show", "in_domian", output=tmp_path)
    with pytest.raises(ValueError, match="tasks show NAME"):
        tasks("shwo")
    with pytest.raises(ValueError, match="has 3 documents, so there is no number 9"):
        tasks("show", "imagenet", number=9, output=tmp_path)
