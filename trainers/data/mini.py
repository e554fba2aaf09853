"""The mini suite's train split as conversations, with pictures and as text alone, and as labelled pictures.

Conversations are drawn as they are needed, or about items of a list whose pictures are kept (`items`); then they
speak of their pictures by number, so that what a frozen tower makes of them needn't be made again.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from sightscale.tasks.mini import PLACES, Item, ask_items, draw_item, render, scenes_of, things_of
from sightscale.trainers.data.conversations import IGNORED, Conversation, Conversations, Opener
from sightscale.trainers.data.kept_pictures import ListedPicture, PictureList, list_pictures
from sightscale.trainers.data.mini_forms import (
    ASKS,
    AT_THE_END,
    COMPARE,
    FORMS,
    PHRASES,
    READS,
    WORDED,
    Turn,
    after_description,
)
from sightscale.trainers.data.sources import LabelledPicture, LabelledPictures
from sightscale.trainers.recipe import ALONE, Mini, Recipe, TowerStage, fits

ROWS = 1_000_000  # conversations are drawn as they are needed, so a set has no last one


@dataclass(frozen=True)
class MiniConversations:
    """Endless, seeded conversations about items of the train split: the one at i depends on `seed` and i alone.

    Each has up to `turns` turns about one item: as many as its set has different questions.
    """

    sets: Sequence[str]
    forms: Mapping[str, float]
    seed: int
    turns: int = 1
    items: PictureList | None = None
    worded: bool = False

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, i: int) -> Conversation:
        rng = random.Random(f"{self.seed}:{i}")
        name, item, pictures = self._draw(rng, i)
        turns, forms, shows = converse(name, item, self.forms, self.turns, rng, self.worded)
        return Conversation(turns, pictures if shows else (), f"mini/{name}:{i}", forms=forms)

    def _draw(self, rng: random.Random, i: int) -> tuple[str, Item, tuple[Opener, ...]]:
        if self.items is None:
            name = rng.choice(list(self.sets))
            item = draw_item(name, "train", self.seed, i)
            return name, item, tuple(partial(render, scene) for scene in scenes_of(item.scene))
        k = rng.randrange(self.items.items)
        item = self.items.item(k)
        count = len(scenes_of(item.scene))
        return self.items.set_of(k), item, tuple(ListedPicture(self.items, k, which) for which in range(count))


def converse(
    name: str, item: Item, forms: Mapping[str, float], turns: int, rng: random.Random, worded: bool = False
) -> tuple[tuple[Turn, ...], tuple[str, ...], bool]:
    """The turns of a conversation about an item of a set, the form of each, and whether it shows the item's picture.

    Forms are drawn by weight from those that the set can take; each question is asked once, and what tells the whole
    picture comes last, so that no answer can be read off an earlier one. With `worded`, the answer to a question with
    options is the right one's text, else its letter.
    """
    possible = {form: weight for form, weight in forms.items() if fits(form, name)}
    first = rng.choices(list(possible), weights=list(possible.values()))[0]
    alone, count = first in ALONE, rng.randint(1, turns)
    possible = {form: weight for form, weight in possible.items() if form not in ALONE}
    # A description is told once and asked about again and again; a picture is shown once and asked in every form.
    more = [first] if alone else list(possible)
    drawn = [first, *rng.choices(more, weights=None if alone else list(possible.values()), k=count - 1)]
    ends = [form for form in dict.fromkeys(drawn) if form in AT_THE_END]
    questions = ask_items(name, item, rng) if len(drawn) > 1 and ASKS & set(drawn) else [item]
    rng.shuffle(questions)
    conversed: list[Turn] = []
    named: list[str] = []
    for form in [form for form in drawn if form not in AT_THE_END] + ends[:1]:
        if form in ASKS:
            if not questions:
                continue
            asked = questions.pop()
        else:
            asked = item
        turn = (WORDED if worded else FORMS)[form](asked, rng)
        if form in READS and conversed:
            if asked.category == "grounding":
                break  # its description holds the box of its own phrase alone
            turn = after_description(turn[0]), turn[1]
        if turn[0] not in {question for question, _ in conversed}:
            conversed.append(turn)
            named.append(form)
    if len(scenes_of(item.scene)) > 1 and not alone:
        conversed[0] = (COMPARE + conversed[0][0], conversed[0][1])
    return tuple(conversed), tuple(named), not alone


def mini_texts(sets: Sequence[str], n: int = 400) -> list[str]:
    """Texts with the words of the sets, in every form that they can take, to train a tokenizer on."""
    seen: list[str] = []
    for name in sets:
        for i in range(n):
            item, rng = draw_item(name, "train", 0, i), random.Random(i)
            for form, build in FORMS.items():
                if fits(form, name):
                    seen += build(item, rng)
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
        forms = {str(form): share for form, share in ingredient.forms.items()}
        items = list_pictures(ingredient) if ingredient.items else None
        return MiniConversations(ingredient.sets, forms, seed, ingredient.turns, items, ingredient.worded)

    def label(self, stage: TowerStage, recipe: Recipe) -> LabelledPictures:
        """Pictures with everything that their scenes say."""
        return LabelledMini(stage.sets, (stage.steps or 1) * stage.batch_size, recipe.seed)

    def list_texts(self, sets: Sequence[str]) -> list[str]:
        """Texts with every word of the sets."""
        return mini_texts(sets)

    def list_phrases(self) -> Sequence[str]:
        """What prompts are made of."""
        return PHRASES
