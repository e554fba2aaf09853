"""Replay: what a record must say about its document, computed again from the task and its data.

Verification compares a stranger's records with this. No model is needed: prompts, pictures, targets and scores come
from the task's own functions, and a blind condition's stand-ins from the blindfold.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightscale.harness.evaluation.load_tasks import load_own_task, load_tasks
from sightscale.harness.evaluation.manifest import describe_tasks
from sightscale.tasks.boxes import tag_convention
from sightscale.tasks.instructions import split_instruction
from sightscale.tasks.vocabulary import Condition, Kind, Mode, Outcome

if TYPE_CHECKING:
    from sightscale.model_adapters.blindfold import Blindfold
    from sightscale.model_adapters.engines import Prompt
    from sightscale.model_adapters.requests import Request
    from sightscale.tasks.sources import DataChoice

COPIED = ("item_id", "answer_format", "category", "l2_category", "order", "blind_probability", "truth_description")
PICTURES_IN_MEMORY = 64 * 2**20  # bytes, of one task: enough for all conditions of one document after the other


@dataclass(frozen=True)
class Answer:
    """An answer as a record keeps it: the raw response, its format, and a decoupled model's description.

    A `truncated` response reached its token limit.
    """

    response: str
    answer_format: str | None
    kind: str
    mode: Mode
    description: str
    truncated: bool = False


class TaskQuestions:
    """A task's documents, and what the record of each must say."""

    def __init__(self, name: str, task: Any, metric: str) -> None:
        from sightscale.model_adapters.blindfold import PictureMemory

        self.name, self.metric = name, metric
        self._task = task
        self._split = str(task.config.test_split or task.config.validation_split)
        self._docs = task.dataset[self._split]
        pictures = [name for name, kind in self._docs.features.items() if type(kind).__name__ == "Image"]
        self._words = self._docs.remove_columns(pictures)  # scoring needs none, and decodes none
        self._pictures = PictureMemory(PICTURES_IN_MEMORY)
        self._blindfolds: dict[tuple[str, int], Blindfold] = {}
        # What many entries are held against is made once: texts and hashes alone, no pictures.
        self._shown: dict[tuple[int, str, int], dict[str, str]] = {}
        self._texts: dict[tuple[int, str], str] = {}
        self._last_words: tuple[int, dict[str, Any]] | None = None
        self._last: tuple[int, Request] | None = None

    def __len__(self) -> int:
        return len(self._docs)

    def _read_words(self, number: int) -> dict[str, Any]:
        """A document without its pictures, a copy that a task may change."""
        if self._last_words is None or self._last_words[0] != number:
            self._last_words = number, self._words[number]
        return dict(self._last_words[1])

    def forget_pictures(self) -> None:
        """Free the pictures in memory; hashes and texts stay."""
        from sightscale.model_adapters.blindfold import PictureMemory

        self._pictures, self._last = PictureMemory(PICTURES_IN_MEMORY), None
        self._blindfolds.clear()

    @property
    def details(self) -> dict[str, Any]:
        """What `describe_tasks` says about the task now."""
        return dict(describe_tasks({self.name: dict(self._task.dump_config())})[self.name])

    def score(self, number: int, answer: Answer) -> dict[str, Any]:
        """The columns that the task's own scorer gives a response to document `number`.

        `cluster` is None where the question's picture is its cluster.
        """
        convention = (answer.answer_format or "").partition(":")[2]
        response = tag_convention(answer.response, convention) if convention else answer.response
        result = self._task.process_results(self._read_words(number), [response])
        score = result[self.metric]
        copied = {name: result.get(name) for name in COPIED}
        if answer.truncated:
            cut = {"outcome": Outcome.TRUNCATED, "prediction": None}
            result = result | cut | ({self.metric: 0.0} if answer.answer_format else {})
            score = result[self.metric]
        return copied | {
            "item_id": str(result.get("item_id", number)),
            "options": result.get("options") or {},
            "target": self._task.doc_to_target(self._read_words(number)),
            "outcome": result.get("outcome"),
            "prediction": result.get("prediction"),
            "cluster": result.get("cluster"),
            "score": float(score["score"] if isinstance(score, Mapping) else score),
        }

    def show(self, number: int, condition: str, seed: int) -> dict[str, str]:
        """A record's hashes: `document_hash` and `image_hash` of a document, `shown_hash` of what a condition shows."""
        key = (number, str(condition), seed)
        if key not in self._shown:
            self._shown[key] = self._show(number, condition, seed)
        return self._shown[key]

    def _show(self, number: int, condition: str, seed: int) -> dict[str, str]:
        from sightscale.model_adapters.blindfold import Blindfold
        from sightscale.model_adapters.scripted import Scripted

        key = (condition, seed)
        if key not in self._blindfolds:
            # The model inside is never asked.
            self._blindfolds[key] = Blindfold(Scripted("coin"), condition, seed, pictures=self._pictures)
            self._blindfolds[key].task_dict[self.name] = {self._split: self._docs}
        _, hashes = self._blindfolds[key].blind(self._request(number))
        return {
            "document_hash": hashes.document_hash or "",
            "image_hash": ",".join(hashes.image_hashes),
            "shown_hash": ",".join(hashes.shown_hashes),
        }

    def focus(self, number: int) -> str | None:
        """The focus that the data give for a document, if they do."""
        return self._read_words(number).get("focus") or None

    def text(self, number: int) -> str:
        """A document's prompt without its pictures, as the task writes it."""
        return str(self._task.doc_to_text(self._read_words(number)))

    def ask(self, number: int, condition: str = Condition.SIGHTED) -> "Prompt":
        """The prompt of a document, with its own pictures, as a model is asked it end to end."""
        from sightscale.model_adapters.blindfold import reword
        from sightscale.model_adapters.requests import read_messages, read_prompt

        return read_prompt(reword(read_messages(self._request(number).read(number)), condition))

    def prompt(self, number: int, answer: Answer, condition: str = Condition.SIGHTED) -> str:
        """The text of the prompt whose completion is the response."""
        from sightscale.model_adapters.decoupled import reasoning_prompt

        key = (number, str(condition))
        if key not in self._texts:
            self._texts[key] = self.ask(number, condition).text
        text = self._texts[key]
        if answer.kind != Kind.DECOUPLED:
            return text
        return reasoning_prompt(answer.description, *_asked(text, answer.mode))

    def ask_of(self, model: Any, number: int) -> "Request":
        """The request for a document as lmms-eval makes it of `model`, which may look the task's documents up."""
        from sightscale.model_adapters.requests import make_request

        model.task_dict[self.name] = {self._split: self._docs}
        generation = self._task.config.generation_kwargs or {}
        return make_request(self.name, self._split, number, self._docs, self._task.doc_to_messages, generation)

    def _request(self, number: int) -> "Request":
        """The request for a document, whose pictures are decoded once for all conditions that follow each other."""
        from sightscale.model_adapters.requests import make_request

        if self._last is None or self._last[0] != number:
            request = make_request(self.name, self._split, number, self._docs, self._task.doc_to_messages, {})
            self._last = number, replace(request, read=lru_cache(maxsize=1)(request.read))
        return self._last[1]


