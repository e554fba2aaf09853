"""Book covers, in the spirit of OCR-VQA: what can be read from a cover, and what kind of book it is."""

import random
from typing import Any

from PIL import Image

from sightscale.tasks.mini.drawing import Canvas, draw_thing, fitting_height, rgb, shade, write
from sightscale.tasks.mini.items import Choice, Item, Scene, complete_choice, draw_choice
from sightscale.tasks.mini.words import a, opened

FIRST = ("Anna", "Boris", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Irene", "Jonas", "Karin", "Leon")
LAST = ("Adler", "Brook", "Castle", "Dale", "Ember", "Frost", "Grove", "Hale", "Lark", "Marsh", "Reed", "Stone")
AUTHORS = tuple(f"{first} {last}" for first in FIRST for last in LAST)
OPENINGS = ("The Quiet", "The Lost", "A Small", "The Last", "My First", "The Golden", "The Hidden", "One Long")
NOUNS = ("Garden", "River", "Winter", "Letter", "Island", "Journey", "Forest", "Window", "Summer", "Bridge")
TITLES = tuple(f"{opening} {noun}" for opening in OPENINGS for noun in NOUNS)
# A genre's prior, its motif, and what the band at the foot of the cover says.
GENRES = {
    "Romance": (0.34, "flower", "a love story"),
    "Cookbooks": (0.22, "apple", "80 recipes"),
    "Travel": (0.16, "boat", "a travel guide"),
    "Mystery": (0.12, "key", "a mystery"),
    "Gardening": (0.08, "leaf", "a garden guide"),
    "Sports": (0.08, "ball", "training at home"),
}
YEARS = tuple(str(year) for year in range(1950, 2020))
COVER_COLOURS = ("red", "green", "blue", "purple", "brown", "teal", "orange", "black")

QUESTIONS = {  # and what a description should attend to
    "title": ("What is the title of this book?", "the title"),
    "author": ("Who wrote this book?", "the name of the author"),
    "year": ("In which year was this book printed?", "the year on the cover"),
    "genre": ("What is the genre of this book?", "the kind of book and its motif"),
}


def draw_cover(rng: random.Random) -> Item:
    """A question about a cover: its title, author, year, or genre."""
    title, author, year = rng.choice(TITLES), rng.choice(AUTHORS), rng.choice(YEARS)
    genre = rng.choices(list(GENRES), weights=[prior for prior, _, _ in GENRES.values()])[0]
    asked = rng.choice(("title", "author", "author", "genre", "year"))
    if asked == "title":
        choice = draw_choice(rng, TITLES)
        title = choice.answer
    elif asked == "author":
        choice = draw_choice(rng, AUTHORS)
        author = choice.answer
    elif asked == "year":
        choice = draw_choice(rng, YEARS)
        year = choice.answer
    else:
        choice = draw_choice(rng, {name: prior for name, (prior, _, _) in GENRES.items()})
        genre = choice.answer
    _, motif, band = GENRES[genre]
    scene: Scene = {
        "kind": "cover",
        "title": title,
        "author": author,
        "year": year,
        "motif": motif,
        "band": band,
        "colour": rng.choice(COVER_COLOURS),
        "layout": rng.randrange(3),
    }
    return _item(scene, asked, choice)


def ask_cover(rng: random.Random, scene: Scene) -> list[Item]:
    """Every question about a cover."""
    genre = _genre(scene)
    pools: dict[str, tuple[str, dict[str, float]]] = {
        "title": (scene["title"], dict.fromkeys(TITLES, 1.0)),
        "author": (scene["author"], dict.fromkeys(AUTHORS, 1.0)),
        "year": (scene["year"], dict.fromkeys(YEARS, 1.0)),
        "genre": (genre, {name: prior for name, (prior, _, _) in GENRES.items()}),
    }
    return [_item(scene, asked, complete_choice(rng, answer, pool)) for asked, (answer, pool) in pools.items()]


def _genre(scene: Scene) -> str:
    return next(name for name, (_, _, band) in GENRES.items() if band == scene["band"])


def _item(scene: Scene, asked: str, choice: Choice) -> Item:
    title, author, year, motif, band = (scene[name] for name in ("title", "author", "year", "motif", "band"))
    question, focus = QUESTIONS[asked]
    sentences = {
        "title": f"The title reads {title}.",
        "author": f"The author's name is {author}.",
        "year": f"The year printed on the cover is {year}.",
        "genre": f"The band says {band}, so the genre is {_genre(scene)}.",
    }
    return Item(
        question=question,
        scene=scene,
        description=(
            f"{opened(a(scene['colour']))} book cover. The title reads {title}. The author is {author}. "
            f"It shows {a(motif)}. "
            f"The band says {band}. The year is {year}."
        ),
        reasoning=sentences[asked],
        category="OCRVQA",
        focus=focus,
        **choice.fields(),
    )


def render_cover(scene: dict[str, Any]) -> Image.Image:
    """The picture of a cover, 224 pixels square: a book standing before a wall."""
    canvas = Canvas(background=(226, 222, 214))
    canvas.rectangle(0, 196, 224, 224, (178, 150, 118))
    colour = scene["colour"]
    with canvas.mark("thing", "cover", colour):
        canvas.rectangle(38, 8, 194, 210, shade(colour, -45))
        canvas.rectangle(32, 6, 188, 206, colour)
        canvas.rectangle(32, 6, 40, 206, shade(colour, -25))
    paper = shade("yellow", 75)
    first, last = scene["title"].rsplit(" ", 1)
    top, author, motif = ((34, 72, 120), (150, 184, 82), (86, 34, 140))[scene["layout"]]
    for offset, text in ((0, first), (20, last)):
        write(canvas, text, 114, top + offset - 4, fitting_height(text, 132, 15), paper)
    write(canvas, scene["author"], 114, author, fitting_height(scene["author"], 128, 11), "white")
    canvas.disc(114, motif, 25, shade(colour, 60))
    draw_thing(canvas, scene["motif"], 114, motif, 36, "red" if rgb(colour) != rgb("red") else "blue")
    band = {0: 158, 1: 118, 2: 176}[scene["layout"]]
    canvas.rectangle(32, band, 188, band + 16, paper)
    write(canvas, scene["band"], 110, band + 8, fitting_height(scene["band"], 120, 9), (40, 42, 48))
    write(canvas, scene["year"], 168, 198, 8, paper)
    return canvas.finish()
