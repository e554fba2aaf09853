"""School questions, in the spirit of ScienceQA: mostly knowledge, with a picture that is rarely needed.

"Known" means stated in `FACTS`: a guesser who has learned these facts, as a language model can from
text alone, answers such a question without the picture, so its blind probability is 1. One question in five is
about the picture instead (which thing is shown), and can't be.
"""

import random
from typing import Any

from PIL import Image

from sightscale.tasks.mini.drawing import Canvas, draw_thing, fitting_height, shade, write
from sightscale.tasks.mini.items import Choice, Item
from sightscale.tasks.mini.words import a, opened

PICTURE_SHARE = 0.2

# Each kind of question: how it is put, and each subject's answer.
FACTS: dict[str, tuple[str, dict[str, str]]] = {
    "group": (
        "Which group of living things does {} belong to?",
        {
            **{"cat": "mammals", "dog": "mammals", "bird": "birds", "fish": "fish", "mushroom": "fungi"},
            **{"tree": "plants", "flower": "plants", "frog": "amphibians", "snake": "reptiles", "bee": "insects"},
        },
    ),
    "material": (
        "What is {} usually made of?",
        {
            **{"key": "metal", "book": "paper", "candle": "wax", "bottle": "glass", "chair": "wood", "brick": "clay"},
            **{"sweater": "wool", "tire": "rubber"},
        },
    ),
    "use": (
        "What is {} used for?",
        {
            **{"umbrella": "keeping dry", "clock": "telling the time", "lamp": "giving light", "cup": "drinking"},
            **{"bicycle": "riding", "boat": "crossing water", "key": "opening locks", "thermometer": "measuring heat"},
        },
    ),
    "energy": (
        "Which form of energy does {} mainly give off?",
        {"candle": "heat and light", "bell": "sound", "battery": "electricity", "moving car": "motion"},
    ),
    "state": (
        "Which state of matter is {} at room temperature?",
        {"water": "liquid", "iron": "solid", "air": "gas", "oil": "liquid", "wood": "solid", "helium": "gas"},
    ),
    "place": (
        "Where does {} live?",
        {"fish": "in water", "bird": "in a nest", "bee": "in a hive", "camel": "in the desert", "bear": "in a cave"},
    ),
}
SPARE = {"state": ("plasma",), "energy": ()}
SHOWN = (
    *("cat", "dog", "bird", "fish", "mushroom", "tree", "flower", "key", "book", "candle", "bottle", "chair"),
    *("umbrella", "clock", "lamp", "cup", "bicycle", "boat", "car", "sun"),
)
PLATE_COLOURS = ("red", "orange", "green", "blue", "purple", "brown", "teal")


def facts() -> list[tuple[str, str, str]]:
    """Every known fact: its question, its answer, and a sentence that states it."""
    return [
        (_ask(kind, subject), answer, _state(kind, subject, answer))
        for kind, (_, answers) in FACTS.items()
        for subject, answer in answers.items()
    ]


def draw_lesson(rng: random.Random) -> Item:
    """A school question; the picture matters in one of five."""
    things = rng.sample(SHOWN, 3)
    scene: dict[str, Any] = {
        "kind": "plate",
        "things": [[name, rng.choice(PLATE_COLOURS), rng.randint(44, 60), rng.randint(-6, 6)] for name in things],
        "paper": rng.randrange(3),
        "figure": rng.randint(1, 99),
    }
    if rng.random() < PICTURE_SHARE:
        return _ask_label(rng, scene, rng.randrange(3))
    kind = rng.choice(list(FACTS))
    return _ask_fact(rng, scene, kind, rng.choice(list(FACTS[kind][1])))


def ask_plate(rng: random.Random, scene: dict[str, Any]) -> list[Item]:
    """Every question about a plate's labels, and as many of knowledge."""
    drawn = rng.sample([(kind, subject) for kind, (_, answers) in FACTS.items() for subject in answers], 3)
    return [
        *(_ask_label(rng, scene, number) for number in range(3)),
        *(_ask_fact(rng, scene, kind, subject) for kind, subject in drawn),
    ]


def _describe(scene: dict[str, Any]) -> str:
    figures = ", ".join(f"{letter} is {a(row[1])} {row[0]}" for letter, row in zip("XYZ", scene["things"], strict=True))
    return f"A plate from a school book, figure {scene['figure']}, with three labelled pictures: {figures}."


def _ask_label(rng: random.Random, scene: dict[str, Any], number: int) -> Item:
    things = [row[0] for row in scene["things"]]
    label, subject = "XYZ"[number], things[number]
    pool = [thing for thing in SHOWN if thing not in things]
    choice = _shuffle(rng, subject, [*(t for t in things if t != subject)][:2] + rng.sample(pool, 1), 0.25)
    return Item(
        question=f"Which thing is labelled {label} in the figure?",
        scene=scene,
        description=_describe(scene),
        reasoning=f"The picture labelled {label} is {a(subject)}.",
        category="ScienceQA",
        focus="the labels and what they name",
        **choice.fields(),
    )


def _ask_fact(rng: random.Random, scene: dict[str, Any], kind: str, subject: str) -> Item:
    answers = FACTS[kind][1]
    texts = [*dict.fromkeys([*answers.values(), *SPARE.get(kind, ())])]
    answer = answers[subject]
    others = rng.sample([text for text in texts if text != answer], 3)
    choice = _shuffle(rng, answer, others, 1.0)
    return Item(
        question=_ask(kind, subject),
        scene=scene,
        description=_describe(scene),
        reasoning=_state(kind, subject, answer),
        category="ScienceQA",
        focus="the labelled pictures",
        **choice.fields(),
    )


def _shuffle(rng: random.Random, answer: str, others: list[str], known: float) -> Choice:
    texts = [answer, *others]
    rng.shuffle(texts)
    return Choice(answer, tuple(texts), answer if known == 1 else texts[0], known)


def _ask(kind: str, subject: str) -> str:
    return FACTS[kind][0].format(subject if kind == "state" else a(subject))


def _state(kind: str, subject: str, answer: str) -> str:
    sentences = {
        "group": f"{a(subject)} belongs to the {answer}.",
        "material": f"{a(subject)} is usually made of {answer}.",
        "use": f"{a(subject)} is used for {answer}.",
        "energy": f"{a(subject)} mainly gives off {answer}.",
        "state": f"at room temperature {subject} is a {answer}.",
        "place": f"{a(subject)} lives {answer}.",
    }
    return opened(sentences[kind])


def render_plate(scene: dict[str, Any]) -> Image.Image:
    """A plate from a school book, 224 pixels square: three pictures with labels."""
    paper = ((250, 246, 232), (240, 246, 250), (246, 240, 246))[scene["paper"]]
    canvas = Canvas(background=paper)
    canvas.rectangle(10, 10, 214, 214, shade(paper, -14), 6)
    canvas.rectangle(12, 12, 212, 212, paper, 5)
    places = ((64, 66), (160, 66), (112, 146))
    for label, (x, y), (name, colour, size, dx) in zip("XYZ", places, scene["things"], strict=True):
        draw_thing(canvas, name, x + dx, y, size, colour)
        canvas.disc(x + dx - 36, y - 32, 9, (52, 56, 66))
        write(canvas, label, x + dx - 36, y - 32, 9, "white")
    caption = f"FIG. {scene['figure']}"
    write(canvas, caption, 112, 200, fitting_height(caption, 90, 9), (90, 92, 100))
    return canvas.finish()
