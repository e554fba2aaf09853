"""easy-VQA's train split as conversations: open questions, multiple choice, and descriptions.

Choices are posed as the task poses them but with options drawn anew each time; a picture's description,
in answer to the perception prompt, says what its own questions reveal: shape and colour.
"""

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Literal

from PIL import Image, ImageChops

from sightscale.model_adapters.decoupled import perception_prompt
from sightscale.tasks.easy_vqa import draw_options, kind_of, read_questions
from sightscale.tasks.instructions import SHORT_INSTRUCTION
from sightscale.tasks.multiple_choice import DIRECT_INSTRUCTION, pose_question
from sightscale.tasks.pictures import open_picture
from sightscale.trainers.data.conversations import IGNORED, Conversation, Conversations
from sightscale.trainers.data.sources import LabelledPicture, LabelledPictures
from sightscale.trainers.recipe import EasyVqa, Recipe, TowerStage

Form = Literal["open", "choice", "describe"]

FOCUSES = (None, "the shape", "the color of the shape", "the shape and its color", "the objects in the image")
SHIFT = 8  # pixels at most, either way; what leaves on one side comes back on the other


@dataclass(frozen=True)
class EasyVqaConversations:
    """Endless, seeded conversations: the one at i depends on `seed` and i alone."""

    turns: int
    forms: Mapping[Form, float]
    seed: int
    augment: bool = True

    def __len__(self) -> int:
        return len(read_training_pictures())

    def __getitem__(self, i: int) -> Conversation:
        pictures = read_training_pictures()
        epoch, at = divmod(i, len(pictures))
        order = _shuffled(len(pictures), f"{self.seed}:{epoch}")
        rng = random.Random(hashlib.sha256(f"{self.seed}:{i}".encode()).digest())
        image, about = pictures[order[at]]
        forms = rng.choices(list(self.forms), weights=list(self.forms.values()), k=self.turns)
        turns = tuple(_turn(form, about, rng) for form in forms)
        change = rng.randrange(1, 2**31) if self.augment else 0
        return Conversation(turns, (partial(vary_picture, image, change),), f"easy_vqa:{image.name}")


def easy_vqa_texts() -> list[str]:
    """Texts with every word that conversations use, to train a tokenizer on."""
    seen = []
    forms: tuple[Form, ...] = ("open", "choice", "describe")
    for i, (_, about) in enumerate(read_training_pictures()):
        rng = random.Random(i)
        seen += [part for form in forms for part in _turn(form, about, rng)]
    return seen


def _turn(form: Form, about: list[tuple[str, str]], rng: random.Random) -> tuple[str, str]:
    if form == "describe":
        return perception_prompt(rng.choice(FOCUSES)), describe(about)
    question, answer = rng.choice(about)
    if form == "open":
        return f"Question: {question}\n{SHORT_INSTRUCTION}", answer
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


def vary_picture(path: Path, change: int = 0) -> Image.Image:
    """The picture at `path` as RGB; a `change` other than 0 decides flips, a transposition and a shift."""
    picture = open_picture(path)
    if not change:
        return picture
    rng = random.Random(change)
    for method in (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.TRANSPOSE):
        if rng.random() < 0.5:
            picture = picture.transpose(method)
    return ImageChops.offset(picture, rng.randint(-SHIFT, SHIFT), rng.randint(-SHIFT, SHIFT))


def attributes(about: list[tuple[str, str]]) -> dict[str, str]:
    """What the questions about a picture reveal: `shape`, `colour`, or neither."""
    attributes_of: dict[str, str] = {}
    for question, answer in about:
        if kind_of(answer) != "yes/no":
            attributes_of[kind_of(answer)] = answer
        words = question.rstrip("?").split()
        for word in words:
            asked_kind = kind_of(word) if word in _ANSWER_WORDS else None
            if asked_kind and (kind_of(answer) != "yes/no" or _affirms(words, answer)):
                attributes_of.setdefault(asked_kind, word)
    return attributes_of


def describe(about: list[tuple[str, str]]) -> str:
    """A sentence with the shape and the colour that the questions about a picture reveal."""
    about_picture = attributes(about)
    shape, colour = about_picture.get("shape", "shape"), about_picture.get("colour")
    return f"The image shows a {colour} {shape}." if colour else f"The image shows a {shape}."


def _affirms(words: list[str], answer: str) -> bool:
    return (answer == "yes") != bool({"not", "no"} & set(words))


_ANSWER_WORDS = frozenset(
    ["circle", "rectangle", "triangle", "black", "blue", "brown", "gray", "green", "red", "teal", "yellow"]
)


@dataclass(frozen=True)
class LabelledEasyVqa:
    """easy-VQA's training pictures with what their questions reveal; what they don't has no label."""

    size: int
    seed: int
    augment: bool

    @cached_property
    def values(self) -> dict[str, list[str]]:
        """Each attribute's possible values."""
        labelled = [attributes(about) for _, about in read_training_pictures()]
        names = sorted({name for one in labelled for name in one})
        return {name: sorted({one[name] for one in labelled if name in one}) for name in names}

    @cached_property
    def _labels(self) -> list[tuple[int, ...]]:
        labelled = [attributes(about) for _, about in read_training_pictures()]
        return [
            tuple(values.index(one[name]) if name in one else IGNORED for name, values in self.values.items())
            for one in labelled
        ]

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, i: int) -> LabelledPicture:
        if not 0 <= i < self.size:
            raise IndexError(i)
        rng = random.Random(f"{self.seed}:{i}")
        at = rng.randrange(len(self._labels))
        change = rng.randrange(1, 2**31) if self.augment else 0
        return LabelledPicture(partial(vary_picture, read_training_pictures()[at][0], change), self._labels[at])


class EasyVqaSource:
    """easy-VQA's train split as a source of training data."""

    def converse(self, ingredient: EasyVqa, seed: int, augment: bool) -> Conversations:
        """Conversations of the forms and turns asked for."""
        return EasyVqaConversations(ingredient.turns, ingredient.forms, seed, augment)

    def label(self, stage: TowerStage, recipe: Recipe) -> LabelledPictures:
        """Each picture's shape and colour, as far as its questions reveal them."""
        return LabelledEasyVqa((stage.steps or 1) * stage.batch_size, recipe.seed, recipe.augment)

    def list_texts(self, sets: Sequence[str]) -> list[str]:
        """Texts with every word; there is one set, so `sets` says nothing."""
        return easy_vqa_texts()

    def list_phrases(self) -> Sequence[str]:
        """What prompts are made of."""
        return ()
