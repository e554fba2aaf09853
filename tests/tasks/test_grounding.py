"""Grounding: rows made questions, prompts, scores beside lmms-eval's own, on data in the hub's schema."""

import importlib
import io
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import datasets
import pytest
from lmms_eval.tasks import TaskManager
from PIL import Image

from sightscale.tasks import TASK_FOLDER, score_response
from sightscale.tasks.boxes import Box, iou, tag_convention
from sightscale.tasks.catalogue import list_tasks
from sightscale.tasks.grounding.phrases import CONVENTION, THRESHOLDS, doc_to_visual, process_results
from sightscale.tasks.instructions import BOX_INSTRUCTION
from sightscale.tasks.sources import DATA_ROOT

SPLITS = ("val", "test", "testA", "testB")
SIZE = (640, 480)
OBJECTS = [  # phrases and the box in pixels
    (["dog on the left", "brown dog"], [64.0, 48.0, 128.0, 240.0]),
    (["woman with {umbrella}"], [320.0, 0.0, 320.0, 480.0]),
    (["red car", "the car behind", "car"], [10.0, 200.0, 300.0, 100.0]),
]


@pytest.fixture(scope="module")
def refcoco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root that holds RefCOCO in the hub's schema and layout."""
    root = tmp_path_factory.mktemp("refcoco")
    folder = root / "lmms-lab-encoder" / "RefCOCO" / "data"
    folder.mkdir(parents=True)
    features = datasets.Features(
        {
            "question_id": datasets.Value("string"),
            "image": datasets.Image(),
            "question": datasets.Value("string"),
            "answer": datasets.List(datasets.Value("string")),
            "segmentation": datasets.List(datasets.Value("float32")),
            "bbox": datasets.List(datasets.Value("float32")),
            "iscrowd": datasets.Value("int8"),
            "file_name": datasets.Value("string"),
        }
    )
    for offset, split in enumerate(SPLITS):
        rows = [
            {
                "question_id": str(10 * offset + number),
                "image": Image.new("RGB", SIZE, (40 * number, 10 * offset, 0)),
                "question": "Please provide a short description for this region.",
                "answer": phrases,
                "segmentation": [0.0, 1.0],
                "bbox": bbox,
                "iscrowd": 0,
                "file_name": f"COCO_{number}.jpg",
            }
            for number, (phrases, bbox) in enumerate(OBJECTS)
        ]
        path = folder / f"{split}-00000-of-00001.parquet"
        datasets.Dataset.from_list(rows, features=features).to_parquet(str(path))
    return root


def load(name: str, model_name: str | None = None) -> Any:
    manager = TaskManager(include_path=[str(TASK_FOLDER)], include_defaults=False, model_name=model_name)
    return manager.load_task_or_group([name], task_type="chat")[name]


