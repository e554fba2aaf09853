"""Perceptual similarity on small copies in the releases' layouts, loaded by lmms-eval from the tasks' YAML."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest
from lmms_eval.tasks import TaskManager
from PIL import Image

from sightscale.harness.evaluation.records import RunIdentity, make_records
from sightscale.model_adapters.requests import read_prompt
from sightscale.tasks import TASK_FOLDER, score_response
from sightscale.tasks.similarity.releases import build_nights, build_pieapp
from sightscale.tasks.similarity.triplets import QUESTION
from sightscale.tasks.sources import DATA_ROOT

NIGHTS = [  # id, share preferring right, votes, split
    (0, 1.0, 7, "test"),
    (1, 0.0, 6, "test"),
    (2, 0.6, 5, "test"),
    (3, 1.0, 8, "train"),
    (4, 0.25, 8, "test"),
]
PIEAPP = [  # image A, image B, share preferring A
    ("distort_161_blur_1.png", "distort_161_noise_1.png", 0.9),
    ("distort_161_noise_1.png", "distort_161_jpeg_1.png", 0.5),
    ("ref_161.png", "distort_161_jpeg_1.png", 1.0),
    ("distort_161_blur_1.png", "distort_161_jpeg_1.png", 0.25),
    ("distort_161_blur_1.png", "distort_161_jpeg_1.png", 0.4),
]
MINI_FEATURES = datasets.Features(
    {
        "index": datasets.Value("int64"),
        **{name: datasets.Image() for name in ("reference", "left", "right")},
        "p_right": datasets.Value("float64"),
        "votes": datasets.Value("int64"),
        "blind_probability": datasets.Value("float64"),
    }
)


def draw(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), colour).save(path)


def write_nights(folder: Path) -> None:
    rows = []
    for number, share, votes, split in NIGHTS:
        ref, left, right = (
            f"{part}/000/00{number}{side}.png" for part, side in (("ref", ""), ("distort", "_0"), ("distort", "_1"))
        )
        for blue, name in enumerate((ref, left, right)):
            draw(folder / name, (number, 0, 100 * blue))
        rows.append((number, 1 - share, share, "prompt", ref, left, right, votes, split, False))
    names = [
        "id",
        "left_vote",
        "right_vote",
        "prompt",
        "ref_path",
        "left_path",
        "right_path",
        "votes",
        "split",
        "is_imagenet",
    ]
    pd.DataFrame(rows, columns=names).to_csv(folder / "data.csv", index=False)


def write_pieapp(folder: Path) -> None:
    draw(folder / "reference_images" / "test" / "ref_161.png", (0, 0, 0))
    for green, name in enumerate(("blur", "noise", "jpeg"), 1):
        draw(folder / "distorted_images" / "test" / "ref_161" / f"distort_161_{name}_1.png", (0, 50 * green, 0))
    labels = folder / "labels" / "test"
    labels.mkdir(parents=True)
    lines = ["ref. image, distorted image A, distorted image B, preference for A"]
    lines += [f"ref_161.png,{a},{b},{share}" for a, b, share in PIEAPP]
    (labels / "ref_161_pairwise_labels.csv").write_text("\n".join(lines) + "\n")
    (labels / "ref_161_per_image_score.csv").write_text("ref. image, distorted image, score\n")


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(DATA_ROOT, str(tmp_path))
    write_nights(tmp_path / "nights")
    write_pieapp(tmp_path / "pieapp")
    return tmp_path


def load(name: str) -> Any:
    manager = TaskManager(include_path=[str(TASK_FOLDER)], include_defaults=False)
    return manager.load_task_or_group([name], task_type="chat")[name]


def test_nights_keeps_test_triplets_with_six_votes(data_root: Path) -> None:
    rows = build_nights()
    assert (rows["index"][:], rows["p_right"][:], rows["votes"][:]) == (["0", "1", "4"], [1.0, 0.0, 0.25], [7, 6, 8])
    assert [rows[2][name].getpixel((0, 0)) for name in ("reference", "left", "right")] == [
        (4, 0, 0),
        (4, 0, 100),
        (4, 0, 200),
    ]
    assert build_nights("train")["index"][:] == ["3"]


def test_pieapp_keeps_decided_pairs_and_can_leave_the_reference_out(data_root: Path) -> None:
    rows = build_pieapp()
    assert rows["p_right"][:] == pytest.approx([0.1, 0.0, 0.75])
    assert rows["index"][0] == "ref_161:distort_161_blur_1:distort_161_noise_1"
    assert [rows[0][name].getpixel((0, 0))[1] for name in ("reference", "left", "right")] == [0, 50, 100]
    assert rows[1]["left"].getpixel((0, 0)) == rows[1]["reference"].getpixel((0, 0))
    assert set(rows["cluster"]) == {"pieapp:ref_161"}
    assert build_pieapp(without_reference=True)["p_right"][:] == pytest.approx([0.1, 0.75])


def test_the_hubs_copy_may_lack_pictures(data_root: Path, caplog: pytest.LogCaptureFixture) -> None:
    hub = data_root / "saraghznfri" / "unisim_data"
    write_nights(hub / "nights")
    write_pieapp(hub / "pie-app")
    (hub / "nights" / "distort" / "000" / "001_1.png").unlink()
    assert build_nights(hub="main")["index"][:] == ["0", "4"]
    assert "2 of 3 triplets" in caplog.text
    assert len(build_pieapp(hub="main")) == 3
    assert len(load("similarity_nights_hub").test_docs()) == 4
    assert len(load("similarity_pieapp_hub").test_docs()) == 4


def spoil_missing(root: Path) -> None:
    (root / "nights" / "distort" / "000" / "001_1.png").unlink()


def spoil_columns(root: Path) -> None:
    (root / "nights" / "data.csv").write_text("a,b\n1,2\n")


def spoil_names(root: Path) -> None:
    (root / "nights" / "data.csv").write_text("a,b,c,d,e,f,g\n1,2,3,4,5,6,7\n")


def spoil_share(root: Path) -> None:
    path = root / "nights" / "data.csv"
    path.write_text(path.read_text().replace(",0.25,", ",7,"))


def spoil_path(root: Path) -> None:
    path = root / "nights" / "data.csv"
    path.write_text(path.read_text().replace("ref/000/004.png", "../../secret.png"))


def spoil_empty(root: Path) -> None:
    (root / "nights" / "data.csv").write_text("id,l,r,p,a,b,c,votes,split\n")


def spoil_all(root: Path) -> None:
    (root / "nights" / "data.csv").unlink()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_missing, r"lacks 1 pictures of split 'test', the first distort/000/001_1\.png"),
        (spoil_columns, "has 2 columns; expected 7 or more"),
        (spoil_names, "has no column 'votes'"),
        (spoil_share, "has the share 7.0; shares lie between 0 and 1"),
        (spoil_path, "isn't inside the release"),
        (spoil_empty, "has no triplets of split 'test'"),
        (spoil_all, "can't be read as a label file"),
    ],
)
def test_a_damaged_copy_is_named_in_one_line(data_root: Path, spoil: Callable[[Path], None], reason: str) -> None:
    spoil(data_root)
    with pytest.raises(ValueError, match=reason) as caught:
        build_nights()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("build", "layout"), [(build_nights, "data.csv, ref/"), (build_pieapp, "labels/test/")])
def test_without_a_copy_the_layout_is_said(
    build: Callable[[], Any], layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_ROOT, str(tmp_path))
    with pytest.raises(ValueError, match=f"from your own copy only: put the release .{layout}"):
        build()


def test_a_triplet_is_asked_in_both_orders(data_root: Path) -> None:
    task = load("similarity_nights")
    docs = list(task.test_docs())
    assert [(doc["index"], doc["order"]) for doc in docs] == [(i, order) for i in "014" for order in ("AB", "BA")]
    assert [json.loads(task.doc_to_target(doc)) for doc in docs[4:]] == [{"A": 0.75, "B": 0.25}, {"A": 0.25, "B": 0.75}]
    blues = [[picture.getpixel((0, 0))[2] for picture in task.doc_to_visual(doc)] for doc in docs[:2]]
    assert blues == [[100, 0, 200], [200, 0, 100]]
    best = ["AB".index(max("AB", key=json.loads(task.doc_to_target(doc)).__getitem__)) for doc in docs]
    assert sum(best) == len(best) / 2  # the majority's picture is as often A as B


@pytest.mark.parametrize("name", ["similarity_nights", "similarity_pieapp", "similarity_pieapp_unisim"])
def test_pictures_stand_behind_their_names_and_the_blind_variant_has_none(name: str, data_root: Path) -> None:
    task, blind = load(name), load(f"{name}_blind")
    for doc in task.test_docs():
        (turn,), (blind_turn,) = task.doc_to_messages(doc), blind.doc_to_messages(doc)
        assert [part["type"] for part in turn["content"]] == ["text", "image"] * 3 + ["text"]
        assert [part["text"].strip() for part in turn["content"][::2]][:3] == ["Image A:", "Reference:", "Image B:"]
        assert blind_turn["content"] == turn["content"][::2]
        assert read_prompt([blind_turn]).text == read_prompt([turn]).text
        assert read_prompt([turn]).images == task.doc_to_visual(doc)
        assert task.doc_to_text(doc) == QUESTION + "Answer with the option's letter from the given choices directly.\n"
        assert blind.doc_to_text(doc) == task.doc_to_text(doc).replace("<image>", "")
        assert blind.doc_to_visual(doc) == []


def test_scores_and_what_a_record_needs(data_root: Path) -> None:
    task = load("similarity_nights")
    docs = list(task.test_docs())
    by_letter = [task.process_results(doc, ["A"]) for doc in docs]
    assert sum(one["two_afc"] for one in by_letter) == len(docs) / 2  # a letter is worth nothing
    aggregate = task.aggregation()
    assert aggregate["consistency"]([one["consistency"] for one in by_letter]) == 0.0
    by_picture = [
        task.process_results(doc, ["B" if doc["order"] == "AB" else "A"]) for doc in docs
    ]  # always the right one
    assert [one["two_afc"] for one in by_picture] == [1.0, 1.0, 0.0, 0.0, 0.25, 0.25]
    assert [one["accuracy"] for one in by_picture] == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert aggregate["consistency"]([one["consistency"] for one in by_picture]) == 1.0
    assert aggregate["ceiling"]([one["ceiling"] for one in by_picture]) == pytest.approx(2.75 / 3)
    assert next(iter(aggregate)) == "two_afc"
    kept = ("item_id", "cluster", "answer_format", "order", "category", "outcome")
    assert [by_picture[5][key] for key in kept] == ["4", "nights:4", "2afc", "BA", "BA", "answered"]
    for doc, result in zip(docs, by_picture, strict=True):
        again = score_response("2afc", "A" if doc["order"] == "BA" else "B", task.doc_to_target(doc), result["options"])
        assert again.score == result["two_afc"]
    silent = task.process_results(docs[0], ["the left one, I think"])
    assert (silent["two_afc"], silent["accuracy"], silent["outcome"], silent["unparsed"]) == (0.0, 0.0, "unparsed", 1.0)


def test_rows_of_the_mini_suite_are_asked_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Image.new("RGB", (4, 4))
    row = {"index": 7, "reference": picture, "left": picture, "right": picture, "p_right": 0.9, "votes": 20}
    mini = datasets.Dataset.from_list([{**row, "blind_probability": 0.5}], features=MINI_FEATURES)
    monkeypatch.setattr("sightscale.tasks.sources._builder", lambda where: lambda name, n: mini)
    monkeypatch.setenv("SIGHTSCALE_DATA", "mini")
    for name in ("similarity_nights", "similarity_pieapp", "similarity_pieapp_unisim_blind"):
        task = load(name)
        results = [task.process_results(doc, ["B"]) for doc in task.eval_docs_no_media]
        assert [result["two_afc"] for result in results] == pytest.approx([0.9, 0.1])
        assert [result["blind_probability"] for result in results] == [0.5, 0.5]
        assert {(result["item_id"], result["cluster"]) for result in results} == {("7", "triplet:7")}


def test_both_orders_of_a_triplet_are_one_cluster(data_root: Path) -> None:
    task = load("similarity_nights")
    samples = [
        {
            "doc_id": number,
            "target": task.doc_to_target(doc),
            "filtered_resps": ["A"],
            **task.process_results(doc, ["A"]),
        }
        for number, doc in enumerate(task.test_docs())
    ]
    run = RunIdentity("run", "model")
    records = make_records(run, "similarity_nights", "sighted", samples, {}, [sample["two_afc"] for sample in samples])
    assert list(records["cluster"]) == [f"nights:{item}" for item in "001144"]
    assert list(records["score"]) == [0.0, 1.0, 1.0, 0.0, 0.75, 0.25]
    assert set(records["chance"]) == {0.5}
