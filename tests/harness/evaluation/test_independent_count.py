"""A second count: prompts typed out here, bare `generate`, scoring of its own; `sightscale run` must agree with it.

Nothing of the package is used but the suite's items and pictures. Batches of one round otherwise than a batch of many,
so one question of each set may differ.
"""

import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from sightscale.api import run
from sightscale.model_adapters.checkpoints import FOLDER
from sightscale.tasks.mini import Item, iterate_items, render

MODEL, N = "nano_160k", 40
NUMBER = r"-?(?:\d+\.?\d*|\.\d+)"


def ask(item: Item, task: str) -> str:
    if task == "imagenet":
        return "What is the main object in the image?\nAnswer the question using a single word or phrase."
    if task.startswith("grounding"):
        return (
            f"Locate what this phrase describes: {item.question}\nAnswer with the bounding box as [x1, y1, x2, y2], in "
            "fractions of the picture's width and height between 0 and 1.\n"
        )
    options = "".join(f"{letter}. {text}\n" for letter, text in zip("ABCD", item.options, strict=True))
    return (
        f"Question: {item.question}\nOptions:\n{options}"
        "Answer with the option's letter from the given choices directly.\n"
    )


def is_right(item: Item, task: str, answer: str) -> bool:
    if task == "imagenet":
        return answer.strip(" .").lower() == item.answer.lower()
    if task.startswith("grounding"):
        numbers = [float(number) for number in re.findall(NUMBER, answer)]
        x, y, width, height = (side / 224 for side in item.extra["bbox"])
        if len(numbers) != 4:
            return False
        left, top, right, bottom = numbers
        across = min(right, x + width) - max(left, x)
        down = min(bottom, y + height) - max(top, y)
        shared = max(0.0, across) * max(0.0, down)
        return shared / ((right - left) * (bottom - top) + width * height - shared) >= 0.5
    text = answer.strip(" .")
    return text == item.answer or text == item.letter


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> "dict[str, tuple[int, int]]":
    """Hits by the package and by this file, for each task."""
    tasks = {"in_domain_vqav2": "in_domain/VQAv2", "imagenet": "imagenet", "grounding_refcoco_testa": "refcoco/testA"}
    folder: Path = tmp_path_factory.mktemp("counted")
    records = run(f"{MODEL},dtype=float32", list(tasks), folder / "run", limit=N, data="mini")
    processor = AutoProcessor.from_pretrained(FOLDER / MODEL)
    model = AutoModelForImageTextToText.from_pretrained(FOLDER / MODEL, dtype=torch.float32).eval()
    hits = {}
    for task, name in tasks.items():
        right = 0
        for item in iterate_items(name, "test", N):
            picture: Image.Image = render(item.scene)
            prompt = f"<|im_start|>user\n<image>\n{ask(item, task)}<|im_end|>\n<|im_start|>assistant\n"
            inputs = processor(text=prompt, images=[picture], return_tensors="pt")
            written = model.generate(**inputs, do_sample=False, max_new_tokens=64)[0, inputs["input_ids"].shape[1] :]
            right += is_right(item, task, processor.tokenizer.decode(written, skip_special_tokens=True))
        scores = records.loc[records["task"] == task, "score"]
        assert len(scores) == N
        hits[task] = (round(scores.sum()), right)
    return hits


def test_a_second_count_agrees(counted: "dict[str, tuple[int, int]]") -> None:
    assert all(abs(ours - theirs) <= 1 for ours, theirs in counted.values()), counted
    assert all(ours > 0 for ours, _ in counted.values()), counted
