"""Triplets, in the spirit of NIGHTS and PieAPP: a reference and two changed copies, one of them changed less.

What people would say follows from the known strengths: the larger the difference, the more of them agree. NIGHTS'
changes are of what is shown (a thing's colour, shape, place), PieAPP's of the picture (blur, mosaic, dark, grain).
"""

import hashlib
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageFilter

from sightscale.tasks.mini.drawing import COLOUR_NAMES, SHAPE_NAMES, Thing, describe_things, draw_things, scene_of
from sightscale.tasks.mini.items import Item
from sightscale.tasks.mini.rendering import render

# Share of people who see through a difference of so many steps of strength.
AGREEMENT = {1: 0.75, 2: 0.9, 3: 1.0, 4: 1.0, 5: 1.0}
DISTORTIONS = ("blur", "mosaic", "dark", "grain")
VOTES = 10


def draw_night(rng: random.Random) -> Item:
    """A scene and two copies of it, in which different numbers of things were changed."""
    things = draw_things(rng, rng.randint(5, 7))
    weak, strong = sorted(rng.sample(range(1, 6), 2))
    right_weaker = rng.random() < 0.5
    left, right = (strong, weak) if right_weaker else (weak, strong)
    ground = rng.choice(("paper", "sky", "meadow", "sand"))
    scene = {
        "kind": "triplet",
        "reference": scene_of(things, ground),
        "left": scene_of(_change(rng, things, left), ground),
        "right": scene_of(_change(rng, things, right), ground),
    }
    return _item(scene, strong - weak, right_weaker, describe_things(things), f"{left} and {right} things changed")


def draw_distortion(rng: random.Random) -> Item:
    """A scene and two copies of it, distorted in different strength."""
    things = draw_things(rng, rng.randint(4, 7))
    weak, strong = sorted(rng.sample(range(1, 6), 2))
    right_weaker = rng.random() < 0.5
    left, right = (strong, weak) if right_weaker else (weak, strong)
    reference = scene_of(things, rng.choice(("paper", "sky", "meadow", "sand")))
    how = rng.choice(DISTORTIONS)
    scene = {
        "kind": "triplet",
        "reference": reference,
        "left": {"kind": "distorted", "of": reference, "how": how, "strength": left},
        "right": {"kind": "distorted", "of": reference, "how": how, "strength": right},
    }
    return _item(scene, strong - weak, right_weaker, describe_things(things), f"{how} of strength {left} and {right}")


def _change(rng: random.Random, things: list[Thing], count: int) -> list[Thing]:
    changed = list(things)
    for at in rng.sample(range(len(things)), min(count, len(things))):
        thing = changed[at]
        part, pool = rng.choice((("colour", COLOUR_NAMES), ("shape", SHAPE_NAMES)))
        value = rng.choice([other for other in pool if other != getattr(thing, part)])
        changed[at] = replace(thing, colour=value) if part == "colour" else replace(thing, shape=value)
    return changed


def _item(scene: dict[str, Any], steps: int, right_weaker: bool, description: str, how: str) -> Item:
    agree = AGREEMENT[steps]
    return Item(
        question="Is Image A or Image B more similar to the reference?",
        answer="right" if right_weaker else "left",
        scene=scene,
        description=f"The reference: {description} Left and right differ from it: {how}.",
        reasoning=f"The {'right' if right_weaker else 'left'} picture is changed less.",
        category="similarity",
        focus="the objects, their colors and the sharpness",
        blind_answer="left",
        blind_probability=0.5,
        extra={"p_right": agree if right_weaker else round(1 - agree, 2), "votes": VOTES},
    )


def render_distorted(scene: dict[str, Any]) -> Image.Image:
    """A scene's picture, distorted in whole numbers."""
    picture, strength = render(scene["of"]), scene["strength"]
    if scene["how"] == "blur":
        return picture.filter(ImageFilter.BoxBlur(2 * strength))
    if scene["how"] == "mosaic":
        block = 2 + 2 * strength
        return picture.reduce(block).resize(picture.size, Image.Resampling.NEAREST)
    if scene["how"] == "dark":
        return picture.point([value * (8 - strength) // 8 for value in range(256)] * 3)
    size = picture.size
    grain = b"".join(
        hashlib.sha256(f"grain:{number}".encode()).digest() for number in range(size[0] * size[1] // 32 + 1)
    )[: size[0] * size[1]]
    noise = Image.frombytes("L", size, grain).point([value * strength * 20 // 255 for value in range(256)])
    return ImageChops.subtract(picture, Image.merge("RGB", (noise, noise, noise)))


def write_nights(folder: Path, items: list[Item]) -> None:
    """Items as NIGHTS is released: data.csv, ref/ and distort/."""
    lines = ["id,prompt,right_vote,left_vote,ref_path,left_path,right_path,votes,split,is_imagenet"]
    for number, item in enumerate(items):
        paths = (f"ref/000/{number:03d}.png", f"distort/000/{number:03d}_0.png", f"distort/000/{number:03d}_1.png")
        for path, which in zip(paths, ("reference", "left", "right"), strict=True):
            _save(folder / path, item.scene[which])
        p = item.extra["p_right"]
        lines.append(f"{number},mini,{p},{round(1 - p, 2)},{','.join(paths)},{item.extra['votes']},test,False")
    (folder / "data.csv").write_text("\n".join(lines) + "\n")


def write_pieapp(folder: Path, items: list[Item]) -> None:
    """Items as PieAPP is released: labels/, reference_images/ and distorted_images/, a reference an item."""
    for number, item in enumerate(items):
        name = f"ref_{number + 161}"
        _save(folder / "reference_images" / "test" / f"{name}.png", item.scene["reference"])
        for which in ("left", "right"):
            _save(folder / "distorted_images" / "test" / name / f"distort_{which}.png", item.scene[which])
        table = folder / "labels" / "test" / f"{name}_pairwise_labels.csv"
        table.parent.mkdir(parents=True, exist_ok=True)
        share = round(1 - item.extra["p_right"], 2)
        table.write_text(
            f"ref image, image A, image B, preference for A\n{name}.png,distort_left.png,distort_right.png,{share}\n"
        )


def _save(path: Path, scene: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    render(scene).save(path)
