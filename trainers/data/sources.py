"""Sources that come with a package: easy-VQA and the mini suite, behind one protocol.

A source gives conversations for a stage's mixture, labelled pictures for a tower, and texts with its words for a
tokenizer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sightscale.trainers.data.conversations import Conversations, Opener
from sightscale.trainers.recipe import Recipe, TowerStage


@dataclass(frozen=True)
class LabelledPicture:
    """A picture, and the number of each attribute's value."""

    picture: Opener
    labels: tuple[int, ...]


class LabelledPictures(Protocol):
    """A fixed, seeded list of training pictures with their attributes."""

    @property
    def values(self) -> dict[str, list[str]]:
        """Each attribute's possible values."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int) -> LabelledPicture: ...


class DataSource(Protocol):
    """What a recipe may train on by name."""

    def converse(self, ingredient: Any, seed: int, augment: bool) -> Conversations:
        """The conversations that a mixture's ingredient (`recipe.EasyVqa` or `recipe.Mini`) asks for."""

    def label(self, stage: TowerStage, recipe: Recipe) -> LabelledPictures:
        """The labelled pictures of a tower stage."""

    def list_texts(self, sets: Sequence[str]) -> list[str]:
        """Texts with every word of the sets, to train a tokenizer on."""

    def list_phrases(self) -> Sequence[str]:
        """What prompts are made of, each always said as a whole."""


def open_source(name: str) -> DataSource:
    """The source of that name; what it needs is imported when it is opened."""
    return _OPENERS[name]()


def _open_easy_vqa() -> DataSource:
    from sightscale.trainers.data.easy_vqa import EasyVqaSource

    return EasyVqaSource()


def _open_mini() -> DataSource:
    from sightscale.trainers.data.mini import MiniSource

    return MiniSource()


_OPENERS: dict[str, Callable[[], DataSource]] = {"easy_vqa": _open_easy_vqa, "mini": _open_mini}