def _asked(text: str, mode: Mode) -> tuple[str, Mode, Any]:
    question, answer_format = split_instruction(text)
    return question, mode, answer_format


def read_questions(name: str, model: str, folders: tuple[str, ...] | None = None) -> TaskQuestions:
    """The questions of one task as `model` is asked them, from the current data.

    It is one of our tasks; with `folders`, also one of these or of lmms-eval's own.

    Raises UserError if the data can't be read.
    """
    from sightscale.tasks.sources import chosen

    return _read_questions(name, prompt_name(model), folders, chosen())


def prompt_name(model: str) -> str:
    """The name under which task files hold a model's own prompts. Raises UserError for an invalid model string."""
    from sightscale.model_adapters.model_strings import parse_model

    return parse_model(model).prompt_name


@lru_cache(maxsize=32)  # verifying many entries asks for the same tasks again
def _read_questions(
    name: str, prompt_name: str, folders: tuple[str, ...] | None, choice: "DataChoice"
) -> TaskQuestions:
    """`choice` is in force already; it tells one data set's questions from another's."""
    if folders is None:
        task, loaded = load_own_task(name, prompt_name)
        return TaskQuestions(name, task, loaded.metrics[0].name)
    manager, leaves = load_tasks((name,), prompt_name, folders)
    return TaskQuestions(name, manager.load_task_or_group([name], task_type="chat")[name], leaves[name].metrics[0].name)


@contextmanager
def asking(data: str, data_root: Path | None, options: str, mini_questions: int | None) -> Iterator[None]:
    """Let questions that are read inside come from these data; `mini_questions` is how many a mini set has."""
    from sightscale.tasks.sources import reading

    with reading(data, data_root, options, mini_questions):
        yield
