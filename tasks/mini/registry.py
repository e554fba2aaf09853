"""The mini suite: every task's data in miniature, drawn by code from a seed in exactly the hub's schemas.

A set's items are functions of its name, the split, a seed and a number; train and test share no scene,
since a scene's own content decides where it belongs.
"""

import hashlib
import os
import random
import shutil
import uuid
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sightscale.tasks.errors import UserError
from sightscale.tasks.mini.items import Item, Split, scene_key, split_of

QUESTIONS = "SIGHTSCALE_MINI_QUESTIONS"  # how many a set has, where not the default
DEFAULT_QUESTIONS = 300
KEPT = 100  # questions from which a set is kept on disk: drawing it takes longer than reading it
REVISION = "mini@1"  # goes up whenever a picture or a question changes

# What draws one item of a set, and what turns items into the rows of the hub's schema.
SETS = {
    "in_domain/OCRVQA": ("sets.ocrvqa:draw_cover", "rows:multiple_choice_rows"),
    "in_domain/TextVQA": ("sets.textvqa:draw_street", "rows:multiple_choice_rows"),
    "in_domain/ScienceQA": ("sets.scienceqa:draw_lesson", "rows:multiple_choice_rows"),
    "in_domain/VQAv2": ("sets.vqav2:draw_yard", "rows:multiple_choice_rows"),
    "in_domain/GQA": ("sets.gqa:draw_relation", "rows:multiple_choice_rows"),
    "in_domain/VizWiz": ("sets.vizwiz:draw_product", "rows:multiple_choice_rows"),
    "mmstar/coarse perception": ("sets.mmstar:draw_coarse", "rows:mmstar_rows"),
    "mmstar/fine-grained perception": ("sets.mmstar:draw_fine", "rows:mmstar_rows"),
    "mmstar/instance reasoning": ("sets.mmstar:draw_instance", "rows:mmstar_rows"),
    "mmstar/logical reasoning": ("sets.mmstar:draw_logical", "rows:mmstar_rows"),
    "mmstar/math": ("sets.mmstar:draw_math", "rows:mmstar_rows"),
    "mmstar/science & technology": ("sets.mmstar:draw_science", "rows:mmstar_rows"),
    "mmstar": ("", "rows:all_mmstar_rows"),
    **{
        f"refcoco/{split}": ("sets.refcoco:draw_refcoco", "rows:refcoco_rows")
        for split in ("val", "test", "testA", "testB")
    },
    **{
        f"refcoco_plus/{split}": ("sets.refcoco:draw_refcoco_plus", "rows:refcoco_rows")
        for split in ("val", "testA", "testB")
    },
    **{f"refcocog/{split}": ("sets.refcoco:draw_refcocog", "rows:refcoco_rows") for split in ("val", "test")},
    "imagenet": ("sets.imagenet:draw_class", "rows:imagenet_rows"),
    "nights": ("sets.similarity:draw_night", "rows:triplet_rows"),
    "pieapp": ("sets.similarity:draw_distortion", "rows:triplet_rows"),
    "interleave/spot_the_difference": ("sets.multi_image:draw_difference", "rows:interleave_rows"),
    "interleave/image_edit": ("sets.multi_image:draw_edit", "rows:interleave_rows"),
    "interleave/story_telling": ("sets.multi_image:draw_story", "rows:interleave_rows"),
    "interleave/text_rich": ("sets.multi_image:draw_pages", "rows:interleave_rows"),
    "interleave/multi_image_vqa": ("sets.multi_image:draw_common", "rows:interleave_rows"),
    "interleave/puzzle": ("sets.multi_image:draw_puzzle", "rows:interleave_rows"),
    **{
        f"open/{name}": (f"sets.open_questions:draw_{name.lower()}", "rows:open_rows")
        for name in ("OCRVQA", "TextVQA", "ScienceQA", "VQAv2", "GQA", "VizWiz")
    },
}

