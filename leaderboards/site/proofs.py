"""Proofs on a board: for each entry what files can't prove, what was done about it, and what it came to."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sightscale.leaderboards.proofs import ALIKE, Result, find_nearest
from sightscale.leaderboards.site.listed import Listed, ProofState, Shown

KINDS = ("fresh questions", "spot rerun")
PLAUSIBLE = "blind scores, sighted ones, lengths, tokens and forms of answers"


def show_proofs(
    entries: Sequence[Listed], results: Mapping[str, Sequence[Result]], files: Mapping[str, str]
) -> dict[str, tuple[Shown, ...]]:
    """What is shown of each entry, by its id. `results` are a maintainer's, `files` the entries' digests now."""
    copies = _show_copies([one for one in entries if one.answers])
    return {
        one.entry.id: (
            *(_show_result(kind, results.get(one.entry.id, ()), files.get(one.entry.id, "")) for kind in KINDS),
            copies.get(one.entry.id, Shown("copies", ProofState.NOT_DONE, "its answers weren't accepted")),
            _show_plausibility(one),
            _show_signature(one),
        )
        for one in entries
    }


def _show_result(kind: str, results: Sequence[Result], digest: str) -> Shown:
    result = next((result for result in results if result.proof == kind), None)
    if result is None:
        return Shown(kind, ProofState.NOT_DONE, "nobody did this yet")
    if result.files != digest:
        return Shown(kind, ProofState.NOT_DONE, f"done on {result.date} with other files: the entry has changed since")
    state = ProofState.PASSED if result.passed else ProofState.FAILED
    return Shown(kind, state, f"{result.result} ({result.date}, sightscale {result.sightscale})")


def _show_copies(entries: Sequence[Listed]) -> dict[str, Shown]:
    answers = [one.answers for one in entries if one.answers]
    nearest = find_nearest(answers)
    asked = [{digest for digest, _ in one.questions.tasks.values()} for one in answers]
    sharing = Counter(digest for digests in asked for digest in digests)
    shown = {}
    for place, one in enumerate(entries):
        # At most: who shares the task that most others were asked.
        pair, others = nearest.get(place), max(sharing[digest] for digest in asked[place]) - 1
        if pair is None:
            words = "too few answers tell entries apart" if others else "no other entry answered the same questions"
            shown[one.entry.id] = Shown("copies", ProofState.NOT_DONE, words)
        elif pair.is_copy:
            other = entries[pair.second if pair.first == place else pair.first].entry.id
            words = f"{100 * pair.alike:.1f} % of {pair.questions:,} telling answers are those of {other}"
            shown[one.entry.id] = Shown("copies", ProofState.FAILED, words)
        else:
            words = f"compared with {others:,} others: none shares {100 * ALIKE:.0f} % of the telling answers"
            shown[one.entry.id] = Shown("copies", ProofState.PASSED, words)
    return shown


def _show_plausibility(listed: Listed) -> Shown:
    if listed.odd is None:
        return Shown("plausibility", ProofState.NOT_DONE, "its answers weren't looked at")
    if listed.odd:
        words = f"{listed.odd} of the issues named here speak{'s' if listed.odd == 1 else ''} against it"
        return Shown("plausibility", ProofState.FAILED, words)
    return Shown("plausibility", ProofState.PASSED, f"nothing odd in {PLAUSIBLE}")


def _show_signature(listed: Listed) -> Shown:
    if not listed.verified:
        return Shown("signature", ProofState.NOT_DONE, "not looked at")
    words = listed.signature
    if words.startswith("signed by "):
        return Shown("signature", ProofState.PASSED, words)
    if words == "none":
        return Shown("signature", ProofState.NOT_DONE, "the entry isn't signed")
    invalid = words.startswith("it isn't valid")
    return Shown("signature", ProofState.FAILED if invalid else ProofState.NOT_DONE, words)
