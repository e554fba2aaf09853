"""Items: one question of the mini suite, with its picture as a scene and what can be known without looking.

The answer is drawn from a stated prior first and the scene is built to have it. So the probability that the
best guesser is right who knows the prior, the question and the options but not the picture is exact.
"""

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Split = Literal["train", "test"]
Scene = dict[str, Any]  # JSON; `kind` names what draws it

TEST_SHARE = 8  # one scene in so many is for testing


@dataclass(frozen=True)
class Item:
    """A question about a scene. `options` are in the order of their letters; open questions have none."""

    question: str
    answer: str  # its text, one of the options if there are any
    scene: Scene
    description: str  # what a perfect observer would write, and enough to answer
    reasoning: str  # how the answer follows from the description
    options: tuple[str, ...] = ()
    category: str = ""
    l2_category: str = ""
    focus: str = ""  # what a description should attend to, without the question's words
    blind_answer: str = ""  # the best guess without the picture
    blind_probability: float = 0.0  # that it is right
    extra: Mapping[str, Any] = field(default_factory=dict)  # what a set's own schema holds besides

    @property
    def letter(self) -> str:
        """The right option's letter."""
        return "ABCDE"[self.options.index(self.answer)]

    @property
    def blind_letter(self) -> str:
        """The letter of the best guess without the picture."""
        return "ABCDE"[self.options.index(self.blind_answer)]


@dataclass(frozen=True)
class Choice:
    """An answer drawn from a prior, among options drawn with it."""

    answer: str
    options: tuple[str, ...]
    blind_answer: str
    blind_probability: float

    def fields(self) -> dict[str, Any]:
        """Its fields as an Item's."""
        return {
            "answer": self.answer,
            "options": self.options,
            "blind_answer": self.blind_answer,
            "blind_probability": self.blind_probability,
        }


def draw_choice(rng: random.Random, prior: Mapping[str, float] | Sequence[str], options: int = 4) -> Choice:
    """An answer by its prior weight, with distractors drawn evenly from the prior's other texts, shuffled.

    Since any answer draws its distractors evenly, the posterior over the options shown is the prior over them.
    Raises ValueError when there are fewer texts than options.
    """
    weights = dict(prior) if isinstance(prior, Mapping) else dict.fromkeys(prior, 1.0)
    if len(weights) < options:
        raise ValueError(f"{options} options need as many texts, not {len(weights)}")
    answer = rng.choices(list(weights), weights=list(weights.values()))[0]
    return complete_choice(rng, answer, weights, options)


def complete_choice(rng: random.Random, answer: str, weights: Mapping[str, float], options: int = 4) -> Choice:
    """An answer that is drawn already, with its distractors."""
    shown = [answer, *rng.sample([text for text in weights if text != answer], options - 1)]
    rng.shuffle(shown)
    best = max(shown, key=lambda text: (weights[text], text))
    return Choice(answer, tuple(shown), best, weights[best] / sum(weights[text] for text in shown))


def scenes_of(scene: Scene) -> list[Scene]:
    """The scenes of a question's pictures, in the order in which it shows them: one, a triplet's three, or more."""
    if scene["kind"] == "triplet":
        return [scene["left"], scene["reference"], scene["right"]]
    if scene["kind"] == "sequence":
        return list(scene["pictures"])
    return [scene]


def split_of(scene: Scene) -> Split:
    """Where a scene belongs, by its content alone: no seed can move it from one split to the other."""
    digest = hashlib.sha256(json.dumps(scene, sort_keys=True).encode()).digest()
    return "test" if digest[0] % TEST_SHARE == 0 else "train"


def scene_key(scene: Scene) -> str:
    """A scene's content as a short name."""
    return hashlib.sha256(json.dumps(scene, sort_keys=True).encode()).hexdigest()[:16]
