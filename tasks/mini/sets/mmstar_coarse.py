"""MMStar's coarse perception: the emotion, the topic, and the style of a whole picture."""

import random
from typing import Any

from PIL import Image, ImageFilter, ImageOps

from sightscale.tasks.mini.drawing import (
    INK,
    Canvas,
    describe_things,
    draw_thing,
    draw_things,
    render_things,
    scene_of,
    shade,
)
from sightscale.tasks.mini.items import Item, Scene, draw_choice
from sightscale.tasks.mini.words import a, opened

CATEGORY = "coarse perception"
# Happy faces are most of what people photograph; the prior says so.
EMOTIONS = {"happy": 0.4, "sad": 0.2, "angry": 0.15, "surprised": 0.15, "sleepy": 0.1}
SIGNS_OF = {
    "happy": "the mouth curves upwards",
    "sad": "the mouth curves downwards",
    "angry": "the eyebrows slant down to the nose",
    "surprised": "the mouth is a round O",
    "sleepy": "the eyes are closed",
}
TOPICS = ("beach", "city", "forest", "desert", "mountains", "harbor", "farm", "kitchen")
STYLES = (
    "black and white photo",
    "sepia photo",
    "pixelated picture",
    "blurred photo",
    "photo negative",
    "plain picture",
)
SKINS = ((244, 206, 168), (222, 172, 128), (186, 130, 90), (142, 94, 62), (250, 218, 190))
HAIRS = ("black", "brown", "orange", "gray", "yellow")


def draw_emotion(rng: random.Random) -> Item:
    """How a person feels, by the face."""
    choice = draw_choice(rng, EMOTIONS)
    scene: Scene = {
        "kind": "face",
        "emotion": choice.answer,
        "skin": list(rng.choice(SKINS)),
        "hair": rng.choice(HAIRS),
        "long": rng.randrange(2),
        "shirt": rng.choice(("red", "blue", "green", "purple", "teal")),
        "wall": rng.choice(("sky", "mint", "sand", "rose")),
        "dx": rng.randint(-12, 12),
    }
    sign = SIGNS_OF[choice.answer]
    return Item(
        question="How does the person in the picture seem to feel?",
        scene=scene,
        description=(
            f"A portrait of a person with {scene['hair']} hair and {a(scene['shirt'])} shirt. "
            f"{opened(sign)}. The person looks {choice.answer}."
        ),
        reasoning=f"In the face {sign}, so the person looks {choice.answer}.",
        category=CATEGORY,
        l2_category="image emotion",
        focus="the face and its expression",
        **choice.fields(),
    )


