"""Focus files: the focus of every question of some tasks, written by one language model for all set-ups."""

import hashlib
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sightscale.harness.evaluation.load_tasks import load_tasks
from sightscale.tasks.errors import UserError
from sightscale.tasks.instructions import split_instruction

logger = logging.getLogger(__name__)


def write_focus_file(
    llm: str,
    tasks: tuple[str, ...],
    output: Path,
    *,
    limit: int | None = None,
    batch_size: int = 32,
    store: Path | None = None,
    task_folders: tuple[str, ...] = (),
) -> dict[str, int]:
    """Write the focus of the first `limit` documents of each task; return how many questions had which outcome.

    Documents that can't be read, or whose focus can't be used, are left out. Raises UserError for what the user can
    fix.
    """
    # Imported here, because code that only reads records and manifests doesn't need it.
    from sightscale.model_adapters.adapter import moves
    from sightscale.model_adapters.decoupled import WRITING, FocusWriter, focus_prompt, prompt_hash, write_focus
    from sightscale.model_adapters.engines import open_on_demand
    from sightscale.model_adapters.model_strings import parse_model

    spec = parse_model(llm)
    if spec.kind != "end-to-end":
        raise UserError(f"--llm {llm!r} must be one model: a shipped checkpoint, a folder, a GGUF file or a hub id")
    logger.info(f"tasks: reading {', '.join(tasks)}")
    manager, leaves = load_tasks(tasks, "decoupled", task_folders)
    store_path = store or output.with_name(f"{output.name}.sqlite")
    engine = open_on_demand(spec.name, {"batch_size": batch_size, **spec.arguments}, str(store_path))
    writer = FocusWriter(engine)
    logger.info(f"model: {engine.identity}")
    focuses, counts, unreadable = {}, {}, 0
    for name in leaves:
        questions = dict(_read_questions(manager.load_task_or_group([name], task_type="chat")[name], limit))
        readable = {doc_id: question for doc_id, question in questions.items() if question is not None}
        unreadable += len(questions) - len(readable)
        with tqdm(
            total=len(writer.unknown(list(readable.values()))), desc=f"focus, {name}", unit="q", disable=False
        ) as bar:
            written = writer.write(list(readable.values()), moves(bar))
        focuses[name] = {str(doc_id): focus for doc_id, focus in zip(readable, written, strict=True) if focus}
        counts[name] = {"documents": len(questions), "focuses": len(focuses[name])}
    provenance = {
        "llm": llm,
        "model": engine.identity,
        "prompt": focus_prompt("<question>"),
        "prompt_hash": prompt_hash(),
        "decoding": WRITING.as_dict(),
        "tasks": counts,
        "outcomes": dict(writer.outcomes),
        "limit": limit,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_focus(focuses, provenance, output)
    return {**writer.outcomes, **({"unreadable": unreadable} if unreadable else {})}


def convert_published(published: Path, task: str, output: Path) -> int:
    """Write a published file, keyed by a question's index, as a focus file for `task`; return its number of focuses."""
    from sightscale.model_adapters.decoupled import read_published, write_focus

    focuses = read_published(published)
    digest = hashlib.sha256(published.read_bytes()).hexdigest()
    write_focus({task: focuses}, {"published": published.name, "sha256": digest, "task": task}, output)
    return len(focuses)


def _read_questions(task: Any, limit: int | None) -> Iterator[tuple[int, str | None]]:
    """Document ids and questions without their closing instruction; None for one that can't be read."""
    from sightscale.model_adapters.requests import read_prompt

    docs = task.eval_docs
    for doc_id in islice(range(len(docs)), limit):
        try:
            prompt = read_prompt(task.doc_to_messages(docs[doc_id]))
        except Exception as error:  # as in an evaluation, a bad document affects only itself
            logger.info(f"{task.config.task}: cannot read document {doc_id}: {type(error).__name__}: {error}")
            yield doc_id, None
        else:
            yield doc_id, split_instruction(prompt.text)[0]
