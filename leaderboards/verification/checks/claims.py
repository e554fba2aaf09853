"""Claims: the scores and averages of an entry, recomputed from its records."""

from collections.abc import Iterator, Mapping

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import DECIMALS, ENTRY, Average, Score, Submission, score_averages, score_tasks
from sightscale.leaderboards.verification.issues import Issue, error

SLACK = 0.5 * 10**-DECIMALS + 1e-12  # half of the last digit shown


def check_claims(submission: Submission) -> Iterator[Issue]:
    """Claimed numbers that the records don't come to, and numbers that an entry should claim and doesn't."""
    records = submission.records
    claimed: dict[str, Score | Average] = {f"scores.{one.task}.{one.condition}": one for one in submission.entry.scores}
    claimed |= {f"averages.{one.name}.{one.condition}": one for one in submission.entry.averages}
    try:
        found: dict[str, Score | Average] = {f"scores.{one.task}.{one.condition}": one for one in score_tasks(records)}
        found |= {f"averages.{one.name}.{one.condition}": one for one in score_averages(records)}
    except ValueError as problem:  # scores outside 0 to 1, and names that no task has
        yield error(ENTRY, "scores", f"the records come to no scores: {show_value(str(problem).splitlines()[0])}")
        return
    yield from _compare(claimed, found)


def _compare(claimed: Mapping[str, Score | Average], found: Mapping[str, Score | Average]) -> Iterator[Issue]:
    for field in sorted(claimed.keys() - found.keys()):
        yield error(ENTRY, field, "the records hold nothing of this")
    for field in sorted(found.keys() - claimed.keys()):
        yield error(ENTRY, field, "the records hold this and the entry doesn't say it; make the entry again")
    for field in sorted(claimed.keys() & found.keys()):
        said, right = claimed[field], found[field]
        if said.n != right.n:
            yield error(ENTRY, f"{field}.n", f"claimed {said.n:,}, the records have {right.n:,}")
        if abs(said.score - right.score) > SLACK:
            yield error(
                ENTRY,
                f"{field}.score",
                f"claimed {said.score:.{DECIMALS}f}, the records come to {right.score:.{DECIMALS}f}",
            )
        if isinstance(said, Average) and isinstance(right, Average) and said.rule != right.rule:
            yield error(ENTRY, f"{field}.rule", f"claimed {show_value(said.rule)!r}, it is {right.rule!r}")
