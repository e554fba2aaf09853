"""`sightscale tasks`: the list, one task with its pictures, a group with its members, names that are wrong."""

from pathlib import Path

import pytest
from PIL import Image

from sightscale.harness.commands.tasks import list_, show
from sightscale.tasks.mini import QUESTIONS


@pytest.fixture(autouse=True)
def few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(QUESTIONS, "3")


def test_the_list_names_every_family_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    list_()
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
    show(name, number=2, output=tmp_path)
    said = capsys.readouterr().out
    assert "document 2 of " in said and "target:" in said and "licence:" in said
    assert said.count("picture:") == pictures == len(list(tmp_path.iterdir()))
    for path in tmp_path.iterdir():
        assert str(path) in said and Image.open(path).width >= 200


def test_a_group_is_shown_with_its_members_and_an_example_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show("in_domain", output=tmp_path)
    said = capsys.readouterr().out
    assert said.count("hub data now: ") == 7 and "example of:    in_domain_ocrvqa\n" in said
    assert [path.name for path in tmp_path.iterdir()] == ["in_domain_ocrvqa_0_0.png"]


def test_the_fifteen_tasks_say_what_is_lacking_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show("downscaling_15", output=tmp_path)
    said = capsys.readouterr().out
    assert "not in it:     OCR-VQA: lmms-eval 0.7.3 has no OCR-VQA task" in said
    assert "vqav2_val (hub data now: lmms-eval's own" in said and "example of:    imagenet" in said


def test_what_cannot_be_shown_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show("interleave_puzzle", output=tmp_path)
    assert "name --data hub" in capsys.readouterr().out
    with pytest.raises(ValueError, match="did you mean in_domain"):
        show("in_domian", output=tmp_path)
    with pytest.raises(ValueError, match="has 3 documents, so there is no number 9"):
        show("imagenet", number=9, output=tmp_path)


def test_a_task_of_ones_own_is_shown_from_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "What is two and two?", "answer": "four"}\n')
    (tmp_path / "sums.yaml").write_text(
        "task: sums\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: rows.jsonl\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: question\ndoc_to_target: answer\n"
        "metric_list:\n  - metric: exact_match\n    aggregation: mean\n    higher_is_better: true\n"
    )
    show("sums", output=tmp_path / "out", include_path=[str(tmp_path)])
    shown = capsys.readouterr().out
    assert "What is two and two?" in shown and "target:        four" in shown
