"""The mini suite's train split as conversations, with pictures and as text alone.

Captions (`describe`) tell the scene in part, as captions do; descriptions with a focus (`focus`) tell all of
it and what the focus asks for first, as visual extraction tuning teaches. Multiple choice is answered with
the option's text, which from scratch is learned sooner than a letter; one question in three is put as MMStar
puts its own. Lists of words to `repeat` are in no order that could be known, so they teach what reading a
description needs first: to copy. They are short, as a word is found sooner among few.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

from sightscale.model_adapters.decoupled import perception_prompt, reasoning_prompt
from sightscale.tasks.instructions import SHORT_INSTRUCTION
from sightscale.tasks.mini import PLACES, SETS, Item, draw_item, facts, pose_as_mmstar, render, things_of
from sightscale.tasks.multiple_choice import DIRECT_INSTRUCTION, pose_question
from sightscale.tasks.vocabulary import Mode
from sightscale.trainers.data.batches import IGNORED
from sightscale.trainers.data.conversations import Conversation, Conversations
from sightscale.trainers.data.sources import LabelledPicture, LabelledPictures
from sightscale.trainers.recipe import Mini, Recipe, TowerStage

ROWS = 1_000_000  # conversations are drawn as they are needed, so a set has no last one
TELL = "Tell me about a scene."
REPEAT = "Repeat these words.\n"
REPEATED = (2, 12)  # words of the shortest and the longest list
MMSTAR_SHARE = 1 / 3


@dataclass(frozen=True)
class MiniConversations:
    """Endless, seeded conversations about items of the train split: the one at i depends on `seed` and i alone."""

    sets: Sequence[str]
    forms: Mapping[str, float]
    seed: int

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, i: int) -> Conversation:
        rng = random.Random(f"{self.seed}:{i}")
        name = rng.choice(list(self.sets))
        form = rng.choices(list(self.forms), weights=list(self.forms.values()))[0]
        item = draw_item(name, "train", self.seed, i)
        turn, sees = _FORMS[form](item, rng)
        return Conversation((turn,), (partial(render, item.scene),) if sees else (), f"mini/{name}:{i}")


def pose(item: Item, rng: random.Random) -> str:
    """An item's question as its own task puts it, or, one time in three, with its options as in MMStar's questions."""
    if not item.options:
        return f"Question: {item.question}\n"
    if rng.random() < MMSTAR_SHARE:
        return pose_as_mmstar(item, rng.randrange(ROWS)) + "\n"
    return pose_question(item.question, dict(zip("ABCDE", item.options, strict=False)))


def caption(item: Item, rng: random.Random) -> str:
    """The item's description with about half of its sentences, in their order."""
    sentences = item.description.rstrip(".").split(". ")
    sentences_kept = [one for k, one in enumerate(sentences) if k == 0 or rng.random() < 0.5]
    return ". ".join(sentences_kept) + "."


def extraction(item: Item) -> str:
    """The whole description, what the focus asks for first: sentences that share a word with it."""
    sentences = item.description.rstrip(".").split(". ")
    asked = _stems(item.focus)
    ordered = sorted(sentences, key=lambda sentence: not (asked & _stems(sentence)))  # stable: else in their order
    return ". ".join(ordered) + "."


def _stems(text: str) -> set[str]:
    """The beginnings of a text's longer words, which a plural doesn't change."""
    return {word[:4] for word in re.findall(r"[a-z]{4,}", text.lower())}


Turn = tuple[tuple[str, str], bool]


def _describe(item: Item, rng: random.Random) -> Turn:
    return (perception_prompt(), caption(item, rng)), True


def _focus(item: Item, rng: random.Random) -> Turn:
    return (perception_prompt(item.focus), extraction(item)), True


def _open(item: Item, rng: random.Random) -> Turn:
    return (f"Question: {item.question}\n{SHORT_INSTRUCTION}", item.answer), True


def _choice(item: Item, rng: random.Random) -> Turn:
    return (pose(item, rng) + DIRECT_INSTRUCTION, item.answer), True


def _tell(item: Item, rng: random.Random) -> Turn:
    return (TELL, item.description), False


def _told(item: Item, rng: random.Random) -> str:
    """A description such as a perception module might write, in either order."""
    return item.description if rng.random() < 0.5 else extraction(item)


def _reason(item: Item, rng: random.Random) -> Turn:
    asked = reasoning_prompt(_told(item, rng), pose(item, rng), Mode.DIRECT)
    return (asked, f"Answer: {item.answer}"), False


def _think(item: Item, rng: random.Random) -> Turn:
    asked = reasoning_prompt(_told(item, rng), pose(item, rng), Mode.THINKING)
    return (asked, f"<think>\n{item.reasoning}\n</think>\n\nAnswer: {item.answer}"), False


