"""Yards, in the spirit of VQAv2: everyday questions whose answers are as lopsided as in life.

The priors below are the whole truth about what can be guessed: an answer is drawn from its prior, the scene
is drawn to have it.
"""

import random
from typing import Any

from PIL import Image

from sightscale.tasks.mini.drawing import COLOURS, Canvas, draw_thing, rgb, shade
from sightscale.tasks.mini.items import Choice, Item, complete_choice, draw_choice
from sightscale.tasks.mini.words import a, opened

CAR_COLOURS = {"red": 0.34, "blue": 0.22, "white": 0.2, "black": 0.12, "yellow": 0.07, "green": 0.05}
COUNTS = {"1": 0.44, "2": 0.3, "3": 0.16, "4": 0.1}
TIMES = {"day": 0.62, "evening": 0.2, "night": 0.12, "dawn": 0.06}
PETS = {"dog": 0.42, "cat": 0.33, "bird": 0.17, "fish": 0.08}
WEATHER = {"sunny": 0.5, "cloudy": 0.28, "rainy": 0.15, "snowy": 0.07}
BESIDE = {"tree": 0.4, "car": 0.3, "bicycle": 0.16, "chair": 0.09, "lamp": 0.05}
ROOFS = ("red", "blue", "green", "orange", "purple", "brown", "teal", "pink")
SKIES = {
    "day": ((150, 200, 240), (216, 236, 250)),
    "evening": ((240, 140, 90), (252, 208, 150)),
    "night": ((16, 22, 58), (52, 60, 110)),
    "dawn": ((168, 150, 206), (250, 214, 214)),
}
GRASS = {"day": (132, 186, 96), "evening": (140, 142, 80), "night": (36, 66, 56), "dawn": (126, 158, 108)}

QUESTIONS = {  # by what is asked about: the question, the answers' prior, what a description should attend to
    "car": ("What color is the car?", CAR_COLOURS, "the car"),
    "balls": ("How many balls are on the grass?", COUNTS, "the number of balls"),
    "time": ("What time of day is it?", TIMES, "the light and the sky"),
    "pet": ("Which animal is in front of the house?", PETS, "the animal"),
    "weather": ("What is the weather like?", WEATHER, "the weather"),
    "beside": ("What stands to the left of the house?", BESIDE, "what stands near the house"),
}


def draw_yard(rng: random.Random) -> Item:
    """A question about a house and its yard."""
    drawn = {
        "car": rng.choices(list(CAR_COLOURS), weights=list(CAR_COLOURS.values()))[0],
        "balls": rng.choices(list(COUNTS), weights=list(COUNTS.values()))[0],
        "time": rng.choices(list(TIMES), weights=list(TIMES.values()))[0],
        "pet": rng.choices(list(PETS), weights=list(PETS.values()))[0],
        "weather": rng.choices(list(WEATHER), weights=list(WEATHER.values()))[0],
        "beside": rng.choices(list(BESIDE), weights=list(BESIDE.values()))[0],
    }
    asked = rng.choice(list(drawn))
    choice = draw_choice(rng, QUESTIONS[asked][1])
    drawn[asked] = choice.answer
    if asked == "weather":
        drawn["time"] = "day"  # clouds and snow must be seen
    if asked == "car" and drawn["beside"] == "car":
        drawn["beside"] = "tree"  # one car only
    scene: dict[str, Any] = {
        "kind": "yard",
        **drawn,
        "balls": int(drawn["balls"]),
        "wall": rng.choice(ROOFS),
        "pet_colour": rng.choice(("brown", "orange", "gray")),
        "ball_colour": rng.choice(("red", "blue", "purple", "pink")),
        "shift": rng.randint(-8, 8),
        "spread": rng.sample(range(4), 4),
    }
    return _item(scene, asked, choice)


def ask_yard(rng: random.Random, scene: dict[str, Any]) -> list[Item]:
    """Every question about a yard. By night or dusk nobody is asked about the weather, which is hard to see then."""
    asked = [name for name in QUESTIONS if name != "weather" or scene["time"] == "day"]
    return [_item(scene, name, complete_choice(rng, str(scene[name]), QUESTIONS[name][1])) for name in asked]


