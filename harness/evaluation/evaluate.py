"""Evaluation: calls lmms-eval's evaluator once for each condition and keeps its samples as records.

lmms-eval runs the evaluation; this module prepares the call and writes the results. After each condition the records so
far are on disk; within a condition, finished generations are in the store.
"""

import logging
import math
import shutil
import time
import uuid
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sightscale.harness.evaluation.data_lock import check_lock, describe_documents, find_commit, read_lock
from sightscale.harness.evaluation.load_tasks import (
    LoadedTask,
    check_choices,
    complete_names,
    load_tasks,
    read_choices,
)
from sightscale.harness.evaluation.manifest import (
    describe_data,
    describe_machine,
    describe_scorer,
    describe_software,
    describe_tasks,
    git_commit,
    measure_peak_memory,
    read_manifest,
    write_manifest,
)
from sightscale.harness.evaluation.question_scores import score_questions
from sightscale.harness.evaluation.records import (
    KEY,
    RunIdentity,
    digest_records,
    make_records,
    read_records,
    write_records,
)
from sightscale.harness.evaluation.until import (
    OTHER,
    Rule,
    asking_only,
    choose_condition,
    grow,
    judge,
    order_documents,
    read_other,
)
from sightscale.tasks.errors import UserError, blaming
from sightscale.tasks.vocabulary import MANIFEST_FILE, RECORDS_FILE, Condition, DataOrigin, Kind, Mode, Role

if TYPE_CHECKING:
    from lmms_eval.tasks import TaskManager

    from sightscale.model_adapters.model_strings import ModelSpec, Spread

logger = logging.getLogger(__name__)

SAME_RUN = (
    "model",
    "answers",
    "identity",
    "tasks",
    "limit",
    "seed",
    "data",
    "options",
    "until",
)  # settings that must be equal to continue a run in its folder


@dataclass(frozen=True)
class Plan:
    """What to run: one model on tasks, sighted and under blind conditions.

    `model` is the parsed `model_text`. `limit` asks only the first documents of each task. `store` is the file of
    finished generations, by default in `output`. `task_folders` are folders with your own tasks, and `data_root` one
    with your own copies of data sets. `until` ends each task as soon as its answers decide the rule. `options` is
    another order of multiple-choice options: `circular` or `shuffled:SEED`. `answers` scores options instead of asking
    for written answers: `likelihood:letter` or `likelihood:text`. `lock` is a file of `sightscale data lock`. `spread`
    says where replicas of the model run, None for this process.
    """

    model: "ModelSpec"
    model_text: str
    tasks: tuple[str, ...]
    conditions: tuple[str, ...]
    output: Path
    limit: int | None = None
    seed: int = 0
    batch_size: int = 32
    store: Path | None = None
    task_folders: tuple[str, ...] = ()
    data: str = DataOrigin.HUB  # read by tasks that come with sightscale
    data_root: Path | None = None
    until: Rule | None = None
    options: str = ""
    answers: str = ""
    lock: Path | None = None
    spread: "Spread | None" = None


def evaluate(plan: Plan) -> pd.DataFrame:
    """Run a plan and return its records. Progress is logged, a line at a time.

    Raises UserError for what the user can fix.
    """
    from sightscale.tasks.pictures import broken_later
    from sightscale.tasks.sources import reading

    with reading(plan.data, plan.data_root, plan.options), broken_later():
        return _evaluate(plan)


def _evaluate(plan: Plan) -> pd.DataFrame:
    # Imported here, because code that only reads records and manifests doesn't need it.
    from sightscale.model_adapters.blindfold import PICTURES_IN_MEMORY, PictureMemory

    against = ""
    if plan.until and plan.until.of_probability and not plan.answers:
        raise UserError(f"--until {plan.until} needs probabilities of the options; add --answers likelihood")
    if plan.until:
        against = OTHER if plan.until.other else choose_condition(plan.conditions)
    model, manager, leaves, manifest = _open(plan)
    commits = {name: find_commit(task.documents) for name, task in leaves.items()}
    opened = _Opened(plan, manager, leaves, commits, model, PictureMemory(PICTURES_IN_MEMORY), manifest)
    opened.records = _earlier_records(plan, manifest)
    _look_first(model, manifest, plan.output)
    start = time.perf_counter()
    if plan.until:
        for task in leaves:
            _ask_until(opened, task, plan.until, against)
    else:
        for condition in (str(Condition.SIGHTED), *plan.conditions):
            _ask(opened, condition, plan.tasks)
    records = opened.records
    manifest |= {
        "status": "finished",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - start, 2),
        "tokens": {name: int(records[name].sum()) for name in _TOKENS},
        **measure_peak_memory(),
    }
    write_manifest(manifest, plan.output / MANIFEST_FILE)
    return read_records(plan.output)


