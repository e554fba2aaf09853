"""One model on several engines: each asked by a run of its own, then asked again where their answers part."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sightscale.harness.analysis import Run, read_runs
from sightscale.harness.evaluation import Plan, evaluate, read_manifest, read_questions
from sightscale.harness.parity.answers import Difference, find_parting
from sightscale.model_adapters.engines import OPENAI, VLLM, Choice, Decoding, EngineFailure, ListsChoices
from sightscale.model_adapters.model_strings import check_model, parse_model
from sightscale.tasks.errors import UserError
from sightscale.tasks.sources import reading
from sightscale.tasks.vocabulary import MANIFEST_FILE, Condition

TRANSFORMERS = "transformers"


@dataclass(frozen=True)
class EngineModel:
    """An engine as the user names it, the folder of its run, and the model string that asks it."""

    label: str
    folder: str
    model: str


@dataclass(frozen=True)
class Parting:
    """Where two engines' answers to one question part: the token's number, and both tokens with log-probabilities.

    `first` and `second` are None where they don't part when asked alone, or where an engine doesn't tell; `reason`
    says which.
    """

    number: int = 0
    first: Choice | None = None
    second: Choice | None = None
    reason: str = ""

    def __str__(self) -> str:
        if self.first is None or self.second is None:
            return self.reason
        first, second = (
            _show(choice, other) for choice, other in ((self.first, self.second), (self.second, self.first))
        )
        return f"token {self.number + 1}: {first} against {second}"


def _show(choice: Choice, other: Choice) -> str:
    rival = choice.likeliest.get(other.token)
    beside = f"{rival:.3f} for the other" if rival is not None else "the other is not among the likeliest"
    return f"{choice.token!r} {choice.logprob:.3f} ({beside})"


def name_engines(model: str, engines: str) -> list[EngineModel]:
    """The engines of a list such as `transformers,vllm,openai@http://host:8000/v1`, for one model.

    `openai:NAME@URL` is for a server that has the model under another NAME. `key=value` after an engine is an argument
    of it alone; those of `model` are every engine's. Raises UserError in one line for anything else.
    """
    spec = parse_model(model)
    if spec.kind != "end-to-end" or spec.name.startswith((VLLM, OPENAI)):
        raise UserError(f"model {model!r}: give one model by its name or folder, and its engines with --engines")
    shared = [f"{name}={value}" for name, value in spec.arguments.items()]
    groups: list[list[str]] = []
    for part in (part.strip() for part in engines.split(",")):
        if "=" in part.partition("://")[0] and groups:
            groups[-1].append(part)
        else:
            groups.append([part])
    named = []
    for engine, *arguments in groups:
        kind, _, url = engine.partition("@")
        if engine == TRANSFORMERS:
            name = spec.name
        elif engine == VLLM.removesuffix(":"):
            name = VLLM + spec.name
        elif kind == OPENAI.removesuffix(":") and url:
            name = f"{OPENAI}{spec.name}@{url}"
        elif engine.startswith(OPENAI) and url:
            name = engine
        else:
            raise UserError(f"engine {engine!r} is unknown; known: transformers, vllm, openai@URL, openai:NAME@URL")
        label = ",".join([engine, *arguments])
        named.append(EngineModel(label, _as_folder(label), ",".join([name, *shared, *arguments])))
    if len(named) < 2 or len({engine.model for engine in named}) < len(named):
        raise UserError(f"--engines {engines!r} must name at least two different engines")
    return named


def _as_folder(label: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-=" else "_" for letter in label)


def run_engines(plan: Plan, engines: Sequence[EngineModel]) -> list[Run]:
    """The plan's tasks asked of each engine in a folder of its own inside the plan's output; what is there is kept.

    Raises UserError in one line where an engine can't run here, before any is asked.
    """
    specs = [parse_model(engine.model) for engine in engines]
    for spec in specs:
        check_model(spec)
    for engine, spec in zip(engines, specs, strict=True):
        evaluate(replace(plan, model=spec, model_text=engine.model, output=plan.output / engine.folder))
    runs = read_runs([str(plan.output / engine.folder) for engine in engines])
    return [replace(run, label=engine.label) for run, engine in zip(runs, engines, strict=True)]


def explain(plan: Plan, engines: tuple[EngineModel, EngineModel], differences: Sequence[Difference]) -> list[Parting]:
    """Where the answers to these questions part, each asked again alone of both engines, one engine at a time."""
    with reading(plan.data, plan.data_root, plan.options):
        first, second = (_list_choices(plan, engine, differences) for engine in engines)
    return [
        _part(engines, choices_first, choices_second)
        for choices_first, choices_second in zip(first, second, strict=True)
    ]


def _list_choices(plan: Plan, engine: EngineModel, differences: Sequence[Difference]) -> list[tuple[list[Choice], str]]:
    """The tokens that an engine writes for each question, or none and the reason."""
    settings = read_manifest(plan.output / engine.folder / MANIFEST_FILE)["conditions"][Condition.SIGHTED]["settings"]
    answers = []
    with _opened(engine) as opened:
        for difference in differences:
            choices: list[Choice] = []
            reason = f"{engine.label} returns no log-probabilities"
            decoding = settings["decoding"].get(difference.task)
            if isinstance(opened, ListsChoices) and decoding:
                prompt = read_questions(difference.task, engine.model, plan.task_folders).ask(difference.doc_id)
                try:
                    choices = opened.list_choices(prompt, Decoding(**decoding | {"stop": tuple(decoding["stop"])}))
                except EngineFailure as error:
                    reason = f"{engine.label}: {error}"
            answers.append((choices, reason))
    return answers


@contextmanager
def _opened(engine: EngineModel) -> Iterator[Any]:
    """The engine itself, without a store before it."""
    from sightscale.model_adapters.end_to_end import EndToEnd

    spec = parse_model(engine.model)
    adapter = EndToEnd(spec.name, **spec.arguments)  # type: ignore[arg-type]  # checked by the adapter itself
    try:
        yield adapter.engine
    finally:
        adapter.engine.close()


def _part(
    engines: tuple[EngineModel, EngineModel], first: tuple[list[Choice], str], second: tuple[list[Choice], str]
) -> Parting:
    for choices, reason in (first, second):
        if not choices:
            return Parting(reason=reason)
    number = find_parting(first[0], second[0])
    if number is None:
        return Parting(reason="both write the same when asked alone; the batch decides")
    return Parting(number, first[0][number], second[0][number])
