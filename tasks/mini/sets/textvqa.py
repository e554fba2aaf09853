"""Streets with signs, in the spirit of TextVQA: which word stands where.

The distractors are the other words in the same picture as often as words that aren't there, so reading any sign
isn't enough: the right one must be found.
"""

import random
from typing import Any

from PIL import Image

from sightscale.tasks.mini.drawing import Canvas, draw_thing, fitting_height, rgb, shade, write
from sightscale.tasks.mini.items import Choice, Item, Scene

WORDS = (
    *("BAKERY", "BANK", "BAR", "BOOKS", "BREAD", "CAFE", "CLOSED", "COFFEE", "DANGER", "EXIT", "FLOWERS", "FRUIT"),
    *("GARAGE", "HOTEL", "ICE", "JUICE", "KEYS", "LIBRARY", "MARKET", "MILK", "MUSEUM", "MUSIC", "OPEN", "PARK"),
    *("PIZZA", "POST", "SALE", "SALT", "SCHOOL", "SHOES", "SLOW", "SOUP", "STATION", "STOP", "TAXI", "TEA"),
    *("TICKETS", "TOYS", "WATER", "WINE", "YOGA", "ZOO"),
)
SIGN_COLOURS = ("red", "green", "blue", "yellow", "black", "orange", "purple")
SIGN_PLACES = {"left": (60, 88), "right": (166, 70), "high": (112, 30), "low": (132, 152)}
WALLS = ("brown", "gray", "pink", "teal", "orange")


def draw_street(rng: random.Random) -> Item:
    """A question about a street: the word on a sign of a colour, a sign's colour, or a price."""
    words, colours = rng.sample(WORDS, 4), rng.sample(SIGN_COLOURS, 4)
    price = f"${rng.randint(1, 9)}.{rng.choice(('00', '20', '50', '75', '90'))}"
    asked = rng.choice(("word", "word", "colour", "price"))
    number = rng.randrange(4)
    choice, *about = _ask(rng, words, colours, price, asked, number)
    places = rng.sample(list(SIGN_PLACES), 4)
    scene = {
        "kind": "street",
        "signs": [list(sign) for sign in zip(words, colours, places, strict=True)],
        "price": price,
        "wall": rng.choice(WALLS),
        "tree": rng.randrange(2),
    }
    return _item(scene, choice, *about)


def ask_street(rng: random.Random, scene: Scene) -> list[Item]:
    """Every question about a street."""
    words, colours, _ = (list(values) for values in zip(*scene["signs"], strict=True))
    asked = [("price", 0), *((name, number) for name in ("word", "colour") for number in range(4))]
    return [_item(scene, *_ask(rng, words, colours, scene["price"], name, number)) for name, number in asked]


def _ask(
    rng: random.Random, words: list[str], colours: list[str], price: str, asked: str, number: int
) -> tuple[Choice, str, str, str]:
    """The options with the right one, the question, the focus and the reasoning."""
    if asked == "word":
        elsewhere = rng.sample([word for word in WORDS if word not in words], 2)
        texts = [words[number], rng.choice([w for w in words if w != words[number]]), *elsewhere]
        question = f"What word is written on the {colours[number]} sign?"
        focus, reasoning = "the words on the signs", f"The {colours[number]} sign says {words[number]}."
    elif asked == "colour":
        elsewhere = rng.sample([c for c in SIGN_COLOURS if c not in colours], 1)
        texts = [colours[number], *rng.sample([c for c in colours if c != colours[number]], 2), *elsewhere]
        question = f"What color is the sign that says {words[number]}?"
        focus, reasoning = "the signs and their colors", f"The sign that says {words[number]} is {colours[number]}."
    else:
        prices = {price}
        while len(prices) < 4:
            prices.add(f"${rng.randint(1, 9)}.{rng.choice(('00', '20', '50', '75', '90'))}")
        texts = [price, *sorted(prices - {price})]
        question, focus, reasoning = "What is the price on the tag?", "any prices", f"The tag says {price}."
    answer = texts[0]
    rng.shuffle(texts)
    return Choice(answer, tuple(texts), texts[0], 0.25), question, focus, reasoning


def _item(scene: Scene, choice: Choice, question: str, focus: str, reasoning: str) -> Item:
    signs = " ".join(f"The {colour} sign says {word}." for word, colour, _ in scene["signs"])
    return Item(
        question=question,
        scene=scene,
        description=f"A street with four signs. {signs} A tag gives the price {scene['price']}.",
        reasoning=reasoning,
        category="TextVQA",
        focus=focus,
        **choice.fields(),
    )


def render_street(scene: dict[str, Any]) -> Image.Image:
    """The picture of a street, 224 pixels square."""
    canvas = Canvas(background=(206, 226, 242))
    canvas.gradient((180, 212, 240), (228, 238, 246), 0, 170)
    wall = shade(scene["wall"], 62)
    canvas.rectangle(0, 48, 224, 188, wall)
    for y in range(58, 188, 14):
        canvas.line([(0, y), (224, y)], shade(wall, -7), 1)
    canvas.rectangle(0, 186, 224, 224, (150, 150, 152))
    canvas.line([(0, 188), (224, 188)], (110, 110, 112), 3)
    canvas.rectangle(16, 118, 74, 187, shade(scene["wall"], -40))
    canvas.rectangle(20, 122, 70, 187, (188, 216, 230))
    if scene["tree"]:
        draw_thing(canvas, "tree", 202, 156, 70, "green")
    for word, colour, place in scene["signs"]:
        x, y = SIGN_PLACES[place]
        light = sum(rgb(colour)) > 480
        ink = (28, 28, 32) if light else (252, 252, 248)
        if place == "high":
            canvas.line([(112, 40), (112, 56)], (70, 72, 78), 4)
        with canvas.mark("thing", "sign", colour):
            canvas.rectangle(x - 46, y - 15, x + 46, y + 15, (54, 56, 62), 5)
            canvas.rectangle(x - 43, y - 12, x + 43, y + 12, colour, 4)
        write(canvas, word, x, y, fitting_height(word, 74, 13), ink)
    with canvas.mark("thing", "tag"):
        canvas.polygon([(150, 196), (206, 196), (206, 216), (150, 216), (140, 206)], (252, 250, 240))
    canvas.disc(148, 206, 2, (90, 90, 90))
    write(canvas, scene["price"], 180, 206, 10, (180, 30, 30))
    return canvas.finish()