def call_lmms_eval(plan: Plan, model: Any, manager: Any, tasks: Sequence[str], limit: int | None) -> dict[str, Any]:
    """lmms-eval's results for these tasks with `model` and the plan's seed, and its samples."""
    from lmms_eval.evaluator import simple_evaluate

    results: dict[str, Any] = simple_evaluate(
        model=model,
        tasks=list(complete_names(tasks)),
        task_manager=manager,
        limit=limit,
        batch_size=plan.batch_size,
        bootstrap_iters=0,
        random_seed=plan.seed,
        numpy_random_seed=plan.seed,
        torch_random_seed=plan.seed,
        process_docs_parallel=1,
        # Otherwise lmms-eval decodes every picture again to score it, and a damaged one would end the run.
        cli_args=Namespace(process_with_media=False),
    )
    return results


def _look_first(model: Any, manifest: dict[str, Any], output: Path) -> None:
    """Check first whether a picture changes what the model writes, and record it in the manifest.

    A model that doesn't look is a finding, not a mistake: print a warning and measure it all the same. Raises UserError
    in one line for a model, or the second one of two, that can't be asked at all.
    """
    from sightscale.model_adapters.checkup import check_answers, warn_of_blindness

    eyes, reader = getattr(model, "eyes", None), getattr(model, "reader", None)
    if manifest.get("sight"):
        return
    if reader is not None:  # before the eyes, which are needed next
        check_answers(reader)
    if eyes is None and reader is None:
        return
    if eyes is None:
        manifest["sight"], warning = "no model looks: its pictures are described truly", ""
    else:
        manifest["sight"], warning = warn_of_blindness(eyes)
    write_manifest(manifest, output / MANIFEST_FILE)
    if warning:
        logger.warning(f"warning: {warning}")


@dataclass
class _Opened:
    """A run in progress: its plan, its model, its tasks, and the records so far."""

    plan: Plan
    manager: Any
    leaves: Mapping[str, LoadedTask]
    commits: dict[str, str | None]
    model: Any
    pictures: Any  # a `PictureMemory`: the next condition needn't decode them again
    manifest: dict[str, Any]
    records: pd.DataFrame = field(default_factory=pd.DataFrame)


def _ask(opened: _Opened, condition: str, tasks: Sequence[str], documents: Sequence[int] | None = None) -> None:
    """Ask tasks, or some documents of one task, under a condition; write the records and the manifest."""
    from sightscale.model_adapters.blindfold import Blindfold

    plan, manifest, began = opened.plan, opened.manifest, time.perf_counter()
    blindfold = Blindfold(opened.model, condition, plan.seed, pictures=opened.pictures)
    with asking_only(documents) if documents is not None else nullcontext():
        results = call_lmms_eval(plan, blindfold, opened.manager, tasks, None if documents is not None else plan.limit)
    samples = results.pop("samples")
    manifest["parts"] = _describe_parts(plan, opened.model)  # the parameters of a model opened on demand are known now
    scored = {task: score_questions(rows, opened.leaves[task].metrics) for task, rows in samples.items()}
    fresh = [
        make_records(
            _identify(plan, manifest),
            task,
            condition,
            rows,
            blindfold.traces,
            scored[task].scores,
            data=describe_data(plan.data),
        )
        for task, rows in samples.items()
    ]
    _write_lmms_eval_files(plan.output / "lmms_eval", condition, results, samples)
    earlier, repeated = opened.records, opened.records["condition"] == condition
    if documents is not None:
        repeated &= earlier["task"].isin(list(samples)) & earlier["doc_id"].isin(list(documents))
    records = pd.concat([part for part in (earlier[~repeated], *fresh) if len(part)], ignore_index=True)
    write_records(records, plan.output / RECORDS_FILE)
    opened.records = records
    before = manifest["conditions"].get(condition, {}).get("seconds", 0.0) if documents is not None else 0.0
    manifest["conditions"][condition] = {
        "seconds": round(before + time.perf_counter() - began, 2),
        "settings": blindfold.settings,
        "records_sha256": digest_records(read_condition(plan.output, condition)),
    }
    manifest["task_details"] = manifest.get("task_details", {}) | describe_tasks(results["configs"])
    manifest["documents"] = describe_documents(records, opened.commits)
    metrics = {task: question.metrics for task, question in scored.items()}
    manifest["metrics"] = manifest.get("metrics", {}) | metrics
    manifest.setdefault("unscored", {}).update(
        {task: "; ".join(question.reasons) for task, question in scored.items() if question.missing}
    )
    write_manifest(manifest, plan.output / MANIFEST_FILE)


