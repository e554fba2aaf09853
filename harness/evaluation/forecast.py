"""Forecast: what a run would ask and cost, from a rehearsal of all its questions and a pilot of a few.

Prompts are counted, not estimated: each is made and looked up in the store. Tokens are the pilot's means for each task.
Time is what the rehearsal itself took (reading, hashing, scoring) plus, for generating, a cost per batch and a cost per
prompt, fitted to the pilot's batches. All of it is for this machine, as busy as it is now.
"""

import json
import logging
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize

from sightscale.harness.evaluation.evaluate import (
    Plan,
    call_lmms_eval,
    leaving_no_folder,
    name_run,
    open_plan,
    store_of,
)
from sightscale.harness.evaluation.manifest import measure_peak_memory
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Condition

PILOT = 20  # questions under each condition
FILE = "forecast.json"
Z = 1.96  # of a 95 % interval

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class About:
    """An estimated total and half the width of its 95 % interval, from the spread of the pilot's questions."""

    value: float
    margin: float

    def __add__(self, other: "About") -> "About":
        return About(self.value + other.value, math.hypot(self.margin, other.margin))


NOTHING = About(0.0, 0.0)


@dataclass(frozen=True)
class Row:
    """One stage under one condition: its questions, and how many prompts are stored, equal to another one, or missing.

    Tokens are those of the missing prompts; None if the pilot says nothing about them.
    """

    condition: str
    stage: str
    questions: int
    stored: int
    equal: int
    missing: int
    tokens_in: About | None
    tokens_out: About | None
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Forecast:
    """What a run would ask and cost after the pilot: seconds by the clock and of processors, memory in GiB."""

    model: str
    store: str
    rows: tuple[Row, ...]
    pilot: int
    generated: int
    opening: float
    other: float
    other_cpu: float
    memory: Mapping[str, float]

    @property
    def missing(self) -> int:
        """The number of prompts left to generate."""
        return sum(row.missing for row in self.rows)

    @property
    def seconds(self) -> float:
        """Seconds from loading the model to the last record."""
        return self.opening + self.other + sum(row.seconds for row in self.rows)

    @property
    def cpu_seconds(self) -> float:
        """Seconds of all processors together, without loading a model before the first question."""
        return self.other_cpu + sum(row.cpu_seconds for row in self.rows)

    @property
    def tokens(self) -> tuple[About, About] | None:
        """Input and output tokens; None if the pilot says nothing about a stage."""
        asked = [row for row in self.rows if row.missing]
        tokens_in = [row.tokens_in for row in asked if row.tokens_in is not None]
        written = [row.tokens_out for row in asked if row.tokens_out is not None]
        if len(tokens_in) < len(asked) or len(written) < len(asked):
            return None
        return sum(tokens_in, NOTHING), sum(written, NOTHING)

    def price(self, price_in: float, price_out: float) -> float | None:
        """The cost of the tokens, at prices per million; None if their number isn't known."""
        if self.tokens is None:
            return None
        tokens_in, written = self.tokens
        return (tokens_in.value * price_in + written.value * price_out) / 1e6

    def as_dict(self) -> dict[str, Any]:
        """Everything, for a file."""
        tokens = self.tokens
        return asdict(self) | {
            "missing": self.missing,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "tokens": None if tokens is None else [asdict(total) for total in tokens],
        }


def forecast(plan: Plan, pilot: int = PILOT, keys: set[str] | None = None) -> Forecast:
    """Rehearse a plan: count its prompts and ask a pilot of `pilot` questions under each condition.

    The pilot's answers are kept in the plan's store, so the run needn't ask them again. Nothing else is generated, and
    no records are written. `keys` are prompts that earlier runs with the same store will have generated; this run's are
    added to it. With a rule (`plan.until`), the forecast is for a run that doesn't stop early.

    Raises UserError for answers by likelihood, for anything that would keep the run from beginning, and for a model
    whose answers aren't stored.
    """
    if plan.answers:
        raise UserError(f"--dry-run counts written answers, not --answers {plan.answers}; try the run with --limit 20")
    from sightscale.tasks.pictures import broken_later
    from sightscale.tasks.sources import reading

    with reading(plan.data, plan.data_root, plan.options), broken_later(), leaving_no_folder(plan.output):
        costs = _rehearse(plan, pilot, set() if keys is None else keys)
        (plan.output / FILE).write_text(json.dumps(costs.as_dict(), indent=2) + "\n")
        return costs


