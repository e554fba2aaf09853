"""What two engines' answers say about each other: tables, one sentence, and JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from sightscale.harness.analysis import (
    FittingTable,
    Level,
    Measure,
    Run,
    TextColumn,
    compare_runs,
    only,
    read_estimate,
)
from sightscale.harness.pages import show_value
from sightscale.harness.parity.answers import Difference, EngineAnswers
from sightscale.harness.parity.engines import Parting
from sightscale.harness.statistics import Estimate, Style
from sightscale.tasks.errors import UserError, blaming

MEAN = "mean"


@dataclass(frozen=True)
class ComparedEngines:
    """An engine beside the first: counts and score difference (second − first) of each task, and what differs.

    `effects` holds the mean over tasks as well where there are several; `partings` belong to the first differences.
    """

    first: str
    second: str
    counts: Sequence[EngineAnswers]
    effects: dict[str, Estimate]
    differences: Sequence[Difference]
    partings: Sequence[Parting]

    @property
    def questions(self) -> int:
        """How many questions both were asked."""
        return sum(count.questions for count in self.counts)

    @property
    def read_apart(self) -> float:
        """The share of questions whose predictions differ, or that one of the two failed."""
        return 1 - sum(count.read_alike for count in self.counts) / max(1, self.questions)

    @property
    def summary(self) -> str:
        """One sentence on how alike the two are."""
        alike = sum(count.alike for count in self.counts)
        failed = sum(count.failed for count in self.counts)
        effect = self.effects.get(MEAN) or next(iter(self.effects.values()), None)
        return (
            f"{self.second} against {self.first}: {alike:,} of {self.questions:,} answers are the same, "
            f"{self.questions - alike:,} differ, and {round(self.read_apart * self.questions):,} are read apart"
            + (f" ({failed:,} failed)" if failed else "")
            + (f"; the score differs by {effect.show(Style.POINTS)} points" if effect else "")
        )


def measure_effect(
    first: Run,
    second: Run,
    counts: Sequence[EngineAnswers],
    differences: Sequence[Difference],
    partings: Sequence[Parting],
) -> ComparedEngines:
    """What the second engine's answers do to the scores, with paired 95 % intervals, beside what differs.

    Raises UserError when the two share no question.
    """
    if not counts:
        raise UserError(f"{first.label} and {second.label} were asked no question in common")
    rows = only(compare_runs(second, first), Measure.DIFFERENCE, levels=[Level.TASK, Level.AVERAGE])
    effects = {(MEAN if row.level == Level.AVERAGE else str(row.task)): read_estimate(row) for row in rows.itertuples()}
    return ComparedEngines(first.label, second.label, counts, effects, differences, partings)


def render_parity(pair: ComparedEngines, most: int, width: int) -> list[FittingTable | Table]:
    """A table of the tasks, and one of at most `most` differences with answers cut to `width` characters."""
    effects = [pair.effects.get(count.task) for count in pair.counts]
    numbers = {
        "questions": [f"{count.questions:,}" for count in pair.counts],
        "same answer": [f"{count.alike:,}" for count in pair.counts],
        "same reading": [f"{count.read_alike:,}" for count in pair.counts],
        "failed": [f"{count.failed:,}" for count in pair.counts],
        "score difference": [effect.show(Style.POINTS) if effect else "–" for effect in effects],
    }
    tasks = FittingTable(
        (TextColumn("task", tuple(count.task for count in pair.counts)),),
        tuple(TextColumn(heading, tuple(cells)) for heading, cells in numbers.items()),
        f"Score difference: {pair.second} − {pair.first}, in points, with 95 % intervals.",
    )
    if not pair.differences:
        return [tasks]
    listed = Table(caption=f"{min(most, len(pair.differences))} of {len(pair.differences):,} different answers.")
    for name in ("question", pair.first, pair.second, "scores", "they part at"):
        listed.add_column(escape(name), overflow="fold")
    for number, difference in enumerate(pair.differences[:most]):
        listed.add_row(
            escape(f"{difference.task} {difference.doc_id}"),
            *(escape(show_value(text, width)) for text in (difference.first, difference.second)),
            f"{difference.first_score:g} / {difference.second_score:g}",
            escape(str(pair.partings[number])) if number < len(pair.partings) else "",
        )
    return [tasks, listed]


def write_parity(pairs: Sequence[ComparedEngines], path: Path) -> Path:
    """Write every count, effect and difference as JSON; the path."""
    content = [
        {
            "first": pair.first,
            "second": pair.second,
            "tasks": [
                asdict(count) | {"score_difference": _as_json(pair.effects.get(count.task))} for count in pair.counts
            ],
            "mean": _as_json(pair.effects.get(MEAN)),
            "differences": [
                asdict(difference) | ({"parting": asdict(pair.partings[number])} if number < len(pair.partings) else {})
                for number, difference in enumerate(pair.differences)
            ],
        }
        for pair in pairs
    ]
    with blaming(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path


def _as_json(estimate: Estimate | None) -> dict[str, Any] | None:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high} if estimate else None
