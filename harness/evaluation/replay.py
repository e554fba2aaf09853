"""Questions: what a record must say of its document, made again from the task and its data.

Verification holds a stranger's records against this. No model is needed: prompts, pictures, targets and
scores come from the task's own functions, and a blind condition's stand-ins from the blindfold itself.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sightscale.harness.evaluation.load_tasks import load_tasks
from sightscale.harness.evaluation.manifest import describe_tasks
from sightscale.model_adapters.blindfold import Blindfold, PictureMemory
from sightscale.model_adapters.decoupled import Mode, reasoning_prompt
from sightscale.model_adapters.model_strings import parse_model
from sightscale.model_adapters.requests import Request, read_prompt
from sightscale.model_adapters.scripted import Scripted
from sightscale.tasks.boxes import tag_convention
from sightscale.tasks.instructions import split_instruction
from sightscale.tasks.mini import QUESTIONS
from sightscale.tasks.sources import DATA, DATA_ROOT, OPTIONS, reading
from sightscale.tasks.vocabulary import Kind

COPIED = ("item_id", "answer_format", "category", "l2_category", "order", "blind_probability", "truth_description")
PICTURES_IN_MEMORY = 64 * 2**20  # bytes, of one task: enough for all conditions of one document after the other


@dataclass(frozen=True)
class Said:
    """What a record keeps of a model's words: the raw response, its format, and a decoupled model's description."""

    response: str
    answer_format: str | None
    kind: str
    mode: Mode
    description: str


class TaskQuestions:
    """One task's documents, and what a record of each must say."""

    def __init__(self, name: str, task: Any, metric: str) -> None:
        self.name, self.metric = name, metric
        self._task = task
        self._split = str(task.config.test_split or task.config.validation_split)
        self._docs = task.dataset[self._split]
        pictures = [name for name, kind in self._docs.features.items() if type(kind).__name__ == "Image"]
        self._words = self._docs.remove_columns(pictures)  # scoring needs none, and decodes none
        self._pictures = PictureMemory(PICTURES_IN_MEMORY)
        self._blindfolds: dict[tuple[str, int], Blindfold] = {}

    def __len__(self) -> int:
        return len(self._docs)

    @property
    def details(self) -> dict[str, Any]:
        """What `describe_tasks` says of it now."""
        return describe_tasks({self.name: dict(self._task.dump_config())})[self.name]

    def score(self, number: int, said: Said) -> dict[str, Any]:
        """The columns that the task's own scorer gives a response to document `number`."""
        convention = (said.answer_format or "").partition(":")[2]
        response = tag_convention(said.response, convention) if convention else said.response
        result = self._task.process_results(self._words[number], [response])
        score = result[self.metric]
        found = {name: result.get(name) for name in COPIED}
        return found | {
            "item_id": str(result.get("item_id", number)),
            "options": result.get("options") or {},
            "target": self._task.doc_to_target(self._words[number]),
            "outcome": result.get("outcome"),
            "prediction": result.get("prediction"),
            "score": float(score["score"] if isinstance(score, Mapping) else score),
        }

    def show(self, number: int, condition: str, seed: int) -> tuple[str, str]:
        """The hashes of a document's own pictures, and of those that a condition shows: `image_hash`, `shown_hash`."""
        key = (condition, seed)
        if key not in self._blindfolds:
            self._blindfolds[key] = Blindfold(Scripted("coin"), condition, seed)  # it is never asked
            self._blindfolds[key].pictures = self._pictures
            self._blindfolds[key].task_dict[self.name] = {self._split: self._docs}
        blindfold, request = self._blindfolds[key], self._request(number)
        blindfold.blind(request)
        return ",".join(blindfold.picture_hashes[request.key]), ",".join(blindfold.shown_hashes[request.key])

    def prompt(self, number: int, said: Said) -> str:
        """The text of the prompt whose completion is the response."""
        text = read_prompt(self._task.doc_to_messages(self._docs[number])).text
        if said.kind != Kind.DECOUPLED:
            return text
        return reasoning_prompt(said.description, *_asked(text, said.mode))

    def _request(self, number: int) -> Request:
        read = self._task.doc_to_messages
        return Request(self.name, self._split, number, lambda other: read(self._docs[other]), {})


def _asked(text: str, mode: Mode) -> tuple[str, Mode, Any]:
    question, answer_format = split_instruction(text)
    return question, mode, answer_format


def read_questions(name: str, model: str) -> TaskQuestions:
    """The questions of one task of ours as `model` is asked them, from the data that are in force.

    Raises ValueError in one line when the data can't be had.
    """
    in_force = tuple(os.environ.get(name) for name in (DATA, DATA_ROOT, OPTIONS, QUESTIONS))
    return _read_questions(name, prompt_name(model), in_force)


def prompt_name(model: str) -> str:
    """The name under which task files hold a model's own prompts. Raises ValueError for what is no model string."""
    return parse_model(model).prompt_name


@lru_cache(maxsize=32)  # verifying many entries asks for the same tasks again
def _read_questions(name: str, prompt_name: str, in_force: tuple[str | None, ...]) -> TaskQuestions:
    manager, leaves = load_tasks((name,), prompt_name)
    return TaskQuestions(name, manager.load_task_or_group([name], task_type="chat")[name], leaves[name])


@contextmanager
def asking(data: str, data_root: Path | None, options: str, mini_questions: int | None) -> Iterator[None]:
    """Let questions that are read inside come from these data; `mini_questions` is how many a mini set has."""
    before = os.environ.get(QUESTIONS)
    if mini_questions is not None:
        os.environ[QUESTIONS] = str(mini_questions)
    try:
        with reading(data, data_root, options):
            yield
    finally:
        if mini_questions is not None:
            if before is None:
                del os.environ[QUESTIONS]
            else:
                os.environ[QUESTIONS] = before
