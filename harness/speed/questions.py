"""The questions that speed is measured on, written as a task of lmms-eval."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import datasets
import numpy as np
from lmms_eval.tasks import TaskManager
from PIL import Image

from sightscale.harness.evaluation import load_tasks
from sightscale.tasks.easy_vqa import build_rows
from sightscale.tasks.errors import UserError

NAME = "speed"
TOKENS = 32  # an answer's, at most
SIDE = 336  # pixels of a photograph-like picture
_YAML = """
task: speed
dataset_path: parquet
dataset_kwargs: {data_files: {test: rows.parquet}}
test_split: test
output_type: generate_until
doc_to_visual: !function sightscale.tasks.multiple_choice.doc_to_visual
doc_to_text: !function sightscale.tasks.multiple_choice.doc_to_text
doc_to_target: answer
process_results: !function sightscale.tasks.multiple_choice.process_results
generation_kwargs: {max_new_tokens: TOKENS, do_sample: false, temperature: 0, until: []}
metric_list: [{metric: accuracy, aggregation: mean, higher_is_better: true}]
lmms_eval_specific_kwargs:
  default:
    pre_prompt: ""
    post_prompt: "Answer with the option's letter from the given choices directly.\\n"
"""


@contextmanager
def questions_with_a_picture_each(questions: int) -> Iterator[TaskManager]:
    """easy-VQA's test questions, one to a picture, so that no way gains by seeing a picture twice.

    Raises UserError when there are fewer pictures than `questions`.
    """
    with _as_task(_take(questions)) as manager:
        yield manager


@lru_cache
def _one_question_a_picture() -> datasets.Dataset:
    every = build_rows("test").cast_column("image", datasets.Image(decode=False))
    chosen: dict[bytes, int] = {}
    for row, image in enumerate(every["image"]):
        if row % 3 == 0 or image["bytes"] not in chosen:  # not always a picture's first question
            chosen[image["bytes"]] = row
    return every.select(list(chosen.values()))


@contextmanager
def photographs(questions: int) -> Iterator[TaskManager]:
    """Questions about seeded pictures with the gradients and the grain of a photograph, stored as JPEG."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for index in range(questions):
        patches = Image.fromarray(rng.integers(0, 256, (7, 7, 3), dtype=np.uint8))
        smooth = np.asarray(patches.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        grain = rng.normal(0, 6, (SIDE, SIDE, 1))
        packed = BytesIO()
        Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(packed, "JPEG", quality=90)
        options = {letter: f"thing {letter}" for letter in "ABCD"}
        asked = {"index": index, "question": f"What is number {index}?", "answer": "ABCD"[index % 4], "category": NAME}
        rows.append({**asked, **options, "image": {"bytes": packed.getvalue(), "path": None}})
    with _as_task(datasets.Dataset.from_list(rows)) as manager:
        yield manager


@contextmanager
def questions_of_many_lengths(questions: int, characters: int, tokens: int) -> Iterator[TaskManager]:
    """The questions of `questions_with_a_picture_each`, each with up to so many digits behind it, none like the other.

    Tokenizers write digits one by one, so that the prompts' lengths in tokens differ as much. Answers have at most so
    many tokens. Raises UserError when there are fewer pictures than `questions`.
    """
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, characters, questions, endpoint=True)

    def lengthen(row: dict[str, Any], index: int) -> dict[str, Any]:
        return {"question": f"{row['question']} {''.join(map(str, rng.integers(0, 10, lengths[index])))}"}

    rows = _take(questions).map(lengthen, with_indices=True, keep_in_memory=True)
    with _as_task(rows, tokens) as manager:
        yield manager


def _take(questions: int) -> datasets.Dataset:
    rows = _one_question_a_picture()
    if len(rows) < questions:
        raise UserError(f"speed is measured on at most {len(rows):,} questions, not {questions:,}")
    return rows.select(range(questions))


@contextmanager
def _as_task(rows: datasets.Dataset, tokens: int = TOKENS) -> Iterator[TaskManager]:
    with TemporaryDirectory(prefix="sightscale-speed-") as folder:
        rows.cast_column("image", datasets.Image()).to_parquet(str(Path(folder) / "rows.parquet"))
        (Path(folder) / "speed.yaml").write_text(_YAML.replace("TOKENS", str(tokens)))
        yield load_tasks((NAME,), "sightscale", (folder,))[0]
