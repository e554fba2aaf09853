"""Every Eval Ever's aggregate JSON: who measured what, with uncertainty. `sightscale_converter` knows its fields."""

import json

from sightscale.leaderboards.exports.measured import Measured, metric_of
from sightscale.leaderboards.exports.sightscale_converter import HUB, RELATIONSHIPS, Result, make_aggregate
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import DataOrigin


def write_every_eval_ever(
    measured: Measured, organization: str = "unknown", relationship: str = "other", now: float | None = None
) -> str:
    """The JSON of one run under one condition. `relationship` is between whoever evaluated and the model.

    Raises UserError for an unknown relationship.
    """
    if relationship not in RELATIONSHIPS:
        raise UserError(f"unknown relationship {relationship!r}; known: {', '.join(RELATIONSHIPS)}")
    results = [
        Result(
            task=task,
            condition=measured.condition,
            metric=metric_of(task),
            score=estimate.value,
            error=measured.errors[task],
            samples=estimate.n,
            interval=(estimate.low, estimate.high),
            source=_find_source(measured, task),
        )
        for task, estimate in measured.estimates.items()
    ]
    document = make_aggregate(measured.manifest, results, measured.name, organization, relationship, now)
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _find_source(measured: Measured, task: str) -> str | None:
    card = measured.card(task)
    if card is None:
        return None
    from_hub = measured.manifest.get("data") == DataOrigin.HUB and card.source.startswith(HUB)
    return card.source if from_hub or card.source.startswith("package:") else None
