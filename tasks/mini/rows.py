"""Rows: items of the mini suite in the schemas that the hub's data sets have."""

from io import BytesIO
from typing import Any

import datasets
from PIL import Image

from sightscale.tasks.mini.items import Item, Split, scenes_of
from sightscale.tasks.mini.registry import iterate_items
from sightscale.tasks.mini.rendering import render
from sightscale.tasks.mini.sets import CATEGORIES, NAMES

TRUTH = {  # known of every item, beyond what the hub's schemas hold
    "blind_answer": datasets.Value("string"),
    "blind_probability": datasets.Value("float64"),
    "truth_description": datasets.Value("string"),
    "focus": datasets.Value("string"),
}
VMCBENCH = {
    "index": datasets.Value("int64"),
    "question": datasets.Value("string"),
    **{letter: datasets.Value("string") for letter in "ABCD"},
    "answer": datasets.Value("string"),
    "category": datasets.Value("string"),
    "image": datasets.Image(),
}
MMSTAR = {
    "index": datasets.Value("int64"),
    "question": datasets.Value("string"),
    "image": datasets.Image(),
    "answer": datasets.Value("string"),
    "category": datasets.Value("string"),
    "l2_category": datasets.Value("string"),
    "meta_info": {
        "source": datasets.Value("string"),
        "split": datasets.Value("string"),
        "image_path": datasets.Value("string"),
    },
}
REFCOCO = {
    "question_id": datasets.Value("string"),
    "image": datasets.Image(),
    "question": datasets.Value("string"),
    "answer": datasets.Sequence(datasets.Value("string")),
    "segmentation": datasets.Sequence(datasets.Value("float32")),
    "bbox": datasets.Sequence(datasets.Value("float32")),
    "iscrowd": datasets.Value("int64"),
    "file_name": datasets.Value("string"),
}
TRIPLETS = {
    "index": datasets.Value("string"),
    **{which: datasets.Image() for which in ("reference", "left", "right")},
    "p_right": datasets.Value("float64"),
    "votes": datasets.Value("int64"),
    "cluster": datasets.Value("string"),
}
# The columns of LLaVA-NeXT-Interleave-Bench that lmms-eval reads; a question shows up to seven pictures here.
PICTURES = 7
INTERLEAVE = {
    **{name: datasets.Value("string") for name in ("sample_id", "sub_task", "question_type", "question", "answer")},
    **{f"image_{number}": datasets.Image() for number in range(PICTURES)},
}
# The columns that lmms-eval reads of the sets that ask without options, by the set that stands in for each.
OPEN = {
    "VQAv2": {
        "question_id": datasets.Value("int64"),
        "image": datasets.Image(),
        "question": datasets.Value("string"),
        "multiple_choice_answer": datasets.Value("string"),
        "answers": [{"answer": datasets.Value("string"), "answer_id": datasets.Value("int64")}],
    },
    "VizWiz": {
        "question_id": datasets.Value("string"),
        "image": datasets.Image(),
        "question": datasets.Value("string"),
        "answers": datasets.Sequence(datasets.Value("string")),
    },
    "TextVQA": {
        "question_id": datasets.Value("int64"),
        "image": datasets.Image(),
        "question": datasets.Value("string"),
        "answers": datasets.Sequence(datasets.Value("string")),
        "ocr_tokens": datasets.Sequence(datasets.Value("string")),
    },
    "GQA": {
        "id": datasets.Value("string"),
        "imageId": datasets.Value("string"),
        "image": datasets.Image(),
        "question": datasets.Value("string"),
        "answer": datasets.Value("string"),
    },
    "OCRVQA": {
        "id": datasets.Value("string"),
        "image": datasets.Image(),
        "question": datasets.Value("string"),
        "answer": datasets.Value("string"),
    },
    "ScienceQA": {
        "image": datasets.Image(),
        "question": datasets.Value("string"),
        "choices": datasets.Sequence(datasets.Value("string")),
        "answer": datasets.Value("int64"),
        "hint": datasets.Value("string"),
    },
}
ANSWERS = 10  # people whose answers VQAv2, VizWiz and TextVQA hold for each question
# How MathVista's questions open, of which MMStar took over some hundreds.
HINT = (
    "Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end.\nQuestion: "
)