def render_face(scene: dict[str, Any]) -> Image.Image:
    """A portrait, 224 pixels square."""
    wall = {"sky": (206, 226, 244), "mint": (208, 236, 220), "sand": (246, 232, 206), "rose": (248, 216, 220)}
    canvas = Canvas(background=wall[scene["wall"]])
    canvas.gradient(shade(wall[scene["wall"]], 40), wall[scene["wall"]])
    red, green, blue = scene["skin"]
    skin, x = (red, green, blue), 112 + scene["dx"]
    if scene["long"]:
        canvas.rectangle(x - 64, 66, x + 64, 176, scene["hair"], 30)
    canvas.rectangle(x - 74, 184, x + 74, 240, scene["shirt"], 34)
    canvas.rectangle(x - 18, 160, x + 18, 196, shade(skin, -12))
    canvas.disc(x, 94, 62, scene["hair"])
    canvas.ellipse(x - 52, 48, x + 52, 172, skin)
    canvas.pie(x, 82, 58, 195, 345, scene["hair"])
    feeling = scene["emotion"]
    for side in (-1, 1):
        eye = x + 22 * side
        if feeling == "sleepy":
            canvas.line([(eye - 10, 104), (eye, 109), (eye + 10, 104)], INK, 3)
        else:
            tall = 12 if feeling == "surprised" else 8
            canvas.ellipse(eye - 10, 104 - tall, eye + 10, 104 + tall, "white")
            canvas.disc(eye, 104, 5, INK)
        slant = {"angry": 9, "sad": -6, "surprised": -2}.get(feeling, 0)
        lift = {"surprised": -9, "sleepy": 3}.get(feeling, 0)
        canvas.line([(eye - 13 * side, 86 + slant + lift), (eye + 13 * side, 86 - slant // 2 + lift)], scene["hair"], 4)
    canvas.line([(x, 112), (x - 5, 128), (x + 4, 129)], shade(skin, -30), 3)
    if feeling == "surprised":
        canvas.ellipse(x - 11, 138, x + 11, 164, (120, 40, 44))
    elif feeling == "happy":
        canvas.line([(x - 24, 140), (x - 12, 151), (x, 154), (x + 12, 151), (x + 24, 140)], (170, 50, 54), 5)
    elif feeling == "sad":
        canvas.line([(x - 22, 156), (x - 11, 147), (x, 144), (x + 11, 147), (x + 22, 156)], (150, 60, 60), 5)
    elif feeling == "angry":
        canvas.line([(x - 18, 152), (x, 148), (x + 18, 152)], (150, 50, 50), 5)
    else:
        canvas.line([(x - 10, 148), (x + 10, 148)], (160, 80, 76), 4)
    return canvas.finish()


def draw_topic(rng: random.Random) -> Item:
    """Where a picture was taken."""
    choice = draw_choice(rng, TOPICS)
    scene: Scene = {
        "kind": "topic",
        "topic": choice.answer,
        "shift": rng.randint(-16, 16),
        "tone": rng.randrange(3),
        "extra": rng.choice(("bird", "cloud", "balloon", "sun")),
        "colour": rng.choice(("red", "blue", "purple", "orange", "teal")),
    }
    return Item(
        question="Which place does the picture show?",
        scene=scene,
        description=(
            f"A wide view of a place: it shows {_TOLD[choice.answer]}. There is also {a(scene['extra'])}. "
            f"The place is a {choice.answer}."
        ),
        reasoning=f"There is {_TOLD[choice.answer]}, so it is a {choice.answer}.",
        category=CATEGORY,
        l2_category="image scene and topic",
        focus="the place and its landmarks",
        **choice.fields(),
    )


_TOLD = {
    "beach": "sand, water and an umbrella",
    "city": "tall buildings and a street",
    "forest": "many trees close together",
    "desert": "dunes and a cactus",
    "mountains": "high peaks with snow",
    "harbor": "boats on water by a wall",
    "farm": "a barn, a fence and a field",
    "kitchen": "a stove, tiles and cups on a shelf",
}


def render_topic(scene: dict[str, Any]) -> Image.Image:
    """A view of a place, 224 pixels square."""
    topic, shift, colour = scene["topic"], scene["shift"], scene["colour"]
    sky = ((186, 216, 242), (208, 226, 240), (236, 216, 206))[scene["tone"]]
    canvas = Canvas(background=sky)
    canvas.gradient(sky, shade(sky, 55), 0, 150)
    if topic != "kitchen":
        draw_thing(
            canvas,
            scene["extra"],
            40 + shift,
            34,
            34,
            "yellow" if scene["extra"] == "sun" else "white" if scene["extra"] == "cloud" else colour,
        )
    if topic == "beach":
        canvas.gradient((60, 140, 200), (120, 196, 220), 112, 160)
        canvas.rectangle(0, 158, 224, 224, (244, 222, 166))
        draw_thing(canvas, "umbrella", 140 + shift, 158, 84, colour)
        canvas.rectangle(150 + shift, 196, 204 + shift, 206, shade(colour, 40), 3)
    elif topic == "city":
        for k, (x, height) in enumerate(((4, 90), (44, 130), (88, 104), (128, 146), (174, 116))):
            tall = height + (shift * (k + 1)) % 22
            canvas.rectangle(x, 190 - tall, x + 38, 192, shade("gray", -18 + 12 * (k % 3)))
            for wx in range(x + 6, x + 32, 10):
                for wy in range(198 - tall, 182, 14):
                    canvas.rectangle(wx, wy, wx + 5, wy + 7, (250, 236, 160))
        canvas.rectangle(0, 190, 224, 224, (84, 86, 92))
        draw_thing(canvas, "car", 112 + 3 * shift, 204, 48, colour)
    elif topic == "forest":
        canvas.rectangle(0, 150, 224, 224, (96, 140, 80))
        for k in range(9):
            x, y = (k * 53 + 20 + shift) % 224, 130 + (k * 29) % 56
            draw_thing(canvas, "tree", x, y, 74, (24 + 10 * (k % 3), 110 + 9 * (k % 4), 52))
    elif topic == "desert":
        canvas.ellipse(-60, 128, 160, 300, (238, 204, 140))
        canvas.ellipse(70 + shift, 140, 300, 320, (226, 188, 120))
        x = 150 - shift
        canvas.line([(x, 190), (x, 118)], (44, 130, 70), 15)
        canvas.line([(x, 160), (x - 24, 154), (x - 24, 134)], (44, 130, 70), 10)
        canvas.line([(x, 150), (x + 24, 146), (x + 24, 126)], (44, 130, 70), 10)
    elif topic == "mountains":
        for x, top, wide in ((60 + shift, 62, 84), (156 - shift, 48, 96)):
            canvas.polygon([(x - wide, 190), (x, top), (x + wide, 190)], (112, 118, 134))
            canvas.polygon([(x - wide // 4, top + 35), (x, top), (x + wide // 4, top + 35), (x, top + 26)], "white")
        canvas.rectangle(0, 186, 224, 224, (112, 156, 96))
    elif topic == "harbor":
        canvas.gradient((70, 130, 180), (110, 170, 206), 110, 224)
        canvas.rectangle(0, 100, 224, 116, (148, 142, 134))
        for k, x in enumerate((50 + shift, 120, 190 - shift)):
            draw_thing(canvas, "boat", x, 138 + 22 * (k % 2), 72, (colour, "white", "red")[k])
    elif topic == "farm":
        canvas.rectangle(0, 146, 224, 224, (150, 190, 90))
        for y in range(156, 224, 12):
            canvas.line([(0, y), (224, y - 8)], (126, 164, 74), 3)
        draw_thing(canvas, "house", 142 + shift, 108, 96, (178, 50, 44))
        for x in range(6, 110, 18):
            canvas.rectangle(x, 150, x + 5, 182, (236, 226, 206))
        canvas.rectangle(4, 158, 106, 163, (236, 226, 206))
    else:
        canvas.rectangle(0, 0, 224, 224, (244, 238, 226))
        for x in range(0, 224, 28):
            for y in range(84, 140, 28):
                canvas.rectangle(x + 1, y + 1, x + 26, y + 26, shade(colour, 72))
        canvas.rectangle(0, 140, 224, 150, (150, 112, 78))
        canvas.rectangle(20, 60, 204, 66, (150, 112, 78))
        for k, x in enumerate((50, 92, 134, 176)):
            draw_thing(canvas, "cup", x + shift // 3, 46, 26, ("red", "blue", "green", "orange")[k])
        canvas.rectangle(60 + shift, 150, 164 + shift, 224, (226, 228, 232), 4)
        for x in (84, 140):
            canvas.disc(x + shift, 146, 13, INK)
        canvas.rectangle(74 + shift, 172, 150 + shift, 214, (80, 84, 92), 4)
    return canvas.finish()


def draw_style(rng: random.Random) -> Item:
    """What kind of picture it is."""
    choice = draw_choice(rng, STYLES)
    things = draw_things(rng, rng.randint(4, 7))
    scene: Scene = {**scene_of(things, rng.choice(("sky", "meadow", "sand"))), "kind": "styled", "style": choice.answer}
    return Item(
        question="Which of these describes the style or quality of the picture?",
        scene=scene,
        description=f"{opened(a(choice.answer))}. {describe_things(things)}",
        reasoning=f"As a whole it is a {choice.answer}.",
        category=CATEGORY,
        l2_category="image style & quality",
        focus="the style and quality of the picture",
        **choice.fields(),
    )


def render_styled(scene: dict[str, Any]) -> Image.Image:
    """A scene of shapes in a style, 224 pixels square."""
    picture = render_things(scene)
    style = scene["style"]
    if style == "black and white photo":
        return picture.convert("L").convert("RGB")
    if style == "sepia photo":
        gray = picture.convert("L")
        return Image.merge(
            "RGB",
            (
                gray.point([min(255, value * 27 // 25 + 8) for value in range(256)]),
                gray.point([value * 22 // 25 for value in range(256)]),
                gray.point([value * 16 // 25 for value in range(256)]),
            ),
        )
    if style == "pixelated picture":
        return picture.reduce(8).resize(picture.size, Image.Resampling.NEAREST)
    if style == "blurred photo":
        return picture.filter(ImageFilter.BoxBlur(5))
    if style == "photo negative":
        return ImageOps.invert(picture)
    return picture
