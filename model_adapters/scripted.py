"""Scripted models: answers by rule from a document's known truth, to check what a measurement says of them.

They answer documents of the mini suite, which tell their own truth. `oracle` answers right when it is shown the
document's own pictures, else as the prior-only guesser; `prior` always gives the best guess without looking;
`coin` picks an option by a seeded coin; `reader` answers right as long as a dose leaves it the detail that it needs.
What each must score, sighted, blind and at each dose, is known.
"""

import json
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from sightscale.model_adapters.adapter import Adapter, Trace
from sightscale.model_adapters.requests import Request, TextDocuments, read_prompt
from sightscale.model_adapters.truth import sees_its_pictures
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Degradation

RULES = ("oracle", "prior", "coin", "reader")
SPREAD = 0.35  # of the logarithm of the detail that a reader needs, over questions


class Scripted(Adapter):
    """`scripted:oracle`, `scripted:prior`, `scripted:coin[,seed=N]`, `scripted:reader,acuity=32[,seed=N]`."""

    def __init__(
        self,
        rule: str,
        seed: int = 0,
        batch_size: int | str = 1,
        store: str | None = None,
        acuity: float = 32.0,
    ) -> None:
        """A reader's `acuity` is the amount of a dose at which it still reads half of the questions.

        Raises UserError for an unknown rule. `batch_size` and `store` change nothing: there is nothing to keep.
        """
        if rule not in RULES:
            raise UserError(f"unknown scripted model {rule!r}; known: {', '.join(RULES)}")
        super().__init__(rule)
        self.rule, self.seed, self.acuity = rule, int(seed), float(acuity)
        if not 0 < self.acuity < float("inf"):
            raise UserError(f"acuity {acuity} must be a number above 0")
        self._documents = TextDocuments()

    @property
    def identity(self) -> str:
        acuity = f"; acuity {self.acuity:g}" if self.rule == "reader" else ""
        return f"scripted({self.rule}; seed {self.seed}{acuity})"

    @property
    def parts(self) -> dict[str, tuple[str, int | None]]:
        return {"model": (f"scripted:{self.rule}", 0)}

    def answer(self, requests: Sequence[Request], condition: str = "") -> list[Trace]:
        return [self._trace(request, condition) for request in requests]

    def _trace(self, request: Request, condition: str) -> Trace:
        documents = self.task_dict[request.task][request.split]
        doc = self._documents.read(request.task, documents, request.doc_id)
        if "blind_probability" not in doc:
            return Trace("", error="a scripted model answers documents of the mini suite only (--data mini)")
        try:
            prompt = read_prompt(request.read(request.doc_id))
        except Exception as error:  # a bad document costs itself only, whatever its fault is
            return Trace("", error=f"cannot read document {request.doc_id}: {type(error).__name__}: {error}")
        # Without a picture in the prompt there is none to compare, and decoding one takes longer than all else here.
        sees = bool(prompt.images) and sees_its_pictures(documents[request.doc_id], prompt)
        rng = random.Random(f"{self.seed}:{request.task}:{request.doc_id}")
        if self.rule == "reader":
            response = _right(doc) if sees or self._reads(condition, rng) else _guess(doc)
        elif self.rule == "coin":
            response = rng.choice(_letters(doc))
        else:
            response = _right(doc) if self.rule == "oracle" and sees else _guess(doc)
        return Trace(response, prompt=prompt.text, finish_reason="stop")

    def _reads(self, condition: str, rng: random.Random) -> bool:
        """Whether a dose leaves the detail that this question needs, which is spread around the acuity."""
        name, _, amount = condition.partition(":")
        if not amount:
            return False  # not a dose: its pictures are others
        needed = self.acuity * math.exp(rng.gauss(0, SPREAD))
        return float(amount) >= needed if name == Degradation.DOWNSCALE else float(amount) <= needed


def _letters(doc: Mapping[str, Any]) -> list[str]:
    letters = [letter for letter in "ABCDE" if doc.get(letter) is not None]
    return letters or (["A", "B"] if "p_right" in doc else list("ABCD"))


def _right(doc: Mapping[str, Any]) -> str:
    if "p_right" in doc:
        likes_left = doc["p_right"] < 0.5
        return "A" if likes_left == (doc["order"] == "AB") else "B"
    if "target" in doc:  # a box
        return json.dumps(json.loads(doc["target"])["box"])
    if "names" in doc:
        return str(json.loads(doc["names"])[0])
    if "choices" in doc:  # ScienceQA's answer is a number
        return "ABCDE"[doc["answer"]]
    return str(doc["answer"] if "answer" in doc else _first_answer(doc))


def _first_answer(doc: Mapping[str, Any]) -> str:
    """Of the answers that people gave, which are all one in the mini suite."""
    first = doc["answers"][0]
    return str(first["answer"] if isinstance(first, Mapping) else first)


def _guess(doc: Mapping[str, Any]) -> str:
    if "p_right" in doc:
        return "A"
    return str(doc["blind_answer"])