# What draws one item of a set that is for training alone, and that no task reads.
DRILLS = {"drill/few": "sets.drills:draw_few"}
# What asks every question that a set could ask about a scene of its own.
ASKED = {
    "in_domain/OCRVQA": "sets.ocrvqa:ask_cover",
    "in_domain/TextVQA": "sets.textvqa:ask_street",
    "in_domain/ScienceQA": "sets.scienceqa:ask_plate",
    "in_domain/VQAv2": "sets.vqav2:ask_yard",
    "in_domain/GQA": "sets.gqa:ask_relations",
    "in_domain/VizWiz": "sets.vizwiz:ask_product",
    **{name: "sets.refcoco:ask_phrases" for name in (*SETS, *DRILLS) if name.startswith(("refcoco", "drill"))},
}


def ask_items(name: str, item: Item, rng: random.Random) -> list[Item]:
    """The questions that a set asks about the scene of one of its items: all it could ask, or that item's alone."""
    if name not in ASKED:
        return [item]
    items: list[Item] = _load(ASKED[name])(rng, item.scene)
    return items or [item]


def draw_item(name: str, split: Split, seed: int, number: int) -> Item:
    """One item of a set, the same on every machine. Raises UserError for an unknown set."""
    draw = _load(DRILLS[name]) if name in DRILLS else _named(name, 0)
    rng = random.Random(f"{name}:{split}:{seed}:{number}")
    while True:
        item: Item = draw(rng)
        if split_of(item.scene) == split:
            return item


def iterate_items(name: str, split: Split, n: int, seed: int = 0) -> Iterator[Item]:
    """`n` items of a set, no two with the same scene and question."""
    seen: set[tuple[str, str]] = set()
    number = 0
    while len(seen) < n:
        item = draw_item(name, split, seed, number)
        number += 1
        key = (scene_key(item.scene), item.question)
        if key not in seen:
            seen.add(key)
            yield item
        elif number > 20 * n + 1000:
            raise ValueError(f"the mini set {name} has no {n} different questions")


def count_questions() -> int:
    """How many questions a set has where nobody says: what the environment says, else the default.

    Raises UserError when the environment holds no whole number above zero.
    """
    text = os.environ.get(QUESTIONS) or str(DEFAULT_QUESTIONS)
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"{QUESTIONS} is {text!r}, not a whole number above zero")
    return int(text)


def build_rows(name: str, split: Split = "test", n: int | None = None, seed: int = 0) -> Any:
    """A set's rows as a `datasets.Dataset` in the hub's schema, with what is known of each answer besides.

    The columns beyond the hub's are `blind_answer`, `blind_probability` and `truth_description`. Raises
    ValueError for an unknown set.
    """
    if n is None:
        n = count_questions()
    return _build(name, split, n, seed)


@lru_cache(maxsize=64)  # a run loads its tasks anew for every condition
def _build(name: str, split: Split, n: int, seed: int) -> Any:
    make = _named(name, 1)
    if n < KEPT:
        return make(name, split, n, seed)
    return _keep_on_disk(f"{name}:{split}:{n}:{seed}", lambda: make(name, split, n, seed))


def _keep_on_disk(what: str, make: Callable[[], Any]) -> Any:
    """A large set, which takes minutes to draw, as it was drawn before; it lies where the hub's client keeps data sets.

    Its folder's name holds a hash of this package's source, so what is drawn otherwise is drawn anew.
    """
    import datasets

    name = hashlib.sha256(f"{what}:{_hash_source()}".encode()).hexdigest()[:32]
    folder = Path(datasets.config.HF_DATASETS_CACHE) / "sightscale_mini" / name
    if folder.is_dir():
        return datasets.load_from_disk(str(folder))
    rows = make()
    partial = folder.with_name(f"{name}-{uuid.uuid4().hex}.partial")
    try:
        rows.save_to_disk(str(partial))
        partial.rename(folder)  # whole or not at all; another process may have been first
    except OSError:  # a disk that is full or may not be written to costs the next run its drawing
        shutil.rmtree(partial, ignore_errors=True)
    return rows


@cache
def _hash_source() -> str:
    """SHA-256 over everything that decides what is drawn: this package's source, and the library that draws."""
    digest = hashlib.sha256(f"{version('pillow')} {version('datasets')}".encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _named(name: str, which: int) -> Any:
    if name not in SETS:
        raise UserError(f"unknown mini set {name!r}; known: {', '.join(SETS)}")
    return _load(SETS[name][which])


def _load(where: str) -> Any:
    module, function = where.split(":")
    return getattr(import_module(f"sightscale.tasks.mini.{module}"), function)
