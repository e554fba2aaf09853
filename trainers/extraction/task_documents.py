"""Documents of tasks as sources: any task that lmms-eval can load and that asks about one picture at a time.

A task's documents are what models are scored on, so what is made of them must not train a model that is
scored on them afterwards; the caller is told.
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

from lmms_eval.tasks import TaskManager

from sightscale.model_adapters.requests import read_prompt
from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.errors import UserError, first_line
from sightscale.tasks.instructions import split_instruction
from sightscale.tasks.mini import encode
from sightscale.tasks.multiple_choice import read_options
from sightscale.trainers.extraction.sources import (
    HUB,
    Source,
    Unusable,
    clean_question,
    describe_error,
    make_example,
    name_example,
)


def read_tasks(name: str, limit: int | None) -> Iterator[Source]:
    """A source for each task that the name stands for. Raises UserError in one line when it can't be loaded."""
    manager = TaskManager(include_path=[str(TASK_FOLDER)], include_defaults=False)
    if name not in manager.all_tasks:
        raise UserError(f"unknown task {name!r}; `sightscale tasks` lists them")
    try:
        loaded = manager.load_task_or_group([name], task_type="chat")
    except Exception as error:  # whatever keeps a task from loading is reported in one line
        raise UserError(f"task {name!r} can't be loaded: {first_line(error)}") from error
    for leaf, task in _leaves(loaded):
        yield _read_task(leaf, task, limit)


def _leaves(loaded: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    for name, task in loaded.items():
        if isinstance(task, dict):
            yield from _leaves(task)
        else:
            yield str(name), task


def _read_task(name: str, task: Any, limit: int | None) -> Source:
    source = Source(f"{HUB}{name}")
    docs = task.eval_docs
    for number in islice(range(len(docs)), limit):
        try:
            doc = docs[number]
            prompt = read_prompt(task.doc_to_messages(doc))
            answer = str(task.doc_to_target(doc))
            answer = read_options(doc).get(answer, answer)
        except Exception as error:  # a bad document costs itself only, whatever its fault is
            place = name_example(source.name, number)
            source.rows.append(Unusable(place, source.name, str(number), "unreadable_row", describe_error(error)))
            continue
        if split_instruction(prompt.text)[1] == "box":
            raise UserError(f"task {name!r} is answered with boxes, of which no statement can be made")
        if len(prompt.images) != 1:
            source.left_aside["several_pictures" if prompt.images else "text_only"] += 1
            continue
        pairs = ((clean_question(prompt.text), answer),)
        identity = name_example(source.name, number, pairs)
        source.rows.append(
            make_example(identity, source.name, str(number), pairs, partial(_read_picture, task, number))
        )
    return source


def _read_picture(task: Any, number: int) -> bytes:
    (picture,) = read_prompt(task.doc_to_messages(task.eval_docs[number])).images
    content = encode(picture)["bytes"]
    assert isinstance(content, bytes)
    return content
