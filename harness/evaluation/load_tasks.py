"""Task names: which tasks a name stands for, and whether their data can be had now."""

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
    """A leaf task's metrics, the main one first, the documents that it asks about, and its own scorer, if it has one.

    `score` takes a document and a list of one answer.
    """

    metrics: tuple[Metric, ...]
    documents: Any
    score: Callable[..., Mapping[str, Any]] | None = None


def check_choices(leaves: Mapping[str, LoadedTask], folders: Sequence[str] = ()) -> None:
    """Raise UserError in one line for a task that isn't multiple choice, whose options can't be scored.

    Tasks say so in their files, ours and those in `folders`; lmms-eval's own don't.
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
    """The names, with the tasks after them that a group has on the mini suite alone, where that is read now."""
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

    sightscale's tasks and those in `folders` are looked for first, lmms-eval's own when a name isn't there. Raises
    UserError in one line for an unknown name, for a task file in `folders` that can't be read, for data that can't be
    had, for an empty set, and for a foreign task whose options can't be put in the order that was asked for.
    """
    # Imported here, since reading records and manifests, which this room does too, needs none of it.
    from lmms_eval.tasks import TaskManager

    from sightscale.tasks.catalogue import list_tasks, read_cards
    from sightscale.tasks.sources import chosen

    if not names:
        raise UserError("no task is named; `sightscale tasks` lists them")
    names = complete_names(names)
    for folder in folders:
        read_cards(Path(folder))  # a file that can't be read is named here; lmms-eval would stop with a traceback
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
    """One of sightscale's own leaf tasks as lmms-eval holds it, and what is loaded of it.

    Raises UserError as `load_tasks` does. Which files there are is looked up once in a process.
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
    """Nothing when every foreign task can put its options in the order; else UserError.

    Ours without options stay as they are. A foreign task would too, and its run would claim another order.
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
    """Leaf tasks by name."""
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
