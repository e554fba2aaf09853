"""Contents: everything that a report says, computed from the records of its runs before any of it is written."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sightscale.harness.analysis import find_reliance
from sightscale.harness.pages import Figure, Table
from sightscale.harness.report.figures import draw_trainings, make_figures
from sightscale.harness.report.findings_tables import (
    Measured,
    average_table,
    comparison_table,
    cost_table,
    group_table,
    measure,
    outcome_table,
    position_table,
    reliance_table,
    score_table,
    unread_table,
)
from sightscale.harness.report.folders import GivenLooks, GivenRun
from sightscale.harness.report.leaks_table import leaks_table
from sightscale.harness.report.scale import bottleneck_of, downscaling_of
from sightscale.harness.report.sentences import Overall, describe, describe_several, sum_up

logger = logging.getLogger(__name__)

RESAMPLES = 10_000


@dataclass(frozen=True)
class Contents:
    """What a report says: runs with their findings, sentences, tables and figures."""

    measured: tuple[Measured, ...]
    overalls: tuple[Overall, ...]
    lead: str
    sentences: tuple[tuple[str, ...], ...]  # of each run
    score_tables: tuple[Table, ...]
    answer_tables: tuple[Table, ...]
    leaks: Table  # a page opens it, since it has a row for each of many questions
    comparison_notes: tuple[str, ...]
    figures: tuple[Figure, ...]

    @property
    def title(self) -> str:
        """The model's name, or how many runs there are."""
        return self.measured[0].label if len(self.measured) == 1 else f"{len(self.measured)} runs side by side"

    @property
    def tables(self) -> tuple[Table, ...]:
        return (*self.score_tables, *self.answer_tables, *([self.leaks] if self.leaks.rows else []))


def compute_contents(
    given: Sequence[GivenRun], *, looks: Sequence[GivenLooks] = (), resamples: int = RESAMPLES
) -> Contents:
    """Everything a report says about these runs, with the curves of trainings' looks among its figures."""
    measured = []
    for one in given:
        logger.info(f"findings: {one.label}")
        measured.append(measure(one, find_reliance([one.run], resamples=resamples)))
    overalls = [sum_up(one, resamples=resamples) for one in measured]
    comparison, notes = comparison_table(measured, resamples) if len(measured) > 1 else (None, [])
    scale_tables, scale_figures = downscaling_of(measured, resamples)
    grid_tables, grid_figures = bottleneck_of(measured, resamples)
    outcomes = outcome_table(measured)
    score_tables = [
        score_table(measured),
        average_table(measured),
        comparison,
        *scale_tables,
        *grid_tables,
        reliance_table(measured),
        group_table(measured),
    ]
    return Contents(
        measured=tuple(measured),
        overalls=tuple(overalls),
        lead=describe_several(measured, resamples=resamples) if len(measured) > 1 else "",
        sentences=tuple(tuple(describe(one, overall)) for one, overall in zip(measured, overalls, strict=True)),
        score_tables=tuple(table for table in score_tables if table and table.rows),
        answer_tables=tuple(
            table
            for table in (outcomes, unread_table(measured), position_table(measured), cost_table(measured))
            if table.rows
        ),
        leaks=leaks_table(measured),
        comparison_notes=tuple(notes),
        figures=(*scale_figures, *grid_figures, *make_figures(measured, outcomes, comparison), *draw_trainings(looks)),
    )