def _recall(item: Item, rng: random.Random) -> Turn:
    question, answer, stated = rng.choice(facts())
    if rng.random() < 0.5:
        return (f"Question: {question}\n{SHORT_INSTRUCTION}", answer), False
    return (f"Question: {question}\nExplain in a sentence.", stated), False


def _repeat(item: Item, rng: random.Random) -> Turn:
    words = " ".join(rng.choices(_words(), k=rng.randint(*REPEATED)))
    return (REPEAT + words, words), False


@cache
def _words() -> tuple[str, ...]:
    """The words that descriptions of the in-domain sets are made of."""
    sets = [name for name in SETS if name.startswith("in_domain/")]
    texts = (draw_item(name, "train", 0, i).description for name in sets for i in range(300))
    return tuple(sorted({word for text in texts for word in re.findall(r"\w+", text)}))


_FORMS: dict[str, Callable[[Item, random.Random], Turn]] = {
    "describe": _describe,
    "focus": _focus,
    "open": _open,
    "choice": _choice,
    "tell": _tell,
    "reason": _reason,
    "think": _think,
    "recall": _recall,
    "repeat": _repeat,
}


def mini_texts(sets: Sequence[str], n: int = 400) -> list[str]:
    """Texts with the words of the sets, to train a tokenizer on."""
    seen: list[str] = []
    for name in sets:
        for i in range(n):
            item, rng = draw_item(name, "train", 0, i), random.Random(i)
            for form in _FORMS.values():
                turn, _ = form(item, rng)
                seen += turn
    return seen


@dataclass(frozen=True)
class LabelledMini:
    """Training pictures of the sets with everything that their scenes say."""

    sets: Sequence[str]
    size: int
    seed: int

    @cached_property
    def values(self) -> dict[str, list[str]]:
        """Each attribute's possible values, as found in many scenes."""
        found: dict[str, set[str]] = {}
        for name in self.sets:
            for i in range(1500):
                for key, value in attributes(draw_item(name, "train", -1, i).scene).items():
                    found.setdefault(key, set()).add(value)
        return {key: sorted(values) for key, values in sorted(found.items()) if len(values) > 1}

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, i: int) -> LabelledPicture:
        rng = random.Random(f"tower:{self.seed}:{i}")
        scene = draw_item(rng.choice(list(self.sets)), "train", self.seed, i).scene
        seen = attributes(scene)
        labels = tuple(
            values.index(seen[key]) if seen.get(key) in values else IGNORED for key, values in self.values.items()
        )
        return LabelledPicture(partial(render, scene), labels)


def attributes(scene: dict[str, Any]) -> dict[str, str]:
    """What there is to see in a scene, each thing by a name and a value."""
    kind = scene["kind"]
    if kind == "things":
        seen = {}
        here = {thing.place: thing for thing in things_of(scene)}
        for place, where in enumerate(PLACES):
            thing = here.get(place)
            for part in ("shape", "colour", "size", "texture"):
                seen[f"{part} {where}"] = getattr(thing, part) if thing else "nothing"
        return seen
    if kind == "street":
        seen = {"price": scene["price"][:2]}
        for word, colour, place in scene["signs"]:
            seen[f"word {place}"], seen[f"sign {place}"] = word, colour
        return seen
    if kind == "plate":
        return {
            f"{part} {label}": row[k]
            for label, row in zip("XYZ", scene["things"], strict=True)
            for k, part in ((0, "thing"), (1, "paint"))
        }
    if kind == "cover":
        first, last = scene["author"].split()
        opening, noun = scene["title"].rsplit(" ", 1)
        return {
            "first": first,
            "last": last,
            "opening": opening,
            "noun": noun,
            "motif": scene["motif"],
            "decade": scene["year"][:3],
            "year": scene["year"][3],
            "cover": scene["colour"],
        }
    if kind == "yard":
        return {f"yard {key}": str(scene[key]) for key in ("car", "balls", "time", "pet", "weather", "beside", "wall")}
    if kind == "product":
        if scene["flaw"] in ("covered", "black", "smeared"):
            return {"flaw": scene["flaw"]}
        return {key: scene[key] for key in ("product", "flavour", "colour", "body", "flaw")}
    return {}


class MiniSource:
    """The mini suite's train split as a source of training data."""

    def converse(self, ingredient: Mini, seed: int, augment: bool) -> Conversations:
        """Conversations of the sets and forms asked for; the suite's pictures aren't augmented."""
        return MiniConversations(ingredient.sets, {str(form): share for form, share in ingredient.forms.items()}, seed)

    def label(self, stage: TowerStage, recipe: Recipe) -> LabelledPictures:
        """Pictures with everything that their scenes say."""
        return LabelledMini(stage.sets, (stage.steps or 1) * stage.batch_size, recipe.seed)

    def list_texts(self, sets: Sequence[str]) -> list[str]:
        """Texts with every word of the sets."""
        return mini_texts(sets)