def multiple_choice_rows(name: str, split: Split, n: int, seed: int) -> datasets.Dataset:
    """A set as VMCBench's rows."""
    rows: list[dict[str, Any]] = []
    for index, item in enumerate(iterate_items(name, split, n, seed)):
        rows.append(
            {
                "index": index,
                "question": item.question,
                **dict(zip("ABCD", item.options, strict=True)),
                "answer": item.letter,
                "category": item.category,
                "image": encode(render(item.scene)),
                "blind_answer": item.blind_letter,
                "blind_probability": item.blind_probability,
                "truth_description": item.description,
                "focus": item.focus,
            }
        )
    return as_dataset(rows, {**VMCBENCH, **TRUTH})


def mmstar_rows(name: str, split: Split, n: int, seed: int) -> datasets.Dataset:
    """One category as MMStar's rows."""
    offset = CATEGORIES.index(name.partition("/")[2])
    return as_dataset(_mmstar(name, split, n, seed, offset), {**MMSTAR, **TRUTH})


def all_mmstar_rows(name: str, split: Split, n: int, seed: int) -> datasets.Dataset:
    """Every category as MMStar's rows, `n` of each, taking turns so that the first rows hold all of them."""
    parts = [_mmstar(f"{name}/{category}", split, n, seed, k) for k, category in enumerate(CATEGORIES)]
    mixed = [row for rows in zip(*parts, strict=True) for row in rows]
    return as_dataset(mixed, {**MMSTAR, **TRUTH})


def _mmstar(name: str, split: Split, n: int, seed: int, offset: int) -> list[dict[str, Any]]:
    rows = []
    for number, item in enumerate(iterate_items(name, split, n, seed)):
        index = number * len(CATEGORIES) + offset
        rows.append(
            {
                "index": index,
                "question": pose_as_mmstar(item, index),
                "image": encode(render(item.scene)),
                "answer": item.letter,
                "category": item.category,
                "l2_category": item.l2_category,
                "meta_info": {"source": "sightscale mini", "split": split, "image_path": f"mini/{index}.png"},
                "blind_answer": item.blind_letter,
                "blind_probability": item.blind_probability,
                "truth_description": item.description,
                "focus": item.focus,
            }
        )
    return rows


def pose_as_mmstar(item: Item, index: int) -> str:
    """A question with its options inside, in one of the forms that MMStar's own have, about as often as there."""
    form = (index * 7919) % 100
    pairs = list(zip("ABCDE", item.options, strict=False))
    place = "<image 1>" if form % 15 == 0 else ""
    if form < 23:
        listed = "\n".join(f"({letter}) {text}" for letter, text in pairs)
        return f"{HINT}{item.question}{place}\nChoices:\n{listed}"
    listed = ", ".join(f"{letter}: {text}" for letter, text in pairs)
    return f"{item.question}{place}\nOptions: {listed}"


def refcoco_rows(name: str, split: Split, n: int, seed: int) -> datasets.Dataset:
    """A set as the rows of lmms-lab-encoder's RefCOCO."""
    rows: list[dict[str, Any]] = []
    for index, item in enumerate(iterate_items(name, split, n, seed)):
        left, top, across, down = item.extra["bbox"]
        outline = [left, top, left + across, top, left + across, top + down, left, top + down]
        rows.append(
            {
                "question_id": str(index),
                "image": encode(render(item.scene)),
                "question": "Please provide the bounding box of the region that the phrase describes.",
                "answer": [item.question],
                "segmentation": outline,
                "bbox": item.extra["bbox"],
                "iscrowd": 0,
                "file_name": f"mini_{index}.png",
                "blind_answer": item.blind_answer,
                "blind_probability": item.blind_probability,
                "truth_description": item.description,
                "focus": item.focus,
            }
        )
    return as_dataset(rows, {**REFCOCO, **TRUTH})


