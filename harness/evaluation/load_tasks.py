"""Task names: which tasks a name stands for, loaded with their data."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightscale.harness.evaluation.question_scores import Metric
from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.errors import UserError, first_line
from sightscale.tasks.vocabulary import AnswerFormat, DataOrigin

if TYPE_CHECKING:
    from lmms_eval.tasks import TaskManager


@dataclass(frozen=True)
class LoadedTask:
    """A single task: its metrics, the main one first, its documents, and its own scorer, if it has one.

    `score` takes a document and a list of one answer.
    """

    metrics: tuple[Metric, ...]
    documents: Any
    score: Callable[..., Mapping[str, Any]] | None = None


def check_choices(leaves: Mapping[str, LoadedTask], folders: Sequence[str] = ()) -> None:
    """Raise UserError for a task that isn't multiple choice, because its options can't be scored.

    The files of our tasks and of those in `folders` say so; lmms-eval's own don't.
    """
    from sightscale.tasks.catalogue import list_tasks, read_cards

    cards = [*list_tasks(), *(card for folder in folders for card in read_cards(Path(folder)))]
    formats = {card.name: card.answer_format for card in cards}
    for name, task in leaves.items():
        if formats.get(name) != AnswerFormat.CHOICE or task.score is None:
            stated = f"its answers are scored as {formats[name]}" if formats.get(name) else "its file names no options"
            raise UserError(f"task {name!r} isn't multiple choice ({stated}), so --answers can't read it; leave it out")


def read_choices(leaves: Mapping[str, LoadedTask], name: str, document: Mapping[str, Any]) -> Mapping[str, str]:
    """The options of a task's document, letter to text, as the task's own scorer names them."""
    score = leaves[name].score
    options: Mapping[str, str] = (score(document, [""]).get("options") if score else None) or {}
    return options


def complete_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names, and after a group the tasks that it has only on the mini suite, if that is the current data."""
    from sightscale.tasks.catalogue import list_tasks
    from sightscale.tasks.sources import chosen

    if chosen().origin is not DataOrigin.MINI:
        return tuple(names)
    further = (name for card in list_tasks() if card.name in names for name in card.on_mini)
    return tuple(dict.fromkeys((*names, *further)))


def load_tasks(
    names: tuple[str, ...], prompt_name: str, folders: tuple[str, ...] = ()
) -> "tuple[TaskManager, dict[str, LoadedTask]]":
    """A task manager that knows every task in `names`, and each leaf task by name.

    A name is first looked up among sightscale's tasks and those in `folders`, then among lmms-eval's own. Raises
    UserError for an unknown name, for a task file in `folders` that can't be read, for data that can't be read, for a
    task without documents, and for a foreign task whose options can't be put in the chosen order.
    """
    # Imported here, because code that only reads records and manifests doesn't need it.
    from lmms_eval.tasks import TaskManager

    from sightscale.tasks.catalogue import list_tasks, read_cards
    from sightscale.tasks.sources import chosen

    if not names:
        raise UserError("no task is named; `sightscale tasks` lists them")
    names = complete_names(names)
    for folder in folders:
        read_cards(Path(folder))  # names a file that can't be read, with which lmms-eval would stop with a traceback
    where = [str(TASK_FOLDER), *folders]
    manager = TaskManager(include_path=where, include_defaults=False, model_name=prompt_name)
    if any(name not in manager.all_tasks for name in names):
        manager = TaskManager(include_path=where, model_name=prompt_name)
    for name in names:
        if name not in manager.all_tasks:
            close = [known for known in manager.all_tasks if len(name) > 3 and name.lower() in known.lower()][:3]
            close = close or get_close_matches(name, manager.all_tasks, n=3)
            hint = f"did you mean {', '.join(close)}?" if close else "`sightscale tasks` lists them"
            raise UserError(f"unknown task {name!r}; {hint}")
    leaves: dict[str, LoadedTask] = {}
    for name in names:
        loaded = _load(manager, name)
        if order := chosen().options:
            _check_order(loaded, order, {card.name for card in list_tasks()})
        leaves |= _leaves(loaded)
    return manager, leaves


def load_own_task(name: str, prompt_name: str) -> tuple[Any, LoadedTask]:
    """One of sightscale's own tasks, as lmms-eval's object and as a LoadedTask.

    Raises UserError as `load_tasks` does. The task files are listed once per process.
    """
    loaded = _load(_own_tasks(prompt_name), name)
    return loaded[name], _leaves(loaded)[name]


@lru_cache(maxsize=8)
def _own_tasks(prompt_name: str) -> "TaskManager":
    from lmms_eval.tasks import TaskManager

    return TaskManager(include_path=[str(TASK_FOLDER)], include_defaults=False, model_name=prompt_name)


def _load(manager: "TaskManager", name: str) -> dict[Any, Any]:
    from tenacity import RetryError

    try:
        return dict(manager.load_task_or_group([name], task_type="chat"))
    except RetryError as error:
        reason = error.last_attempt.exception() or error
    except IndexError as error:  # lmms-eval reads a task's first document while loading it
        raise UserError(f"task {name!r} has no documents") from error
    except UserError:
        raise
    except Exception as error:  # whatever keeps a task from loading is reported in one line
        reason = error
    if isinstance(reason, UserError):
        raise reason
    if "corresponds to no data" in str(reason):  # datasets leaves a split without rows out
        raise UserError(f"task {name!r} has no documents") from reason
    if isinstance(reason, ConnectionError):
        raise UserError(
            f"task {name!r}: {first_line(reason)}; connect to the hub once, "
            "or name the folder of your own copy with --data-root, or use --data mini"
        ) from reason
    raise UserError(f"task {name!r} can't be loaded: {type(reason).__name__}: {first_line(reason)}") from reason


def _check_order(loaded: dict[Any, Any], order: str, shipped: set[str]) -> None:
    """Raise UserError for a foreign task that can't put its options in the order.

    Our tasks without options don't change. A foreign task wouldn't change either, but its run would claim to.
    """
    for name, task in loaded.items():
        if isinstance(task, dict):
            _check_order(task, order, shipped)
        elif name not in shipped:
            docs = task.test_docs() if task.has_test_docs() else task.validation_docs()
            if "order" not in docs.column_names:
                raise UserError(
                    f"the options of task {name!r} can't be put in the order {order!r}: its YAML doesn't read its "
                    "documents by sightscale.tasks.sources.follow_pointer; leave --options out for it"
                )


def _leaves(loaded: dict[Any, Any]) -> dict[str, LoadedTask]:
    """Single tasks by name."""
    leaves: dict[str, LoadedTask] = {}
    for name, task in loaded.items():
        if isinstance(task, dict):
            leaves |= _leaves(task)
        else:
            documents = task.test_docs() if task.has_test_docs() else task.validation_docs()
            score = task.config.process_results
            leaves[name] = LoadedTask(tuple(_metrics(name, task)), documents, score if callable(score) else None)
    return leaves


def _metrics(name: str, task: Any) -> Iterator[Metric]:
    metadata = getattr(task.config, "metadata", None) or {}
    score_range = metadata.get("score_range") if isinstance(metadata, dict) else None
    if score_range is not None:
        try:
            low, high = (float(bound) for bound in score_range)
        except (TypeError, ValueError):
            low = high = 0.0
        if not -math.inf < low < high < math.inf:
            raise UserError(f"task {name!r}: score_range {score_range!r} must be [low, high]")
        score_range = (low, high)
    better = task.higher_is_better()
    for metric, aggregate in task.aggregation().items():
        yield Metric(metric, aggregate, bool(better.get(metric, True)), score_range)
