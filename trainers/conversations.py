"""Training conversations: a picture and turns about it, drawn from easy-VQA's train split.

Turns are open questions ("answer with a word"), multiple choice posed as the task poses it but with
options drawn anew each time, and descriptions in answer to the perception prompt. A picture's
description says what its own questions reveal: shape and colour.
"""

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from sightscale.model_adapters.prompts import perception_prompt
from sightscale.tasks.easy_vqa.rows import draw_options, kind_of, read_questions
from sightscale.tasks.multiple_choice import DIRECT_INSTRUCTION, pose_question

Kind = Literal["open", "choice", "describe"]

OPEN_INSTRUCTION = "Answer the question using a single word or phrase."
FOCUSES = (None, "the shape", "the color of the shape", "the shape and its color", "the objects in the image")


@dataclass(frozen=True)
class Conversation:
    """A picture, and what is asked and answered about it in turn."""

    image: Path
    turns: tuple[tuple[str, str], ...]
    change: int = 0  # which change of the picture is shown, see `pictures.open_picture`


@dataclass(frozen=True)
class EasyVqaConversations:
    """A fixed, seeded list of conversations: item i depends on `seed` and i alone."""

    size: int
    turns: int
    mixture: Mapping[Kind, float]
    seed: int
    augment: bool = True

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, i: int) -> Conversation:
        if not 0 <= i < self.size:
            raise IndexError(i)
        pictures = read_training_pictures()
        epoch, at = divmod(i, len(pictures))
        order = _shuffled(len(pictures), f"{self.seed}:{epoch}")
        rng = random.Random(hashlib.sha256(f"{self.seed}:{i}".encode()).digest())
        image, about = pictures[order[at]]
        kinds = rng.choices(list(self.mixture), weights=list(self.mixture.values()), k=self.turns)
        turns = tuple(self._turn(kind, about, rng) for kind in kinds)
        return Conversation(image, turns, rng.randrange(1, 2**31) if self.augment else 0)

    def texts(self) -> list[str]:
        """Texts with every word that conversations use, to train a tokenizer on."""
        seen = []
        for i, (_, about) in enumerate(read_training_pictures()):
            rng = random.Random(i)
            seen += [part for kind in ("open", "choice", "describe") for part in self._turn(kind, about, rng)]
        return seen

    def _turn(self, kind: str, about: list[tuple[str, str]], rng: random.Random) -> tuple[str, str]:
        if kind == "describe":
            return perception_prompt(rng.choice(FOCUSES)), describe(about)
        question, answer = rng.choice(about)
        if kind == "open":
            return f"Question: {question}\n{OPEN_INSTRUCTION}", answer
        options = draw_options(answer, rng)
        letter = next(letter for letter, text in options.items() if text == answer)
        return pose_question(question, options) + DIRECT_INSTRUCTION, letter


@lru_cache(maxsize=1)
def read_training_pictures() -> list[tuple[Path, list[tuple[str, str]]]]:
    """Each training picture with the questions and answers about it."""
    questions, paths = read_questions("train")
    asked: dict[int, list[tuple[str, str]]] = {image_id: [] for image_id in sorted(paths)}
    for question, answer, image_id in questions:
        asked[image_id].append((question, answer))
    return [(paths[image_id], about) for image_id, about in asked.items() if about]


@lru_cache(maxsize=2)
def _shuffled(size: int, seed: str) -> list[int]:
    return random.Random(seed).sample(range(size), size)


def attributes(about: list[tuple[str, str]]) -> dict[str, str]:
    """What the questions about a picture reveal: `shape`, `colour`, or neither."""
    known: dict[str, str] = {}
    for question, answer in about:
        if kind_of(answer) != "yes/no":
            known[kind_of(answer)] = answer
        words = question.rstrip("?").split()
        for word in words:
            asked_kind = kind_of(word) if word in _ANSWER_WORDS else None
            if asked_kind and (kind_of(answer) != "yes/no" or _affirms(words, answer)):
                known.setdefault(asked_kind, word)
    return known


def describe(about: list[tuple[str, str]]) -> str:
    """A sentence with the shape and the colour that the questions about a picture reveal."""
    known = attributes(about)
    shape, colour = known.get("shape", "shape"), known.get("colour")
    return f"The image shows a {colour} {shape}." if colour else f"The image shows a {shape}."


def _affirms(words: list[str], answer: str) -> bool:
    return (answer == "yes") != bool({"not", "no"} & set(words))


_ANSWER_WORDS = frozenset(
    ["circle", "rectangle", "triangle", "black", "blue", "brown", "gray", "green", "red", "teal", "yellow"]
)
