"""The questions of a look: those of one or more tasks, taken in turn and in a seeded random order, asked and scored.

They go the way that they go in a run: the task's own prompt, the blindfold, the task's own scorer.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from sightscale.harness.evaluation import (
    LENGTH,
    Answer,
    asking,
    load_tasks,
    order_documents,
    prompt_name,
    read_questions,
)
from sightscale.model_adapters.adapter import Trace, as_response
from sightscale.model_adapters.blindfold import PICTURES_IN_MEMORY, Blindfold, PictureMemory, parse_conditions
from sightscale.model_adapters.end_to_end import EndToEnd
from sightscale.model_adapters.engines import Engine
from sightscale.tasks.catalogue import list_tasks
from sightscale.tasks.errors import UserError
from sightscale.tasks.pictures import broken_later
from sightscale.tasks.vocabulary import BLIND_CONDITIONS, Condition, Kind, Mode, Outcome


class Questions:
    """Questions in the order in which each look asks them. Of several on one picture only the first ones count."""

    def __init__(
        self,
        tasks: Sequence[str],
        data: str,
        *,
        data_root: Path | None = None,
        task_folders: Sequence[str] = (),
        condition: str = Condition.NONE,
        seed: int = 0,
    ) -> None:
        """Raises UserError for a task or data that can't be had, and for a condition that isn't blind."""
        self.condition = str(next(iter(parse_conditions(condition)), ""))
        if self.condition not in BLIND_CONDITIONS:
            raise UserError(f"condition {condition!r} hides no picture; choose {', '.join(BLIND_CONDITIONS)}")
        self.seed = seed
        self._data = (data, data_root, "", None)
        self._pictures = PictureMemory(PICTURES_IN_MEMORY)
        with asking(*self._data):
            _, leaves = load_tasks(tuple(tasks), prompt_name("model"), tuple(task_folders))
            ours = {card.name: card for card in list_tasks()}
            self._formats = {name: ours[name].answer_format if name in ours else "" for name in leaves}
            self._tasks = {
                name: read_questions(name, "model", None if name in ours else tuple(task_folders)) for name in leaves
            }
        orders = [[(name, n) for n in order_documents(name, len(task), seed)] for name, task in self._tasks.items()]
        longest = max(len(order) for order in orders)
        self.order = [order[k] for k in range(longest) for order in orders if k < len(order)]

    def __len__(self) -> int:
        return len(self.order)

    def ask(self, engine: Engine, start: int, end: int) -> pd.DataFrame:
        """The questions from `start` to `end` sighted and blind: a row for each answer.

        `doc_id` is the place in the order of all; `document` the number in the task. A failed answer has no score.
        """
        with asking(*self._data), broken_later():
            rows = [
                row
                for condition in (str(Condition.SIGHTED), self.condition)
                for row in self._ask(engine, condition, start, end)
            ]
        return pd.DataFrame(rows)

    def _ask(self, engine: Engine, condition: str, start: int, end: int) -> list[dict[str, Any]]:
        blindfold = Blindfold(_Quiet("model", engine=engine), condition, self.seed, pictures=self._pictures)
        asked = self.order[start:end]
        requests = [self._tasks[name].ask_of(blindfold, number) for name, number in asked]
        traces = blindfold.answer(requests)
        return [
            self._score(start + i, name, number, condition, trace)
            for i, ((name, number), trace) in enumerate(zip(asked, traces, strict=True))
        ]

    def _score(self, place: int, name: str, number: int, condition: str, trace: Trace) -> dict[str, Any]:
        row: dict[str, Any] = {
            "doc_id": place,
            "task": name,
            "document": number,
            "condition": condition,
            "response": trace.response,
            "error": trace.error,
        }
        if trace.error is not None:
            cluster = trace.image_hashes[0] if trace.image_hashes else f"{name}:{number}"
            return row | {
                "item_id": str(number),
                "prediction": None,
                "outcome": str(Outcome.FAILED),
                "score": None,
                "cluster": cluster,
            }
        answer = Answer(as_response(trace), None, str(Kind.END_TO_END), Mode.DIRECT, "", trace.finish_reason == LENGTH)
        scored = self._tasks[name].score(number, answer)
        cut = answer.truncated and bool(self._formats[name])
        return row | {
            "item_id": scored["item_id"],
            "prediction": scored["prediction"],
            "outcome": str(scored["outcome"] or Outcome.ANSWERED),
            "score": 0.0 if cut else scored["score"],
            "cluster": scored["cluster"] or (trace.image_hashes[0] if trace.image_hashes else f"{name}:{number}"),
        }


class _Quiet(EndToEnd):
    """Without a progress bar, which would break a training's own."""

    def progress(self, what: str, total: int, condition: str = "") -> "tqdm[Any]":
        return tqdm(disable=True)