def _item(scene: dict[str, Any], asked: str, choice: Choice) -> Item:
    question, _, focus = QUESTIONS[asked]
    sky = "clear" if scene["weather"] == "sunny" and scene["time"] != "day" else scene["weather"]
    count, noun = scene["balls"], "ball" if scene["balls"] == 1 else "balls"
    return Item(
        question=question,
        scene=scene,
        description=(
            f"{opened(a(scene['wall']))} house and its yard. The time of day is {scene['time']}. The weather is "
            f"{sky}. A {scene['pet']} is in front of the house. The car on the road is {scene['car']}. "
            f"There {'is' if count == 1 else 'are'} {count} {noun} on the grass. To the left of the house stands a "
            f"{scene['beside']}."
        ),
        reasoning={
            "car": f"The car is {scene['car']}.",
            "balls": f"There {'is' if count == 1 else 'are'} {count} {noun} on the grass.",
            "time": f"The time of day is {scene['time']}.",
            "pet": f"A {scene['pet']} is in front of the house.",
            "weather": f"The weather is {scene['weather']}.",
            "beside": f"A {scene['beside']} stands to the left of the house.",
        }[asked],
        category="VQAv2",
        focus=focus,
        **choice.fields(),
    )


def render_yard(scene: dict[str, Any]) -> Image.Image:
    """The picture of a house and its yard, 224 pixels square."""
    time, weather, shift = scene["time"], scene["weather"], scene["shift"]
    canvas = Canvas()
    canvas.gradient(*SKIES[time], 0, 126)
    grass = (240, 244, 248) if weather == "snowy" else GRASS[time]
    canvas.rectangle(0, 118, 224, 224, grass)
    canvas.gradient(shade(grass, 12), grass, 118, 180)
    dark = time == "night"
    if time == "night":
        draw_thing(canvas, "moon", 190, 30, 34, (250, 244, 200))
        for x, y in ((20, 18), (60, 40), (96, 16), (140, 34), (160, 12)):
            canvas.disc(x, y, 1.5, (250, 250, 240))
    elif time == "evening":
        canvas.disc(186, 108, 20, (252, 226, 120))
        canvas.rectangle(160, 118, 212, 130, shade(grass, 8))
    elif time == "dawn":
        canvas.disc(40, 116, 15, (255, 244, 200))
        canvas.rectangle(16, 118, 64, 134, shade(grass, 8))
    elif weather == "sunny":
        draw_thing(canvas, "sun", 190, 32, 46, (252, 208, 40))
    if weather in ("cloudy", "rainy", "snowy"):
        cloud = (120, 128, 140) if weather == "rainy" else (236, 238, 242)
        if time == "night":
            cloud = shade(cloud, -40)
        for x, y in ((46, 28), (118, 20), (180, 34)):
            draw_thing(canvas, "cloud", x, y, 58, cloud)
    house = 122 + shift
    with canvas.mark("thing", "house", scene["wall"]):
        draw_thing(canvas, "house", house, 104, 100, shade(scene["wall"], -35 if dark else 15))
    beside = scene["beside"]
    if beside == "car":
        draw_thing(canvas, "car", house - 82, 140, 48, "gray")
    else:
        size = {"tree": 78, "bicycle": 50, "chair": 46, "lamp": 60}[beside]
        colour = {"tree": "green", "bicycle": "blue", "chair": "brown", "lamp": "orange"}[beside]
        draw_thing(canvas, beside, house - 82, 152 - size / 2 + 4, size, colour)
    canvas.rectangle(0, 188, 224, 224, (96, 98, 104) if not dark else (52, 54, 62))
    for x in range(6, 224, 40):
        canvas.rectangle(x, 205, x + 20, 208, (236, 236, 226))
    draw_thing(canvas, scene["pet"], house + 12, 166, 32, COLOURS[scene["pet_colour"]])
    for number in range(scene["balls"]):
        x = (18, 58, 172, 206)[scene["spread"][number]]
        draw_thing(canvas, "ball", x, 174, 17, rgb(scene["ball_colour"]))
    draw_thing(canvas, "car", 112 - 3 * shift, 202, 60, scene["car"])
    if weather == "rainy":
        for x in range(4, 224, 13):
            y = 52 + (x * 37) % 60
            canvas.line([(x, y), (x - 4, y + 12)], (90, 130, 190), 1.5)
    elif weather == "snowy":
        for x in range(5, 224, 11):
            canvas.disc(x, 50 + (x * 53) % 128, 2, (255, 255, 255))
    return canvas.finish()