def imagenet_rows(name: str, split: Split, n: int, seed: int) -> datasets.Dataset:
    """A set as ImageNet's rows, whose class names hold synonyms."""
    rows = [
        {
            "image": encode(render(item.scene)),
            "label": item.extra["label"],
            "blind_answer": item.blind_answer,
            "blind_probability": item.blind_probability,
            "truth_description": item.description,
            "focus": item.focus,
        }
        for item in iterate_items(name, split, n, seed)
    ]
    return as_dataset(rows, {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(NAMES)), **TRUTH})


def triplet_rows(name: str, split: Split, n: int, seed: int) -> datasets.Dataset:
    """A set as the triplets that NIGHTS and PieAPP are read as."""
    rows = [
        {
            "index": str(index),
            **{which: encode(render(item.scene[which])) for which in ("reference", "left", "right")},
            "p_right": item.extra["p_right"],
            "votes": item.extra["votes"],
            "cluster": f"{name}:{index}",
            "blind_probability": item.blind_probability,
            "truth_description": item.description,
            "focus": item.focus,
        }
        for index, item in enumerate(iterate_items(name, split, n, seed))
    ]
    truth = {key: value for key, value in TRUTH.items() if key != "blind_answer"}  # either side is as good
    return as_dataset(rows, {**TRIPLETS, **truth})


def interleave_rows(name: str, split: Split, n: int, seed: int) -> datasets.Dataset:
    """A set as the rows of LLaVA-NeXT-Interleave-Bench that lmms-eval reads."""
    rows: list[dict[str, Any]] = []
    for index, item in enumerate(iterate_items(name, split, n, seed)):
        pictures = [encode(render(scene)) for scene in scenes_of(item.scene)]
        listed = "".join(f"\n{letter}. {text}" for letter, text in zip("ABCDE", item.options, strict=False))
        rows.append(
            {
                "sample_id": str(index),
                "sub_task": f"mini {item.category}",
                "question_type": "multi-choice" if item.options else "open-ended",
                "question": item.question + listed,
                "answer": item.letter if item.options else item.answer,
                **{f"image_{k}": pictures[k] if k < len(pictures) else None for k in range(PICTURES)},
                "blind_answer": item.blind_letter if item.options else item.blind_answer,
                "blind_probability": item.blind_probability,
                "truth_description": item.description,
                "focus": item.focus,
            }
        )
    return as_dataset(rows, {**INTERLEAVE, **TRUTH})


def open_rows(name: str, split: Split, n: int, seed: int) -> datasets.Dataset:
    """An in-domain set's questions without their options, as the set whose name it has holds them."""
    source = name.partition("/")[2]
    rows = []
    for index, item in enumerate(iterate_items(name, split, n, seed)):
        answers = [item.answer] * ANSWERS
        known: dict[str, Any] = {
            "question_id": str(index) if source == "VizWiz" else index,
            "id": str(index),
            "imageId": str(index),
            "image": encode(render(item.scene)),
            "question": item.question,
            "answer": item.answer,
            "multiple_choice_answer": item.answer,
            "answers": answers,
            "ocr_tokens": [],
        }
        if source == "VQAv2":
            known["answers"] = [{"answer": text, "answer_id": k + 1} for k, text in enumerate(answers)]
        if source == "ScienceQA":
            known |= {"choices": list(item.options), "answer": item.options.index(item.answer), "hint": ""}
        rows.append(
            {
                **{column: known[column] for column in OPEN[source]},
                "blind_answer": item.blind_letter if source == "ScienceQA" else item.blind_answer,
                "blind_probability": item.blind_probability,
                "truth_description": item.description,
                "focus": item.focus,
            }
        )
    return as_dataset(rows, {**OPEN[source], **TRUTH})


def as_dataset(rows: list[dict[str, Any]], features: dict[str, Any]) -> datasets.Dataset:
    """Rows as a data set with these features."""
    return datasets.Dataset.from_list(rows, features=datasets.Features(features))


def encode(image: Image.Image) -> dict[str, Any]:
    """A picture as the hub's files hold it: PNG bytes."""
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return {"bytes": buffer.getvalue(), "path": None}