def _rehearse(plan: Plan, pilot: int, keys: set[str]) -> Forecast:
    from sightscale.harness.evaluation.rehearsal import Notes, Rehearsal
    from sightscale.model_adapters.adapter import Adapter
    from sightscale.model_adapters.blindfold import PICTURES_IN_MEMORY, Blindfold, PictureMemory
    from sightscale.tasks.catalogue import list_tasks

    began = time.perf_counter()
    model, manager, leaves = open_plan(plan)
    name_run(plan, model, sorted(leaves))
    opening = time.perf_counter() - began
    if not isinstance(model, Adapter):
        raise UserError(f"model {plan.model_text!r} keeps no answers, so a pilot's would be lost; leave --dry-run out")
    ours = set(leaves) <= {card.name for card in list_tasks()}
    notes = Notes(keys=keys)
    rehearsal = Rehearsal(model, pilot, plan.seed, notes)
    pictures = PictureMemory(PICTURES_IN_MEMORY)
    began, cpu_began = time.perf_counter(), time.process_time()
    for condition in (str(Condition.SIGHTED), *plan.conditions):
        logger.info(f"{condition}: reading every question, and asking a pilot of up to {pilot}")
        kind = Blindfold if ours else _unscored()
        blindfold = kind(rehearsal, condition, plan.seed, pictures=pictures)
        with suppress(_Rehearsed):
            call_lmms_eval(plan, blindfold, manager, plan.tasks, plan.limit)
    keys |= notes.keys
    return Forecast(
        model=plan.model_text,
        store=str(store_of(plan)),
        rows=tuple(estimate_rows(notes, _batch_size(plan))),
        pilot=sum(notes.piloted.values()),
        generated=notes.generated,
        opening=opening,
        other=time.perf_counter() - began - notes.aside,
        other_cpu=time.process_time() - cpu_began - notes.cpu_aside,
        memory=measure_peak_memory(),
    )


class _Rehearsed(Exception):
    """Every question was seen: the rest, scoring, needn't be done."""


def _unscored() -> Any:
    """A blindfold that ends a run before it is scored: another's task may score by asking a judge, for money."""
    from sightscale.model_adapters.blindfold import Blindfold

    class Unscored(Blindfold):
        def clean(self) -> None:
            raise _Rehearsed

    return Unscored


def _batch_size(plan: Plan) -> int:
    return max(1, int(plan.model.arguments.get("batch_size", plan.batch_size)))


def estimate_rows(notes: Any, batch_size: int) -> Iterable[Row]:
    """One row for each stage under each condition, in the order of asking."""
    stages, conditions = _stages(notes), dict.fromkeys(condition for condition, _ in notes.questions)
    calls = {stage: [call for call in notes.calls if call.stage == stage] for stage in stages}
    costs = {stage: fit_costs(some, batch_size) for stage, some in calls.items()}
    loads = {stage: find_loads(some, costs[stage], batch_size) for stage, some in calls.items()}
    alone = any(sum(call.opening is not None for call in some) > 1 for some in calls.values())
    missing = {
        (condition, stage): {
            at: tally.missing for at, tally in notes.tallies.items() if (at.condition, at.stage) == (condition, stage)
        }
        for condition in conditions
        for stage in stages
    }
    waits = place_loads([at for at, counts in missing.items() if any(counts.values())], loads, alone)
    for (condition, stage), counts in missing.items():
        groups = [(one, n) for one, n in notes.groups.items() if (one.condition, one.stage) == (condition, stage)]
        batches = sum(math.ceil(n / batch_size) for _, n in groups)
        shown = sum(n for one, n in groups if one.pictures)
        cost = costs[stage].multiply(batches, shown, sum(counts.values()) - shown)
        wait = waits.get((condition, stage), (0.0, 0.0))
        yield Row(
            condition=condition,
            stage=stage,
            questions=sum(n for (one, _), n in notes.questions.items() if one == condition),
            stored=sum(notes.tallies[at].stored for at in counts),
            equal=sum(notes.tallies[at].equal for at in counts),
            missing=sum(counts.values()),
            tokens_in=estimate_total(counts, notes.samples, "read"),
            tokens_out=estimate_total(counts, notes.samples, "written"),
            seconds=cost[0] + wait[0],
            cpu_seconds=cost[1] + wait[1],
        )


