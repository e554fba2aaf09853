"""Conversations: the one form that all training data take before they become tensors."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from PIL import Image

IGNORED = -100  # the label of what has no loss, as torch's cross entropy has it
IMAGE = "<image>"  # stands in a turn's question where a picture goes; without one, pictures come first

Opener = Callable[[], Image.Image]


@dataclass(frozen=True)
class Conversation:
    """Pictures, and what is asked and answered about them in turn. Pictures are opened when a batch is made."""

    turns: tuple[tuple[str, str], ...]
    pictures: tuple[Opener, ...] = ()
    origin: str = ""  # the set or file and the row, for messages
    system: str | None = None
    forms: tuple[str, ...] = ()  # of each turn, where the source has named forms

    @property
    def questions(self) -> list[str]:
        """What is asked in each turn, with a place for every picture."""
        asked = [question for question, _ in self.turns]
        placed = sum(question.count(IMAGE) for question in asked)
        if placed == 0 and self.pictures:
            asked[0] = f"{IMAGE}\n" * len(self.pictures) + asked[0]
        elif placed != len(self.pictures):
            raise ValueError(f"{self.origin}: {placed} places for {len(self.pictures)} pictures")
        return asked


def take_pictures(conversation: Conversation) -> Conversation:
    """The same conversation without its pictures and the places for them."""
    turns = tuple((question.replace(IMAGE, ""), answer) for question, answer in conversation.turns)
    return replace(conversation, turns=turns, pictures=())


class Conversations(Protocol):
    """A source of conversations: any position has one, again and again the same."""

    def __len__(self) -> int:
        """How many different rows it has."""

    def __getitem__(self, i: int) -> Conversation:
        """The conversation at a position; past the end of finite data it begins anew, in another order."""
