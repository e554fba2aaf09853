"""Products photographed badly, in the spirit of VizWiz: blurred, dark, tilted, and sometimes past reading.

Three in ten pictures are spoiled beyond answering, and "unanswerable" is always among the options.
"""

import random
from typing import Any

from PIL import Image

from sightscale.tasks.mini.drawing import Canvas, fitting_height, forget_marks, move_marks, rgb, shade, write
from sightscale.tasks.mini.items import Choice, Item
from sightscale.tasks.mini.words import a

UNANSWERABLE, UNANSWERABLE_SHARE = "unanswerable", 0.3
KINDS = ("can", "box", "bottle", "jar")
PRODUCTS = ("SOUP", "BEANS", "CORN", "RICE", "TEA", "HONEY", "SALT", "SUGAR", "FLOUR", "OIL", "JAM", "OATS")
FLAVOURS = ("MINT", "LEMON", "APPLE", "CHERRY", "VANILLA", "GINGER", "PEACH", "BERRY")
LABEL_COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "teal")
FLAWS = ("none", "blurred", "dark", "tilted", "bright")
SPOILED = ("covered", "black", "smeared")
POOLS = {"product": PRODUCTS, "flavour": FLAVOURS, "colour": LABEL_COLOURS, "kind": KINDS}  # by what is asked about
ASKED = {
    "product": "What product is this?",
    "flavour": "What flavor is this?",
    "colour": "What color is the label?",
    "kind": "What kind of container is this?",
}


def draw_product(rng: random.Random) -> Item:
    """A question about a product in somebody's hand: what it is, its flavour, its colour, its kind."""
    asked = rng.choice(("product", "product", "flavour", "colour", "kind"))
    scene: dict[str, Any] = {
        "kind": "product",
        **{name: rng.choice(pool) for name, pool in POOLS.items() if name != "kind"},
        "body": rng.choice(KINDS),
        "table": rng.choice(("brown", "gray", "teal", "purple")),
        "dx": rng.randint(-14, 14),
        "dy": rng.randint(-10, 10),
        "turn": rng.randint(-9, 9),
    }
    spoiled = rng.random() < UNANSWERABLE_SHARE
    scene["flaw"] = rng.choice(SPOILED) if spoiled else rng.choice(FLAWS)
    return _item(rng, scene, asked)


def ask_product(rng: random.Random, scene: dict[str, Any]) -> list[Item]:
    """Every question about a product."""
    return [_item(rng, scene, asked) for asked in POOLS]


def _item(rng: random.Random, scene: dict[str, Any], asked: str) -> Item:
    spoiled, pools = scene["flaw"] in SPOILED, POOLS
    value = scene["body"] if asked == "kind" else scene[asked]
    others = rng.sample([text for text in pools[asked] if text != value], 3)
    texts = [UNANSWERABLE, *others] if spoiled else [UNANSWERABLE, value, *others[:2]]
    rng.shuffle(texts)
    choice = Choice(UNANSWERABLE if spoiled else value, tuple(texts), UNANSWERABLE, UNANSWERABLE_SHARE)
    focus = {
        "product": "the words on the label",
        "flavour": "the words on the label",
        "colour": "the label's color",
        "kind": "the kind of container",
    }[asked]
    seen = (
        f"A {scene['body']} with {a(scene['colour'])} label that says {scene['product']} "
        f"and below it {scene['flavour']}."
    )
    flawed = {
        "none": "",
        "blurred": " The photo is a little blurred.",
        "dark": " The photo is rather dark.",
        "tilted": " The photo is tilted.",
        "bright": " The photo is overexposed.",
        "covered": "A finger covers the lens; nothing else can be made out.",
        "black": "The photo is black; nothing can be made out.",
        "smeared": "The photo is smeared beyond recognition; nothing can be made out.",
    }[scene["flaw"]]
    sentence = {
        "product": f"The label says {value}.",
        "flavour": f"The flavor on the label is {value}.",
        "colour": f"The label is {value}.",
        "kind": f"The container is a {value}.",
    }[asked]
    return Item(
        question=ASKED[asked],
        scene=scene,
        description=flawed if spoiled else seen + flawed,
        reasoning="Nothing can be made out, so it is unanswerable." if spoiled else sentence,
        category="VizWiz",
        focus=focus,
        **choice.fields(),
    )


