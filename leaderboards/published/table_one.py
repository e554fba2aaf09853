"""Table 1: a system as one row in the columns of the study's table, beside the published ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isclose

from sightscale.harness.pages import show_parameters
from sightscale.leaderboards.entry import Average, Entry, Part, Score
from sightscale.leaderboards.published.rows import COLUMNS, PublishedRow, read_published, read_source
from sightscale.tasks.vocabulary import Condition, Role

PRINTED = 0.001 + 1e-9  # by which a mean of printed numbers may differ from a printed mean: both are rounded
HEADINGS = ("System", "Perception", "Reasoning", "Visual data", *COLUMNS)


@dataclass(frozen=True)
class Row:
    """One system: sizes in billions of parameters, scores in per cent, missing where it wasn't asked."""

    system: str
    perception: float | None
    reasoning: float | None
    visual_data: str
    scores: Mapping[str, float | None]

    def cells(self, digits: int = 1) -> list[str]:
        """The row's texts, in the order of HEADINGS; a dash where there is nothing."""
        sizes = [_size(self.perception), _size(self.reasoning)]
        scores = ["–" if score is None else f"{score:.{digits}f}" for score in self.scores.values()]
        return [self.system, *sizes, self.visual_data, *scores]


def row_of_claims(
    system: str, parts: Iterable[Part], visual_data: str, scores: Iterable[Score], averages: Iterable[Average]
) -> Row:
    """The row of sighted scores and averages, claimed or computed."""
    sighted = {score.task: score.score for score in scores if score.condition == Condition.SIGHTED}
    sighted |= {average.name: average.score for average in averages if average.condition == Condition.SIGHTED}
    counts = {part.role: part.parameters for part in parts}
    return Row(
        system=system,
        perception=_billions(counts.get(Role.PERCEPTION)),
        reasoning=_billions(counts.get(Role.REASONING, counts.get(Role.MODEL))),
        visual_data=visual_data,
        scores={column: 100 * sighted[name] if name in sighted else None for column, name in COLUMNS.items()},
    )


def row_of_entry(entry: Entry) -> Row:
    """The row of an entry's claims."""
    system = f"{entry.title} ({entry.name})" if entry.title else entry.name
    return row_of_claims(system, entry.parts, entry.visual_data, entry.scores, entry.averages)


def row_of_published(published: PublishedRow) -> Row:
    """The row as the study printed it."""
    return Row(
        published.system, published.perception, published.reasoning, published.visual_data, dict(published.scores)
    )


def find_published(entry: Entry) -> PublishedRow | None:
    """The row that an entry of claims alone repeats: its source, title, sizes, and every number; None for another."""
    if not entry.claims_only or entry.source != read_source():
        return None
    claims: list[Score | Average] = [*entry.scores, *entry.averages]
    if len(claims) != len(COLUMNS) or any(claim.condition != Condition.SIGHTED for claim in claims):
        return None
    claimed = row_of_entry(entry)
    for published in read_published():
        row = row_of_published(published)
        sizes = ((claimed.perception, row.perception), (claimed.reasoning, row.reasoning))
        same = published.system == entry.title and row.visual_data == claimed.visual_data
        same &= all((one is None) == (other is None) and isclose(one or 0, other or 0) for one, other in sizes)
        scores = [(score, row.scores[column]) for column, score in claimed.scores.items()]
        if same and all(score is not None and isclose(score, printed or 0) for score, printed in scores):
            return published
    return None


def _billions(count: int | None) -> float | None:
    return None if count is None else count / 1e9


def _size(billions: float | None) -> str:
    return show_parameters(None if billions is None else 1e9 * billions) or "–"