def find_loads(calls: Sequence[Any], costs: "Costs", batch_size: int) -> list[tuple[float, float]]:
    """Seconds, of the clock and of processors, of each time that the pilot loaded a stage's model.

    That is loading it, and how much longer its first call took than a later one would have.
    """
    loads = []
    for call in _split(calls)[0]:
        batches = math.ceil(call.with_pictures / batch_size) + math.ceil(call.without / batch_size)
        expected = costs.multiply(batches, call.with_pictures, call.without)
        longer = [max(0.0, took - cost) for took, cost in zip((call.seconds, call.cpu_seconds), expected, strict=True)]
        opening = call.opening or (0.0, 0.0)
        loads.append((opening[0] + longer[0], opening[1] + longer[1]))
    return loads


def place_loads(
    asked: Sequence[tuple[str, str]], loads: Mapping[str, Sequence[tuple[float, float]]], alone: bool
) -> dict[tuple[str, str], tuple[float, float]]:
    """Seconds that loading takes before each condition's stage, in the order in which they are asked.

    `loads` are those of the pilot. A model that is `alone` in memory leaves it when another stage is asked; else each
    stays once it is loaded. The first load reads code too, so later ones take what the pilot's later ones took.
    """
    inside: set[str] = set()
    loaded: set[str] = set()
    waits = {}
    for condition, stage in asked:
        times = loads.get(stage, ())
        if times and stage not in inside:
            clock, processors = np.mean(times[1:] or times, axis=0) if stage in loaded else times[0]
            waits[condition, stage] = float(clock), float(processors)
            loaded.add(stage)
        inside = {stage} if alone else inside | {stage}
    return waits