def render_product(scene: dict[str, Any]) -> Image.Image:
    """The photo of a product on a table, 224 pixels square, with its flaw."""
    canvas = Canvas(background=(214, 206, 196))
    canvas.gradient((222, 216, 208), (196, 186, 174), 0, 170)
    canvas.rectangle(0, 164, 224, 224, shade(scene["table"], 25))
    x, y, colour = 112 + scene["dx"], 116 + scene["dy"], scene["colour"]
    canvas.ellipse(x - 62, y + 70, x + 62, y + 92, shade(scene["table"], -10))
    metal = (186, 190, 196)
    if scene["body"] == "can":
        canvas.rectangle(x - 48, y - 66, x + 48, y + 74, metal)
        canvas.ellipse(x - 48, y - 80, x + 48, y - 54, shade(metal, 35))
        canvas.ellipse(x - 48, y + 62, x + 48, y + 86, shade(metal, -15))
        label = (x - 48, y - 46, x + 48, y + 58)
    elif scene["body"] == "box":
        canvas.polygon([(x + 50, y - 78), (x + 72, y - 62), (x + 72, y + 70), (x + 50, y + 82)], shade(colour, -45))
        canvas.rectangle(x - 56, y - 78, x + 50, y + 82, shade(colour, -15))
        label = (x - 56, y - 60, x + 50, y + 64)
    elif scene["body"] == "bottle":
        canvas.rectangle(x - 14, y - 92, x + 14, y - 50, (98, 140, 96), 5)
        canvas.rectangle(x - 17, y - 96, x + 17, y - 82, (60, 62, 70), 3)
        canvas.rectangle(x - 42, y - 60, x + 42, y + 84, (98, 140, 96), 20)
        label = (x - 42, y - 34, x + 42, y + 62)
    else:
        canvas.rectangle(x - 50, y - 54, x + 50, y + 80, (226, 214, 190), 22)
        canvas.rectangle(x - 44, y - 76, x + 44, y - 50, (176, 60, 50), 5)
        label = (x - 50, y - 34, x + 50, y + 58)
    with canvas.mark("thing", scene["body"], colour):
        canvas.rectangle(*label, colour)
    middle, width = (label[0] + label[2]) / 2, label[2] - label[0]
    canvas.rectangle(label[0] + 5, label[1] + 18, label[2] - 5, label[1] + 50, (252, 250, 244))
    write(
        canvas, scene["product"], middle, label[1] + 34, fitting_height(scene["product"], width - 22, 17), (32, 32, 38)
    )
    ink = (28, 28, 32) if sum(rgb(colour)) > 480 else (252, 252, 248)
    write(canvas, scene["flavour"], middle, label[1] + 72, fitting_height(scene["flavour"], width - 24, 11), ink)
    return _spoil(canvas.finish(), scene["flaw"], scene["turn"])


def _spoil(image: Image.Image, flaw: str, turn: int) -> Image.Image:
    """The photo with its flaw, in whole numbers throughout."""
    width, height = image.size
    if flaw == "blurred":
        return image.reduce(2).resize(image.size, Image.Resampling.NEAREST)
    if flaw == "dark":
        return image.point([value * 2 // 7 for value in range(256)] * 3)
    if flaw == "bright":
        return image.point([min(255, 56 + value * 9 // 10) for value in range(256)] * 3)
    if flaw == "tilted":
        tilted = Image.new("RGB", image.size, (150, 142, 134))
        slope = turn if abs(turn) > 3 else 6
        move_marks(lambda box: _shear(box, height, slope))
        for row in range(height):  # a shear by whole pixels, of rows and then of columns
            tilted.paste(image.crop((0, row, width, row + 1)), ((row - height // 2) * slope // 40, row))
        return tilted
    if flaw in SPOILED:
        forget_marks()
    if flaw == "covered":
        finger = Canvas(width, height, (206, 140, 120))
        finger.gradient((222, 158, 136), (180, 112, 96))
        left = 24 + 3 * turn
        finger.line([(left, height), (left + 30, 60), (left + 90, -10)], (190, 122, 104), 7)
        covered = finger.finish()
        covered.paste(image.crop((0, 0, width, 12 + turn)), (0, 0))
        return covered
    if flaw == "black":
        return image.point([value // 90 for value in range(256)] * 3)
    if flaw == "smeared":
        return image.reduce(56).resize(image.size, Image.Resampling.NEAREST)
    return image


def _shear(box: tuple[float, float, float, float], height: int, slope: int) -> tuple[float, float, float, float]:
    """Where a box goes when rows are moved sideways by their distance from the middle row."""
    left, top, right, bottom = box
    moved = round((top + bottom - height) / 2 * slope / 40)
    return left + moved, top, right + moved, bottom
