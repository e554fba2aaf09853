"""`sightscale tasks`: the list, one task with its pictures, a group with its members, a user's own, wrong names."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.commands.tasks import list_all, show
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import QUESTIONS


@pytest.fixture(autouse=True)
def few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(QUESTIONS, "3")


def test_the_list_names_every_family_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    list_all()
    output = capsys.readouterr().out
    for name in ("in_domain", "mmstar_categories", "grounding", "similarity_nights", "imagenet", "downscaling_15"):
        assert f" {name} " in output
    assert "suyc21/VMCBench" in output and "25.0 %" in output and "2,822" in output
    assert "put your copy in nights/ of the data root" in output and "_blind " not in output


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
    output = capsys.readouterr().out
    assert "document 2 of " in output and "target:" in output and "licence:" in output
    assert output.count("picture:") == pictures == len(list(tmp_path.iterdir()))
    for path in tmp_path.iterdir():
        assert str(path) in output and Image.open(path).width >= 200


def test_a_group_is_shown_with_its_members_and_an_example_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show("in_domain", output=tmp_path)
    output = capsys.readouterr().out
    assert output.count("hub data now: ") == 7 and "example of:    in_domain_ocrvqa\n" in output
    assert [path.name for path in tmp_path.iterdir()] == ["in_domain_ocrvqa_0_0.png"]


def test_the_fifteen_tasks_say_what_is_lacking_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show("downscaling_15", output=tmp_path)
    output = capsys.readouterr().out
    assert "not in it:     OCR-VQA: the public copies hold links to covers" in output
    assert "downscaling_gqa (hub data now: " in output and "example of:    downscaling_vqav2" in output


def test_what_cannot_be_shown_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="did you mean in_domain"):
        show("in_domian", output=tmp_path)
    with pytest.raises(UserError, match="has 3 documents, so there is no number 9"):
        show("imagenet", number=9, output=tmp_path)


def test_without_a_sub_command_all_are_listed_and_a_wrong_one_is_named() -> None:
    plain, listed = (CliRunner().invoke(app, arguments) for arguments in (["tasks"], ["tasks", "list"]))
    assert plain.exit_code == 0 and plain.stdout == listed.stdout and " in_domain " in plain.stdout
    wrong = CliRunner().invoke(app, ["tasks", "shwo"])
    assert wrong.exit_code == 2 and "Did you mean 'show'?" in wrong.stderr


OWN = """
task: my_colours
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: generate_until
generation_kwargs: {{max_new_tokens: 8}}
doc_to_visual: !function mine.pictures
doc_to_text: "What colour is it? {{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 1, licence: CC0-1.0, questions: 2}}
"""


@pytest.fixture
def own_tasks(tmp_path: Path) -> Path:
    """A folder with one plain task file of a user's own."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"question": "The sky?", "answer": "blue"}\n{"question": "Grass?", "answer": "green"}\n')
    (folder / "my_colours.yaml").write_text(OWN.format(rows=rows))
    (folder / "mine.py").write_text(
        "from PIL import Image\n\n\ndef pictures(doc):\n    return [Image.new('RGB', (64, 32), doc['answer'])]\n"
    )
    return folder


def test_a_users_own_task_is_listed_and_shown(
    own_tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    list_all([str(own_tasks)])
    first = next(line for line in capsys.readouterr().out.splitlines() if "my_colours" in line)
    assert "own:json" in first and "CC0-1.0" in first
    show("my_colours", 1, tmp_path / "pictures", include_path=[str(own_tasks)])
    output = capsys.readouterr().out
    assert "What colour is it? Grass?" in output and "target:        green" in output
    assert Image.open(tmp_path / "pictures" / "my_colours_1_0.png").getpixel((0, 0)) == (0, 128, 0)


def test_a_picture_that_is_only_a_path_is_named(own_tasks: Path, tmp_path: Path) -> None:
    (own_tasks / "mine.py").write_text("def pictures(doc):\n    return ['sky.png']\n")
    with pytest.raises(UserError, match=r"picture 0 of document 0 is 'sky\.png', not an opened picture"):
        show("my_colours", output=tmp_path / "pictures", include_path=[str(own_tasks)])


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere is not a folder"):
        list_all([str(tmp_path / "nowhere")])
    (tmp_path / "broken.yaml").write_text("task: [")
    with pytest.raises(UserError, match=r"broken.yaml is not YAML"):
        list_all([str(tmp_path)])


def test_a_task_of_ones_own_is_shown_from_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "What is two and two?", "answer": "four"}\n')
    (tmp_path / "sums.yaml").write_text(
        "task: sums\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: rows.jsonl\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: question\ndoc_to_target: answer\n"
        "metric_list:\n  - metric: exact_match\n    aggregation: mean\n    higher_is_better: true\n"
    )
    show("sums", output=tmp_path / "out", include_path=[str(tmp_path)])
    output = capsys.readouterr().out
    assert "What is two and two?" in output and "target:        four" in output