def _split(calls: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The calls that had to wait for a model or to warm it up, and the others."""
    first, later = calls[:1], calls[1:]
    cold = [*first, *(call for call in later if call.opening is not None)]
    return cold, [call for call in later if call.opening is None]


def _stages(notes: Any) -> list[str]:
    order = ("focus", "perception", "reasoning", "answers")
    return sorted({place.stage for place in notes.tallies}, key=order.index)


@dataclass(frozen=True)
class Costs:
    """Seconds, of the clock and of processors: of a batch, of a prompt with pictures, and of one without."""

    clock: tuple[float, float, float]
    processors: tuple[float, float, float]

    def multiply(self, batches: int, shown: int, without: int) -> tuple[float, float]:
        """Seconds of that many."""
        counts = np.array([batches, shown, without], float)
        return float(np.array(self.clock) @ counts), float(np.array(self.processors) @ counts)


def fit_costs(calls: Sequence[Any], batch_size: int) -> Costs:
    """Costs by least squares, none below zero. Calls that load a model or warm it up are left out, if there are others.

    A kind of prompt without a call costs as much as the other kind.
    """
    used = _split(calls)[1] or list(calls)
    if not used:
        return Costs((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    shown = np.array([call.with_pictures for call in used], float)
    without = np.array([call.without for call in used], float)
    batches = np.ceil(shown / batch_size) + np.ceil(without / batch_size)
    columns = np.column_stack([batches, shown, without])
    fitted = []
    for seconds in ([call.seconds for call in used], [call.cpu_seconds for call in used]):
        batch, seen, unseen = (float(cost) for cost in optimize.nnls(columns, np.array(seconds))[0])
        fitted.append((batch, seen if shown.any() else unseen, unseen if without.any() else seen))
    return Costs(*fitted)


def estimate_total(missing: Mapping[Any, int], samples: Mapping[Any, Sequence[Any]], what: str) -> About | None:
    """The tokens of prompts to be generated: for each place, their number times the pilot's mean.

    A place that isn't in the pilot takes the mean of its stage under the condition, or else of the stage. None if the
    pilot asked no question of the stage.
    """
    total = NOTHING
    for place, count in missing.items():
        if not count:
            continue
        alike = [group for group in samples if group.stage == place.stage]
        near = [group for group in alike if group.condition == place.condition]
        chosen = next(
            (some for some in ([group for group in near if group.task == place.task], near, alike) if some), []
        )
        values = np.array([getattr(tokens, what) for group in chosen for tokens in samples[group]], float)
        if not len(values):
            return None
        wide = values if len(values) > 1 else [getattr(tokens, what) for group in near for tokens in samples[group]]
        spread = float(np.std(wide, ddof=1)) if len(wide) > 1 else 0.0
        total += About(count * float(values.mean()), Z * count * spread / math.sqrt(len(values)))
    return total


def add_up(parts: Sequence[Forecast]) -> Forecast:
    """The forecast of several runs together: rows of the same stage and condition are summed, memory is the largest."""
    rows: dict[tuple[str, str], Row] = {}
    for row in (row for part in parts for row in part.rows):
        place = (row.condition, row.stage)
        rows[place] = _add_rows(rows[place], row) if place in rows else row
    largest = max(parts, key=lambda part: max(part.memory.values(), default=0.0))
    added = ("pilot", "generated", "opening", "other", "other_cpu")
    totals: dict[str, Any] = {name: sum(getattr(part, name) for part in parts) for name in added}
    return replace(parts[0], model=f"{len(parts)} runs", rows=tuple(rows.values()), memory=largest.memory, **totals)


def _add_rows(a: Row, b: Row) -> Row:
    def both(first: About | None, n: int, second: About | None, m: int) -> About | None:
        known = [about for about, count in ((first, n), (second, m)) if count]
        return None if any(about is None for about in known) else sum((about for about in known if about), NOTHING)

    counts = ("questions", "stored", "equal", "missing", "seconds", "cpu_seconds")
    return replace(
        a,
        tokens_in=both(a.tokens_in, a.missing, b.tokens_in, b.missing),
        tokens_out=both(a.tokens_out, a.missing, b.tokens_out, b.missing),
        **{name: getattr(a, name) + getattr(b, name) for name in counts},
    )


def show_duration(seconds: float) -> str:
    """A duration such as `8 s`, `12 min` or `3 h 20 min`, rounded as an estimate should be."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def describe(costs: Forecast, price: tuple[float, float] | None, path: Path | None = None) -> list[str]:
    """A forecast in sentences."""
    lines = [
        f"the pilot asked {costs.pilot:,} questions and generated {costs.generated:,} prompts; "
        f"they are in {costs.store}"
    ]
    if not costs.missing:
        return [*lines, f"nothing is left to be generated; the run takes about {show_duration(costs.seconds)}"]
    if costs.tokens is None:
        lines.append(f"{costs.missing:,} prompts are to be generated; no pilot told how long they are")
        return lines
    tokens_in, written = costs.tokens
    lines.append(
        f"{costs.missing:,} prompts are to be generated: "
        f"about {_show(tokens_in)} tokens to read, {_show(written)} to write"
    )
    lines.append(
        f"on this machine, as busy as it is now: about {show_duration(costs.seconds)}, of which generating takes "
        f"{show_duration(costs.seconds - costs.opening - costs.other)}; {costs.cpu_seconds:,.0f} s of processor time; "
        f"memory {' and '.join(f'{size:g} GiB' for size in costs.memory.values())}"
    )
    if price is not None:
        cost = costs.price(*price)
        lines.append(
            f"price: about {cost:,.4g}, at {price[0]:g} and {price[1]:g} for a million tokens read and written"
        )
    return [*lines, *([f"the numbers are in {path}"] if path else [])]


def _show(about: About) -> str:
    share = f" (± {100 * about.margin / about.value:.0f} %)" if about.value and about.margin else ""
    return f"{about.value:,.0f}{share}"