@pytest.fixture
def task(refcoco: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(DATA_ROOT, str(refcoco))
    return load("grounding_refcoco_testa")


def test_a_row_is_asked_once_for_each_phrase(task: Any) -> None:
    docs = list(task.test_docs())
    assert [doc["phrase"] for doc in docs] == [phrase for phrases, _ in OBJECTS for phrase in phrases]
    assert [doc["item_id"] for doc in docs] == ["20:0", "20:1", "21:0", "22:0", "22:1", "22:2"]
    assert {doc["category"] for doc in docs} == {"RefCOCO testA"}
    assert json.loads(docs[0]["target"]) == {"box": [0.1, 0.1, 0.3, 0.6], "size": [640, 480]}
    assert [doc["image"].getpixel((0, 0))[0] for doc in docs] == [0, 0, 40, 80, 80, 80]
    assert task.doc_to_target(docs[0]) == docs[0]["target"]
    assert "image" not in task.eval_docs_no_media.features  # what scoring reads when pictures stay closed


def test_the_prompt_asks_for_fractions_and_for_a_familys_own_boxes(
    refcoco: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_ROOT, str(refcoco))
    texts = {}
    for model in (None, "qwen3_vl", "internvl3", "paligemma"):
        task = load("grounding_refcoco_testa", model)
        texts[model] = task.doc_to_text(task.test_docs()[2])
    assert texts == {
        None: f"Locate what this phrase describes: woman with {{umbrella}}\n{BOX_INSTRUCTION}\n",
        "qwen3_vl": 'Locate the object that matches the description "woman with {umbrella}" in the image. '
        "Report its bbox coordinates in JSON format.",
        "internvl3": "Please provide the bounding box coordinate of the region this sentence describes: "
        "<ref>woman with {umbrella}</ref>",
        "paligemma": "detect woman with {umbrella}\n",
    }


def test_the_blind_variant_has_the_same_text_and_no_picture(task: Any) -> None:
    blind = load("grounding_refcoco_testa_blind")
    for doc in task.test_docs():
        picture, *text = task.doc_to_messages(doc)[0]["content"]
        assert picture["type"] == "image"
        assert blind.doc_to_messages(doc)[0]["content"] == text
        assert blind.doc_to_visual(doc) == []


def test_scores_and_what_a_record_needs(task: Any) -> None:
    doc = task.test_docs()[0]
    result = process_results(doc, ["[0.1, 0.1, 0.3, 0.4]"])  # 0.06 of 0.1
    assert {name: result[name] for name in ("accuracy", "acc@0.1", "acc@0.3", "acc@0.7", "acc@0.9", "unparsed")} == {
        "accuracy": 1.0, "acc@0.1": 1.0, "acc@0.3": 1.0, "acc@0.7": 0.0, "acc@0.9": 0.0, "unparsed": 0.0,
    }  # fmt: skip
    assert result["iou"] == pytest.approx(0.6)
    assert (result["outcome"], result["prediction"]) == ("answered", "[0.1000, 0.1000, 0.3000, 0.4000]")
    assert (result["item_id"], result["answer_format"], result["category"]) == ("20:0", "box", "RefCOCO testA")
    for text, outcome in (
        ("on the left", "unparsed"),
        ("I cannot see the image.", "refused"),
        ("[1, 1, 0, 0]", "answered"),
    ):
        wrong = process_results(doc, [text])
        assert (wrong["accuracy"], wrong["iou"], wrong["outcome"]) == (0.0, 0.0, outcome)
        assert wrong["unparsed"] == float(outcome == "unparsed")


def test_a_convention_comes_from_the_tag_else_from_the_environment(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    doc = task.test_docs()[0]
    answer = '```json\n[{"bbox_2d": [100, 100, 300, 600]}]\n```'
    assert process_results(doc, [answer])["reason"] is None  # 600 is beyond the picture's height
    answer = '{"bbox_2d": [100, 100, 300, 400]}'
    assert process_results(doc, [answer])["reason"] == "ambiguous units"
    tagged = process_results(doc, [tag_convention(answer, "thousand")])
    monkeypatch.setenv(CONVENTION, "thousand")
    told = process_results(doc, [answer])
    assert tagged == told
    assert (told["accuracy"], told["answer_format"]) == (1.0, "box:thousand")
    pixels = process_results(doc, [tag_convention("[128, 96, 384, 576]", "pixels:1280x960")])
    assert (pixels["iou"], pixels["answer_format"]) == (pytest.approx(1.0), "box:pixels:1280x960")
    monkeypatch.setenv(CONVENTION, "furlongs")
    with pytest.raises(ValueError, match="SIGHTSCALE_BOXES: unknown box convention 'furlongs'"):
        process_results(doc, [answer])


@pytest.mark.parametrize("response", ["[0.1, 0.1, 0.3, 0.4]", '{"bbox_2d": [100, 100, 300, 400]}', "nothing"])
@pytest.mark.parametrize("convention", ["auto", "thousand", "pixels"])
def test_scoring_again_gives_the_same(task: Any, response: str, convention: str) -> None:
    doc = task.test_docs()[0]
    result = process_results(doc, [tag_convention(response, convention)])
    for raw in (response, tag_convention(response, convention)):  # a record may hold either
        again = score_response(result["answer_format"], raw, doc["target"], {})
        assert (again.score, again.outcome, again.prediction) == (
            result["accuracy"],
            result["outcome"],
            result["prediction"],
        )


def test_what_cannot_be_scored_is_named() -> None:
    with pytest.raises(ValueError, match="is no box"):
        score_response("box", "[0, 0, 1, 1]", "A", {})
    with pytest.raises(ValueError, match="unknown box convention 'furlongs'"):
        score_response("box:furlongs", "[0, 0, 1, 1]", '{"box": [0, 0, 1, 1], "size": [4, 4]}', {})


def lmms(path: str) -> ModuleType:
    return importlib.import_module(f"lmms_eval.tasks.{path}")


PREDICTIONS = [
    "[0.1, 0.1, 0.3, 0.4]",
    "The box is [0.12, 0.08, 0.31, 0.66].",
    "[0.5, 0.5, 0.9, 0.9]",
    "[0.1, 0.1, 0.3, 0.6]",
]


def test_lmms_evals_own_scorer_gives_the_same_iou(task: Any) -> None:
    rec = lmms("refcoco.utils_rec")
    for doc in task.test_docs():
        truth = json.loads(doc["target"])["box"]
        for text in PREDICTIONS:
            theirs = rec.refcoco_bbox_rec_process_result(
                {"question_id": "1", "answer": doc["phrase"], "bbox": truth}, [text]
            )["refcoco_IoU"]
            ours = process_results(doc, [text])
            assert ours["iou"] == pytest.approx(rec.compute_iou(theirs["bbox"], theirs["pred"]))
            for threshold in THRESHOLDS:
                assert ours[f"acc@{threshold}"] == rec.compute_accuracy(theirs["bbox"], theirs["pred"], threshold)


@pytest.mark.parametrize(
    ("text", "theirs", "ours"),
    [
        ("(0.1, 0.1, 0.3, 0.6)", 0.0, 1.0),  # only square brackets are read
        ("0.1 0.1 0.3 0.6", 0.0, 1.0),
        ("<loc0102><loc0102><loc0614><loc0307>", 0.0, 1.0),
        ("<think>[0.5, 0.5, 0.6, 0.6]</think>[0.1, 0.1, 0.3, 0.6]", 0.0, 1.0),  # thinking is an answer
        ("[0.1, 0.1, 0.3, 0.6], or [0.5, 0.5, 0.6, 0.6]", 1.0, 0.0),  # of several boxes the first counts
    ],
)
def test_where_lmms_evals_scorer_differs(task: Any, text: str, theirs: float, ours: float) -> None:
    doc, rec = task.test_docs()[0], lmms("refcoco.utils_rec")
    read = rec.parse_float_sequence_within(text)
    assert float(rec.compute_accuracy(json.loads(doc["target"])["box"], read, 0.5)) == theirs
    assert process_results(doc, [text])["accuracy"] == ours


def test_lmms_evals_empty_boxes_divide_by_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        lmms("refcoco.utils_rec").compute_iou([0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5])
    assert iou((0, 0, 0, 0), (0.5, 0.5, 0.5, 0.5)) == 0.0


def test_lmms_evals_grounding_task_is_an_oracle(task: Any) -> None:
    """It asks one question for all phrases and keeps the best of every box and of two readings of its units."""
    theirs = lmms("refcoco_grounding.utils")
    row = {"question_id": "1", "answer": OBJECTS[0][0], "bbox": OBJECTS[0][1], "image": Image.new("RGB", SIZE)}
    doc = task.test_docs()[0]

    def score(text: str) -> float:
        found = theirs.refcoco_grounding_process_result(row, [text])["refcoco_grounding_IoU"]
        return theirs.refcoco_grounding_acc05([found])

    both_units = ("[100, 100, 300, 600]", "[64, 48, 192, 288]")  # the same object in thousandths, and in pixels
    assert [score(text) for text in both_units] == [1.0, 1.0]
    right = [process_results(doc, [tag_convention(text, "thousand")])["accuracy"] for text in both_units]
    assert right == [1.0, 0.0]
    shotgun = json.dumps([[x, y, x + 200, y + 500] for x in range(0, 800, 100) for y in range(0, 500, 100)])
    assert score(shotgun) == 1.0
    assert process_results(doc, [tag_convention(shotgun, "thousand")])["outcome"] == "unparsed"
    assert score("[0.1, 0.1, 0.3, 0.6]") == 0.0  # fractions, which its two readings don't know
    assert process_results(doc, ["[0.1, 0.1, 0.3, 0.6]"])["accuracy"] == 1.0


def test_rows_of_the_mini_suite_are_asked_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTSCALE_DATA", "mini")
    monkeypatch.setenv("SIGHTSCALE_MINI_QUESTIONS", "6")
    docs = load("grounding_refcoco_plus_testb").test_docs()
    assert len(docs) >= 6
    first = process_results(docs[0], [""])
    assert first["blind_probability"] == docs[0]["blind_probability"] and first["outcome"] == "unparsed"


def test_a_picture_that_cannot_be_opened_costs_its_own_questions() -> None:
    from sightscale.tasks.grounding.phrases import ask_phrases

    rows = datasets.Dataset.from_list(
        [{"question_id": "7", "image": {"bytes": b"no picture", "path": None}, "answer": ["a"], "bbox": [0, 0, 1, 1]}]
    ).cast_column("image", datasets.Image())
    (row,) = ask_phrases(rows, "test").select_columns(["item_id", "target"])
    scored = process_results({**row, "phrase": "a", "category": "test"}, ["[0, 0, 1, 1]"])
    assert row["item_id"] == "7:0" and scored["accuracy"] == scored["iou"] == 0.0


def test_the_target_of_a_sideways_photo_is_upright() -> None:
    from sightscale.tasks.grounding.phrases import ask_phrases

    turned, content = Image.Exif(), io.BytesIO()
    turned[0x0112] = 6
    Image.new("RGB", (200, 100)).save(content, "JPEG", exif=turned)  # 100 wide and 200 high, for who looks at it
    rows = datasets.Dataset.from_list(
        [
            {
                "question_id": "7",
                "image": {"bytes": content.getvalue(), "path": None},
                "answer": ["a"],
                "bbox": [50.0, 150.0, 25.0, 25.0],
            }
        ]
    ).cast_column("image", datasets.Image())
    (row,) = ask_phrases(rows, "test")
    assert json.loads(row["target"]) == {"box": [0.5, 0.75, 0.75, 0.875], "size": [100, 200]}
    assert doc_to_visual(row)[0].size == (100, 200)


def test_groups_hold_what_they_say() -> None:
    cards = {card.name: card for card in list_tasks() if card.name.startswith("grounding")}
    leaves = [
        name for name in cards if not name.startswith("grounding_all") and name not in ("grounding", "grounding_blind")
    ]
    assert len(leaves) == 2 * 9
    recommended = ("refcoco_testa", "refcoco_testb", "refcoco_plus_testa", "refcoco_plus_testb", "refcocog_test")
    assert (
        cards["grounding"].questions == sum(cards[f"grounding_{name}"].questions or 0 for name in recommended) == 30_969
    )


def independent_iou(a: Box, b: Box) -> float:
    """From areas of half-planes, as another would write it."""
    width = max(0.0, (a[2] - a[0]) + (b[2] - b[0]) - (max(a[2], b[2]) - min(a[0], b[0])))
    height = max(0.0, (a[3] - a[1]) + (b[3] - b[1]) - (max(a[3], b[3]) - min(a[1], b[1])))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


@pytest.mark.parametrize("text", PREDICTIONS)
def test_an_independent_iou_agrees(task: Any, text: str) -> None:
    for doc in task.test_docs():
        x1, y1, x2, y2 = json.loads(doc["target"])["box"]
        result = process_results(doc, [text])
        read = json.loads(result["prediction"])
        assert result["iou"] == pytest.approx(independent_iou(read, (x1, y1, x2, y2)), abs=1e-6)