def _ask_until(opened: _Opened, task: str, rule: Rule, against: str) -> None:
    """Ask growing slices of one task, sighted and blind side by side, until the rule is decided or none is left."""
    plan = opened.plan
    order = order_documents(task, len(opened.leaves[task].documents), plan.seed)[: plan.limit]
    other_rows = read_other(rule, task, plan.answers)
    judgement = None
    asked = 0
    for start, asked in grow(len(order)):
        for condition in (str(Condition.SIGHTED), *plan.conditions):
            _ask(opened, condition, [task], order[start:asked])
        rows = opened.records[opened.records["task"] == task]
        judgement = judge(rule, rows if other_rows is None else pd.concat([rows, other_rows]), order, against)
        logger.info(f"{task}: {judgement}")
        if judgement.holds is not None:
            break
    opened.manifest.setdefault("stopped", {})[task] = {
        "rule": str(rule),
        "holds": judgement.holds if judgement else None,
        "asked": asked,
        "documents": len(order),
        "says": str(judgement),
    }


_TOKENS = ("input_tokens", "output_tokens", "perception_input_tokens", "perception_output_tokens")


def _open(plan: Plan) -> tuple[Any, "TaskManager", dict[str, LoadedTask], dict[str, Any]]:
    """The model, the tasks and the manifest of a run. If the run can't begin, no folder is left behind."""
    with leaving_no_folder(plan.output):
        model, manager, leaves = open_plan(plan)
        manifest = _begin(plan, model, sorted(leaves))
    return model, manager, leaves, manifest


@contextmanager
def leaving_no_folder(output: Path) -> Iterator[None]:
    """Make the folder `output`; if the block fails, remove the folders that were made."""
    created = [folder for folder in (output, *output.parents) if not folder.exists()]
    try:
        _prepare_folder(output)
        yield
    except BaseException:
        if output in created:
            shutil.rmtree(output, ignore_errors=True)
        for folder in created[1:]:
            with suppress(OSError):  # it isn't empty any more
                folder.rmdir()
        raise


def open_plan(plan: Plan) -> tuple[Any, "TaskManager", dict[str, LoadedTask]]:
    """The model and the tasks of a run. Raises UserError if one can't be opened."""
    from sightscale.model_adapters.model_strings import check_model, open_model, spread_model

    if plan.spread and plan.answers:
        raise UserError("--answers: replicas return no log-probabilities of given words; leave --replicas out")
    spec = spread_model(plan.model, plan.spread) if plan.spread else plan.model
    check_model(spec)
    logger.info(f"tasks: reading {', '.join(plan.tasks)}")
    manager, leaves = load_tasks(plan.tasks, plan.model.prompt_name, plan.task_folders)
    if plan.lock:
        check_lock(read_lock(plan.lock), str(plan.lock), leaves, plan.data, plan.options, plan.limit)
    if plan.answers:
        check_choices(leaves, plan.task_folders)
    logger.info(f"model: loading {plan.model_text}")
    model = open_model(spec, batch_size=plan.batch_size, seed=plan.seed, store=str(store_of(plan)))
    return (_by_likelihood(model, plan, leaves) if plan.answers else model), manager, leaves


def _by_likelihood(model: Any, plan: Plan, leaves: Mapping[str, LoadedTask]) -> Any:
    """The model with its answers read from likelihoods. Raises UserError for a model of lmms-eval."""
    from sightscale.model_adapters.adapter import Adapter
    from sightscale.model_adapters.by_likelihood import ByLikelihood

    if not isinstance(model, Adapter):
        raise UserError(f"--answers {plan.answers}: {plan.model_text} is an lmms-eval model and has no likelihoods")
    return ByLikelihood(model, plan.answers, partial(read_choices, leaves))


def store_of(plan: Plan) -> Path:
    """Where a plan's finished generations are kept."""
    return plan.store or plan.output / "generations.sqlite"


def _prepare_folder(output: Path) -> None:
    with blaming(output, "write to"):
        output.mkdir(parents=True, exist_ok=True)
        probe = output / f".probe-{uuid.uuid4().hex}"
        probe.touch()
        probe.unlink()


