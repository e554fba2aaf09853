"""Table 1: a system as one row in the columns of the study's table, beside the published ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sightscale.leaderboards.entry import SIGHTED, Average, Entry, Part, Score
from sightscale.leaderboards.published.rows import IN_DOMAIN, MMSTAR, PublishedRow

IN_DOMAIN_TASKS = dict(zip(IN_DOMAIN, ("ocrvqa", "textvqa", "scienceqa", "vqav2", "gqa", "vizwiz"), strict=True))
MMSTAR_TASKS = {
    **{"CP": "coarse_perception", "FP": "fine_grained_perception", "IR": "instance_reasoning"},
    **{"LR": "logical_reasoning", "ST": "science_technology", "Math": "math"},
}
# Column to the claim that stands in it: each published column's score or average, by name.
COLUMNS: Mapping[str, str] = {
    **{column: f"in_domain_{task}" for column, task in IN_DOMAIN_TASKS.items()},
    "In-domain avg.": "in_domain",
    **{column: f"mmstar_{MMSTAR_TASKS[column]}_macro" for column in MMSTAR},
    "MMStar avg.": "mmstar_macro",
}
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
    known = {one.task: one.score for one in scores if one.condition == SIGHTED}
    known |= {one.name: one.score for one in averages if one.condition == SIGHTED}
    counts = {part.role: part.parameters for part in parts}
    return Row(
        system=system,
        perception=_billions(counts.get("perception")),
        reasoning=_billions(counts.get("reasoning", counts.get("model"))),
        visual_data=visual_data,
        scores={column: 100 * known[name] if name in known else None for column, name in COLUMNS.items()},
    )


def row_of_entry(entry: Entry) -> Row:
    """The row of an entry's claims."""
    system = f"{entry.title} ({entry.name})" if entry.title else entry.name
    return row_of_claims(system, entry.parts, entry.visual_data, entry.scores, entry.averages)


def row_of_published(published: PublishedRow) -> Row:
    """The row as the study printed it."""
    scores = {**published.in_domain, "In-domain avg.": published.in_domain_average}
    scores |= {**published.mmstar, "MMStar avg.": published.mmstar_average}
    return Row(
        published.system,
        published.perception,
        published.reasoning,
        published.visual_data,
        {column: scores[column] for column in COLUMNS},
    )


def _billions(count: int | None) -> float | None:
    return None if count is None else count / 1e9


def _size(billions: float | None) -> str:
    if billions is None:
        return "–"
    return f"{billions:.1f}B" if billions >= 0.095 else f"{1000 * billions:.1f}M"
