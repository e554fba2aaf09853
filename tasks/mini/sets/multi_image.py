"""Several pictures to a question, in the spirit of LLaVA-Interleave Bench: differences, edits, stories, pages, puzzles.

Open questions are scored by overlap with the one true sentence (ROUGE-L), so a guess scores something. An open item's
`blind_answer` is the best of the set's own answers, and its `blind_probability` that answer's expected score: the mean
over all answers, each as likely as the drawing makes it.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sightscale.tasks.mini.drawing import (
    COLOUR_NAMES,
    GROUNDS,
    SHAPE_NAMES,
    TEXTURES,
    Thing,
    describe_things,
    draw_things,
    scene_of,
)
from sightscale.tasks.mini.items import Item, Scene, draw_choice
from sightscale.tasks.mini.sets.ocrvqa import AUTHORS, GENRES, TITLES, YEARS, draw_cover
from sightscale.tasks.mini.words import a, opened

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
DIFFERENCES = {"gone": 0.3, "colour": 0.25, "new": 0.2, "shape": 0.15, "moved": 0.1}
EDITS = {"remove": 0.3, "colour": 0.3, "ground": 0.25, "add": 0.15}
ENDINGS = {"turns": 0.5, "vanishes": 0.3, "meets": 0.2}
WAYS = {"right": 0.4, "left": 0.25, "down": 0.2, "up": 0.15}
IN_COMMON = {"color": 0.4, "shape": 0.3, "pattern": 0.2, "size": 0.1}
PAGES = ("title", "author", "year")
# The best of each set's own answers to an open question, and what it scores in the mean.
BEST_GUESSES: Mapping[str, tuple[str, float]] = {
    "spot_the_difference": ("The red circle is gone.", 0.33273),
    "image_edit": ("Change the background to paper.", 0.33917),
    "story_telling": ("Red circle moves right and turns orange.", 0.45901),
    "text_rich/title": ("The Hidden Garden", 0.28333),
    "text_rich/author": ("Anna Adler", 1 / 12),
    "text_rich/year": ("1950", 1 / 70),
}


def draw_difference(rng: random.Random) -> Item:
    """Two pictures of the same things but for one."""
    things = draw_things(rng, rng.randint(5, 7))
    kind = rng.choices(list(DIFFERENCES), weights=list(DIFFERENCES.values()))[0]
    thing = rng.choice(things)
    others = [other for other in things if other is not thing]
    changed, answer = others, f"The {look(thing)} is gone."
    if kind == "new":
        things, changed, answer = others, things, f"{opened(a(look(thing)))} was added."
    elif kind == "colour":
        changed, colour = _recolour(rng, things, thing)
        answer = f"The {look(thing)} turned {colour}."
    elif kind == "shape":
        shape = _another(
            rng, SHAPE_NAMES, thing.shape, {other.shape for other in others if other.colour == thing.colour}
        )
        changed = _put(things, thing, replace(thing, shape=shape))
        answer = f"The {look(thing)} became {a(shape)}."
    elif kind == "moved":
        place = rng.choice([place for place in range(9) if place not in {other.place for other in things}])
        changed = _put(things, thing, replace(thing, place=place))
        answer = f"The {look(thing)} moved."
    ground = rng.choice(tuple(GROUNDS))
    return _open_item(
        "spot_the_difference",
        "What is the difference between the two images?",
        answer,
        [scene_of(things, ground), scene_of(changed, ground)],
        [describe_things(things), describe_things(changed)],
        "the objects, their shapes, colors and places",
    )


def draw_edit(rng: random.Random) -> Item:
    """A picture, and the same after one edit: what the edit was."""
    things = draw_things(rng, rng.randint(4, 6))
    kind = rng.choices(list(EDITS), weights=list(EDITS.values()))[0]
    before, after = rng.sample(list(GROUNDS), 2)
    after = after if kind == "ground" else before
    thing = rng.choice(things)
    others = [other for other in things if other is not thing]
    changed, answer = others, f"Remove the {look(thing)}."
    if kind == "add":
        things, changed, answer = others, things, f"Add {a(look(thing))}."
    elif kind == "colour":
        changed, colour = _recolour(rng, things, thing)
        answer = f"Make the {look(thing)} {colour}."
    elif kind == "ground":
        changed, answer = things, f"Change the background to {after}."
    return _open_item(
        "image_edit",
        "The second image is an edited copy of the first one. What is the edit?",
        answer,
        [scene_of(things, before), scene_of(changed, after)],
        [
            f"{describe_things(shown)} The background is {ground}."
            for shown, ground in ((things, before), (changed, after))
        ],
        "the objects, their colors and the background",
    )


def draw_story(rng: random.Random) -> Item:
    """Three pictures in which a thing goes somewhere, and something happens at the end."""
    shape, colour = rng.choice(SHAPE_NAMES), rng.choice(COLOUR_NAMES)
    way = rng.choices(list(WAYS), weights=list(WAYS.values()))[0]
    ending = rng.choices(list(ENDINGS), weights=list(ENDINGS.values()))[0]
    line = rng.randrange(3)
    places = [3 * line + k for k in range(3)] if way in ("left", "right") else [line + 3 * k for k in range(3)]
    if way in ("left", "up"):
        places.reverse()
    hero = Thing(shape, colour, rng.choice(("small", "large")), "plain", places[0], rng.randint(-5, 5))
    frames = [[replace(hero, place=place)] for place in places]
    answer = f"{opened(look(hero))} moves {way}"
    if ending == "turns":
        other = _another(rng, COLOUR_NAMES, colour)
        frames[2] = [replace(frames[2][0], colour=other)]
        answer += f" and turns {other}."
    elif ending == "vanishes":
        frames[2] = []
        answer += " and vanishes."
    else:
        met = _another(rng, SHAPE_NAMES, shape)
        free = rng.choice([place for place in range(9) if place not in places])
        frames[2] = sorted([*frames[2], replace(hero, shape=met, place=free)], key=lambda thing: thing.place)
        answer += f" and meets {a(met)}."
    ground = rng.choice(tuple(GROUNDS))
    return _open_item(
        "story_telling",
        "Tell the story that these images show, in one sentence.",
        answer,
        [scene_of(frame, ground) for frame in frames],
        [describe_things(frame) if frame else "There are no objects." for frame in frames],
        "the objects, their places and what changes",
    )


def draw_pages(rng: random.Random) -> Item:
    """Two book covers, and what stands on one of them."""
    covers = [draw_cover(rng) for _ in range(2)]
    asked, which = rng.choice(PAGES), rng.randrange(2)
    for part, pool in (("title", TITLES), ("author", AUTHORS), ("year", YEARS)):  # evenly, whatever each cover asks
        for cover in covers:
            cover.scene[part] = rng.choice(pool)
    question = {
        "title": "What is the title of the book in the {} image?",
        "author": "Who wrote the book in the {} image?",
        "year": "In which year was the book in the {} image printed?",
    }[asked]
    return _open_item(
        f"text_rich/{asked}",
        question.format(ORDINALS[which]),
        covers[which].scene[asked],
        [cover.scene for cover in covers],
        [_describe_cover(cover.scene) for cover in covers],
        f"the {asked}",
    )


def draw_common(rng: random.Random) -> Item:
    """Two pictures of one thing each that have one property in common: which one."""
    choice = draw_choice(rng, IN_COMMON)
    thing = Thing(
        rng.choice(SHAPE_NAMES), rng.choice(COLOUR_NAMES), rng.choice(("small", "large")), rng.choice(TEXTURES), 4
    )
    other = Thing(
        thing.shape if choice.answer == "shape" else _another(rng, SHAPE_NAMES, thing.shape),
        thing.colour if choice.answer == "color" else _another(rng, COLOUR_NAMES, thing.colour),
        thing.size if choice.answer == "size" else _another(rng, ("small", "large"), thing.size),
        thing.texture if choice.answer == "pattern" else _another(rng, TEXTURES, thing.texture),
        4,
    )
    things = [replace(thing, place=rng.randrange(9), dx=rng.randint(-5, 5)) for thing in (thing, other)]
    ground = rng.choice(tuple(GROUNDS))
    return Item(
        question="What do the objects in the two images have in common?",
        scene=sequence([scene_of([thing], ground) for thing in things]),
        description=number_pictures([_describe_fully(thing) for thing in things]),
        reasoning=f"Both have the same {choice.answer}.",
        category="multi_image_vqa",
        focus="the object's color, shape, pattern and size",
        **choice.fields(),
    )


def draw_puzzle(rng: random.Random) -> Item:
    """Three pictures that go on by a rule, and four of which one is the next: the number, the place or the size."""
    rule = rng.choice(("more", "fewer", "along"))
    shape, colour = rng.choice(SHAPE_NAMES), rng.choice(COLOUR_NAMES)
    size = rng.choice(("small", "large"))

    def picture(places: Sequence[int], of: str = shape, painted: str = colour) -> Scene:
        return scene_of([Thing(of, painted, size, "plain", place) for place in sorted(places)], "paper")

    if rule == "along":
        path = (0, 1, 2, 5, 8, 7, 6, 3)  # around the grid
        start = rng.randrange(8)
        step = rng.choice((1, -1))
        shown = [[path[(start + step * k) % 8]] for k in range(4)]
        wrong = [[place] for place in path if [place] not in shown]
    else:
        order = rng.sample(range(9), 5)
        counts = range(1, 5) if rule == "more" else range(5, 1, -1)
        shown = [order[:count] for count in counts]
        wrong = [order[:count] for count in range(1, 6) if count != len(shown[3])]
    right = picture(shown[3])
    distractors = [
        picture(rng.choice(wrong)),
        picture(shown[3], of=_another(rng, SHAPE_NAMES, shape)),
        picture(shown[3], painted=_another(rng, COLOUR_NAMES, colour)),
    ]
    options = [right, *distractors]
    rng.shuffle(options)
    at = options.index(right)
    pictures = [*(picture(places) for places in shown[:3]), *options]
    why = {
        "more": "Each picture has one object more.",
        "fewer": "Each picture has one object fewer.",
        "along": "The object goes on around the border.",
    }[rule]
    names = tuple(f"the {ORDINALS[3 + k]} image" for k in range(4))
    return Item(
        question="The first three images follow a rule. Which of the other images comes next?",
        answer=names[at],
        options=names,
        scene=sequence(pictures),
        description=number_pictures(
            [
                describe_things([Thing(**fields) for fields in scene["things"]]) if scene["things"] else "Empty."
                for scene in pictures
            ]
        ),
        reasoning=f"{why} So {names[at]} comes next.",
        category="puzzle",
        focus="the number, the shapes, the colors and the places of the objects",
        blind_answer=names[0],
        blind_probability=0.25,
    )


def look(thing: Thing) -> str:
    """What tells a thing apart in its picture: "red star"."""
    return f"{thing.colour} {thing.shape}"


def sequence(scenes: Sequence[Scene]) -> Scene:
    """Several pictures as the scene of one question."""
    return {"kind": "sequence", "pictures": list(scenes)}


def number_pictures(descriptions: Sequence[str]) -> str:
    """What each picture shows, in their order."""
    return " ".join(f"The {ORDINALS[k]} image: {text}" for k, text in enumerate(descriptions))


def _open_item(
    name: str, question: str, answer: str, scenes: Sequence[Scene], descriptions: Sequence[str], focus: str
) -> Item:
    guess, score = BEST_GUESSES[name]
    return Item(
        question=question,
        answer=answer,
        scene=sequence(scenes),
        description=number_pictures(descriptions),
        reasoning=answer,
        category=name.partition("/")[0],
        focus=focus,
        blind_answer=guess,
        blind_probability=score,
    )


def list_answers(name: str) -> dict[str, float]:
    """Every answer to an open question of a set, with the probability that it is the true one."""
    looks = [f"{colour} {shape}" for colour in COLOUR_NAMES for shape in SHAPE_NAMES]
    answers: dict[str, float] = {}

    def share(weight: float, texts: Sequence[str]) -> None:
        for text in texts:
            answers[text] = answers.get(text, 0.0) + weight / len(texts)

    recoloured = [(thing, colour) for thing in looks for colour in COLOUR_NAMES if colour != thing.split()[0]]
    if name == "spot_the_difference":
        share(DIFFERENCES["gone"], [f"The {thing} is gone." for thing in looks])
        share(DIFFERENCES["new"], [f"{opened(a(thing))} was added." for thing in looks])
        share(DIFFERENCES["colour"], [f"The {thing} turned {colour}." for thing, colour in recoloured])
        share(
            DIFFERENCES["shape"],
            [
                f"The {thing} became {a(shape)}."
                for thing in looks
                for shape in SHAPE_NAMES
                if shape != thing.split()[1]
            ],
        )
        share(DIFFERENCES["moved"], [f"The {thing} moved." for thing in looks])
    elif name == "image_edit":
        share(EDITS["remove"], [f"Remove the {thing}." for thing in looks])
        share(EDITS["colour"], [f"Make the {thing} {colour}." for thing, colour in recoloured])
        share(EDITS["ground"], [f"Change the background to {ground}." for ground in GROUNDS])
        share(EDITS["add"], [f"Add {a(thing)}." for thing in looks])
    elif name == "story_telling":
        for way, weight in WAYS.items():
            begun = [(thing, f"{opened(thing)} moves {way} and") for thing in looks]
            share(weight * ENDINGS["vanishes"], [f"{text} vanishes." for _, text in begun])
            share(
                weight * ENDINGS["turns"],
                [
                    f"{text} turns {colour}."
                    for thing, text in begun
                    for colour in COLOUR_NAMES
                    if colour != thing.split()[0]
                ],
            )
            share(
                weight * ENDINGS["meets"],
                [
                    f"{text} meets {a(shape)}."
                    for thing, text in begun
                    for shape in SHAPE_NAMES
                    if shape != thing.split()[1]
                ],
            )
    else:
        pool = {"text_rich/title": TITLES, "text_rich/author": AUTHORS, "text_rich/year": YEARS}[name]
        share(1.0, pool)
    return answers


def _another(
    rng: random.Random, pool: Sequence[str], value: str, taken: frozenset[str] | set[str] = frozenset()
) -> str:
    return rng.choice([other for other in pool if other != value and other not in taken])


def _recolour(rng: random.Random, things: Sequence[Thing], thing: Thing) -> tuple[list[Thing], str]:
    """The things with one of them in a colour in which it is still like no other, and that colour."""
    taken = {other.colour for other in things if other is not thing and other.shape == thing.shape}
    colour = _another(rng, COLOUR_NAMES, thing.colour, taken)
    return _put(things, thing, replace(thing, colour=colour)), colour


def _put(things: Sequence[Thing], old: Thing, new: Thing) -> list[Thing]:
    return sorted([new if other is old else other for other in things], key=lambda thing: thing.place)


def _describe_fully(thing: Thing) -> str:
    return f"{opened(a(thing.size))} {thing.texture} {thing.colour} {thing.shape}."


def _describe_cover(scene: Mapping[str, Any]) -> str:
    genre = next(name for name, (_, _, band) in GENRES.items() if band == scene["band"])
    return (
        f"{opened(a(scene['colour']))} cover of the genre {genre}. The title reads {scene['title']}. "
        f"The author is {scene['author']}. The year is {scene['year']}."
    )
