"""Claims: the scores and averages of an entry, recomputed from its records."""

from collections.abc import Iterable, Iterator, Mapping

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import DECIMALS, ENTRY, Average, Score, Submission, score_averages, score_tasks
from sightscale.leaderboards.verification.issues import Issue, error
from sightscale.tasks.errors import UserError

SLACK = 0.5 * 10**-DECIMALS + 1e-12  # half of the last digit shown


def check_claims(submission: Submission) -> Iterator[Issue]:
    """Claimed numbers that the records don't come to, and numbers that an entry should claim and doesn't."""
    records = submission.records
    try:
        computed = _by_field(score_tasks(records), score_averages(records))
    except UserError as problem:  # scores outside 0 to 1, and names that no task has
        yield error(ENTRY, "scores", f"the records come to no scores: {show_value(str(problem))}")
        return
    yield from _compare(_by_field(submission.entry.scores, submission.entry.averages), computed)


def _by_field(scores: Iterable[Score], averages: Iterable[Average]) -> dict[str, Score | Average]:
    fields: dict[str, Score | Average] = {f"scores.{score.task}.{score.condition}": score for score in scores}
    return fields | {f"averages.{average.name}.{average.condition}": average for average in averages}


def _compare(claims: Mapping[str, Score | Average], computed: Mapping[str, Score | Average]) -> Iterator[Issue]:
    for field in sorted(claims.keys() - computed.keys()):
        yield error(ENTRY, field, "the records hold nothing of this")
    for field in sorted(computed.keys() - claims.keys()):
        yield error(ENTRY, field, "the records hold this and the entry doesn't say it; make the entry again")
    for field in sorted(claims.keys() & computed.keys()):
        claim, right = claims[field], computed[field]
        if claim.n != right.n:
            yield error(ENTRY, f"{field}.n", f"claimed {claim.n:,}, the records have {right.n:,}")
        if abs(claim.score - right.score) > SLACK:
            yield error(
                ENTRY,
                f"{field}.score",
                f"claimed {claim.score:.{DECIMALS}f}, the records come to {right.score:.{DECIMALS}f}",
            )
        if isinstance(claim, Average) and isinstance(right, Average) and claim.rule != right.rule:
            yield error(ENTRY, f"{field}.rule", f"claimed {show_value(claim.rule)!r}, it is {right.rule!r}")