def name_run(plan: Plan, model: Any, tasks: list[str]) -> dict[str, Any]:
    """The first fields of a run's manifest: of a new run, or of the run in this folder that is continued.

    Raises UserError if the folder holds another run.
    """
    from sightscale.model_adapters.engines import without_names

    path = plan.output / MANIFEST_FILE
    settings: dict[str, Any] = {
        "model": plan.model_text,
        "identity": getattr(model, "identity", plan.model_text),
        "tasks": tasks,
        "limit": plan.limit,
        "seed": plan.seed,
        "data": plan.data,
        "options": plan.options,
        "until": str(plan.until) if plan.until else None,
        "answers": plan.answers or None,
    }
    manifest: dict[str, Any] = {"run_id": uuid.uuid4().hex[:12], "conditions": {}}
    if path.is_file():
        earlier = read_manifest(path)
        if without_names(str(earlier.get("identity"))) == without_names(str(settings["identity"])):
            # The same model at another path: the run keeps the names in its rows.
            settings |= {name: earlier.get(name) for name in ("model", "identity")}
        differing = [name for name in SAME_RUN if earlier.get(name) != settings[name]]
        if differing:
            was, now = earlier.get(differing[0]), settings[differing[0]]
            raise UserError(
                f"{plan.output} holds another run ({differing[0]} is {was}, not {now}); choose another --output"
            )
        manifest = {"run_id": earlier["run_id"], "conditions": earlier.get("conditions", {})}
        manifest |= {"sight": earlier["sight"]} if earlier.get("sight") else {}
    return manifest | settings


def _begin(plan: Plan, model: Any, tasks: list[str]) -> dict[str, Any]:
    manifest = name_run(plan, model, tasks) | {
        "status": "running",
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": describe_software(),
        "git_commit": git_commit(Path(__file__).parent),
        "machine": describe_machine(),
        "batch_size": plan.batch_size,
        "kind": _kind(plan),
        "mode": _mode(plan),
        "parts": _describe_parts(plan, model),
        "scorer": describe_scorer(),
        "data_revision": describe_data(plan.data),
    }
    write_manifest(manifest, plan.output / MANIFEST_FILE)
    return manifest


def read_condition(output: Path, condition: str) -> pd.DataFrame:
    """The rows of one condition, read from disk."""
    records = read_records(output)
    return records[records["condition"] == condition]


def _describe_parts(plan: Plan, model: Any) -> dict[str, dict[str, Any]]:
    """The model's parts. A model of lmms-eval is one part, named as the user named it."""
    asked_for = str(plan.model.arguments.get("pretrained") or plan.model.name)
    parts = getattr(model, "parts", None) or {str(Role.MODEL): (asked_for.rstrip("/").rsplit("/", 1)[-1], None)}
    return {role: {"name": name, "parameters": count} for role, (name, count) in parts.items()}


def _kind(plan: Plan) -> str:
    return str(Kind.DECOUPLED if plan.model.kind == "decoupled" else Kind.END_TO_END)


def _mode(plan: Plan) -> str:
    return str(plan.model.arguments.get("mode") or Mode.DIRECT)


def _identify(plan: Plan, manifest: Mapping[str, Any]) -> RunIdentity:
    """The run that rows belong to. A decoupled model's parameters are its modules' sum, if both are known."""
    parts = manifest["parts"]
    counts = [parts[role]["parameters"] for role in ("model", "perception", "reasoning") if role in parts]
    named = {role: parts[role]["name"] for role in ("perception", "reasoning") if role in parts}
    sizes = {f"{role}_parameters": parts[role]["parameters"] for role in named}
    total = sum(counts) if counts and None not in counts else None
    run_id, model = manifest["run_id"], manifest["model"]
    return RunIdentity(run_id, model, kind=_kind(plan), parameters=total, mode=_mode(plan), **named, **sizes)


def _earlier_records(plan: Plan, manifest: dict[str, Any]) -> pd.DataFrame:
    """The rows that this folder holds already."""
    if manifest["conditions"] and (plan.output / RECORDS_FILE).is_file():
        return read_records(plan.output / RECORDS_FILE)
    return pd.DataFrame(columns=[*KEY])


def _write_lmms_eval_files(folder: Path, condition: str, results: dict[str, Any], samples: dict[str, Any]) -> None:
    """Write lmms-eval's own results and samples in its own format, the newest last by name."""
    from lmms_eval.loggers.evaluation_tracker import EvaluationTracker

    tracker = EvaluationTracker(output_path=str(folder))
    tracker.general_config_tracker.model_name_sanitized = condition
    when = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    tracker.save_results_aggregated(_without_nan(results), samples, when)
    for task, rows in samples.items():
        tracker.save_results_samples(task, rows)
    written = folder / condition / f"{when}_results.json"
    if not written.is_file():  # the tracker only logs its failures
        raise UserError(f"lmms-eval's results could not be written to {written}")


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: missing numbers become null."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
