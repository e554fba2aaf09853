"""The in-domain sets' questions without options, as VQAv2, VizWiz, TextVQA, GQA and OCR-VQA themselves ask them.

The scenes and questions are those of the multiple-choice sets; what is known blind is another, since no options are
shown: the likeliest answer to the question's words, and how often it is right.
"""

import random
from collections.abc import Mapping
from dataclasses import replace

from sightscale.tasks.mini.drawing import COLOUR_NAMES, SHAPE_NAMES
from sightscale.tasks.mini.items import Item
from sightscale.tasks.mini.sets import gqa, ocrvqa, scienceqa, textvqa, vizwiz, vqav2

PRICES = tuple(f"${whole}.{part}" for whole in range(1, 10) for part in ("00", "20", "50", "75", "90"))


def draw_ocrvqa(rng: random.Random) -> Item:
    """A question about a book cover."""
    return open_item(ocrvqa.draw_cover(rng))


def draw_textvqa(rng: random.Random) -> Item:
    """A question about a street."""
    return open_item(textvqa.draw_street(rng))


def draw_scienceqa(rng: random.Random) -> Item:
    """A school question, which keeps its options, as ScienceQA does."""
    return scienceqa.draw_lesson(rng)


def draw_vqav2(rng: random.Random) -> Item:
    """A question about a yard."""
    return open_item(vqav2.draw_yard(rng))


def draw_gqa(rng: random.Random) -> Item:
    """A question about a relation."""
    return open_item(gqa.draw_relation(rng))


def draw_vizwiz(rng: random.Random) -> Item:
    """A question about a product."""
    return open_item(vizwiz.draw_product(rng))


def open_item(item: Item) -> Item:
    """A multiple-choice item of these sets, asked without its options."""
    prior = _prior(item)
    best = max(prior, key=lambda answer: (prior[answer], answer))
    return replace(item, options=(), blind_answer=best, blind_probability=prior[best] / sum(prior.values()))


def _prior(item: Item) -> Mapping[str, float]:
    """What is known of the answer from the question's words alone: each answer's weight."""
    question = item.question
    if item.category == "VizWiz":
        pool = next(pool for name, pool in vizwiz.POOLS.items() if vizwiz.ASKED[name] == question)
        rest = dict.fromkeys(pool, (1 - vizwiz.UNANSWERABLE_SHARE) / len(pool))
        return {vizwiz.UNANSWERABLE: vizwiz.UNANSWERABLE_SHARE, **rest}
    if item.category == "VQAv2":
        return next(prior for asked, prior, _ in vqav2.QUESTIONS.values() if asked == question)
    if item.category == "GQA":
        return dict.fromkeys(SHAPE_NAMES if question.startswith("What shape") else COLOUR_NAMES, 1.0)
    if item.category == "TextVQA":
        if question.startswith("What word"):
            return dict.fromkeys(textvqa.WORDS, 1.0)
        return dict.fromkeys(textvqa.SIGN_COLOURS if question.startswith("What color") else PRICES, 1.0)
    if item.category != "OCRVQA":
        raise ValueError(f"a question of {item.category or 'no category'} isn't asked without options")
    asked = next(name for name, (words, _) in ocrvqa.QUESTIONS.items() if words == question)
    if asked == "genre":
        return {name: prior for name, (prior, _, _) in ocrvqa.GENRES.items()}
    return dict.fromkeys({"title": ocrvqa.TITLES, "author": ocrvqa.AUTHORS, "year": ocrvqa.YEARS}[asked], 1.0)
