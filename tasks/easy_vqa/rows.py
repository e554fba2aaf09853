"""easy-VQA as multiple choice: the rows of the `easy-vqa` package in VMCBench's schema.

The package (MIT licence, Victor Zhou, 2019) holds 64 × 64 pictures of one shape, 4,000 for
training and 1,000 for testing, with 38,575 and 9,673 questions over 13 answers. Yes/no questions
become two-way, the others four-way choices; distractors come from the package's own answer list,
of the same kind as the answer where there are enough of them. There are three shapes, so a shape
question carries one colour as its fourth option: its floor without looking is 1/3, not 1/4.
"""

import hashlib
import random
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import datasets
import easy_vqa

SHAPES = ("circle", "rectangle", "triangle")
YES_NO = ("yes", "no")
FEATURES = datasets.Features(
    {
        "index": datasets.Value("int64"),
        "question": datasets.Value("string"),
        **{letter: datasets.Value("string") for letter in "ABCD"},
        "answer": datasets.Value("string"),
        "category": datasets.Value("string"),
        "image": datasets.Image(),
    }
)

Split = Literal["train", "test"]


@lru_cache
def _colours() -> tuple[str, ...]:
    return tuple(sorted(set(easy_vqa.get_answers()) - set(SHAPES) - set(YES_NO)))


def kind_of(answer: str) -> str:
    """The kind of question an answer belongs to: `yes/no`, `shape` or `colour`."""
    return "yes/no" if answer in YES_NO else "shape" if answer in SHAPES else "colour"


def draw_options(answer: str, rng: random.Random) -> dict[str, str]:
    """The options of a question, letter to text, shuffled by `rng`: the answer among distractors."""
    kind = kind_of(answer)
    if kind == "yes/no":
        texts = list(YES_NO)
    elif kind == "shape":
        texts = [*SHAPES, rng.choice(_colours())]
    else:
        texts = [answer, *rng.sample([colour for colour in _colours() if colour != answer], 3)]
    rng.shuffle(texts)
    return dict(zip("ABCD", texts, strict=False))


def read_questions(split: Split) -> tuple[list[tuple[str, str, int]], dict[int, Path]]:
    """All (question, answer, image id) triples of a split, and the path of each image."""
    if split == "train":
        return list(zip(*easy_vqa.get_train_questions(), strict=True)), _paths(easy_vqa.get_train_image_paths())
    if split == "test":
        return list(zip(*easy_vqa.get_test_questions(), strict=True)), _paths(easy_vqa.get_test_image_paths())
    raise ValueError(f"easy-VQA has the splits train and test, not {split!r}")


def _paths(paths: dict[int, str]) -> dict[int, Path]:
    return {image_id: Path(path) for image_id, path in paths.items()}


def build_rows(split: Split, seed: int = 0) -> datasets.Dataset:
    """The rows of a split. Options depend on `seed`, the split and the row's index alone."""
    questions, paths = read_questions(split)
    pictures = {image_id: path.read_bytes() for image_id, path in paths.items()}
    columns: dict[str, list[Any]] = {name: [] for name in FEATURES}
    for index, (question, answer, image_id) in enumerate(questions):
        digest = hashlib.sha256(f"easy_vqa:{seed}:{split}:{index}".encode()).digest()
        options = draw_options(answer, random.Random(digest))
        letter = next(letter for letter, text in options.items() if text == answer)
        row = {"index": index, "question": question, "answer": letter, "category": kind_of(answer)}
        row["image"] = {"bytes": pictures[image_id], "path": None}
        for name, column in columns.items():
            column.append(row.get(name, options.get(name)))
    return datasets.Dataset.from_dict(columns, features=FEATURES)
