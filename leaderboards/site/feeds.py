"""Feeds: the leaderboard as JSON and CSV for programs, and what to cite, as BibTeX."""

import csv
import io
import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from sightscale.harness.statistics import Estimate
from sightscale.leaderboards.entry import name_data
from sightscale.leaderboards.site.listed import Listed

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
CITATION = """@misc{endo2025downscaling,
  title = {Downscaling Intelligence: Exploring Perception and Reasoning Bottlenecks in Small Multimodal Models},
  author = {Endo, Mark and Yeung-Levy, Serena},
  year = {2025},
  eprint = {2511.17487},
  archivePrefix = {arXiv}
}
"""


def write_json(entries: Sequence[Listed]) -> str:
    """Every entry's facts and estimates, shares of 1, with the issues that this build names."""
    lines = ",\n".join(json.dumps(_fields(listed), ensure_ascii=False, allow_nan=False) for listed in entries)
    return f'{{"entries": [\n{lines}\n]}}\n'


def write_csv(entries: Sequence[Listed]) -> str:
    """A row for each score and average; a text that a spreadsheet would run gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = ("id", "name", "title", "status", "date", "kind", "mode", "parameters", "visual_data", "questions")
    writer.writerow([*heads, "score_of", "condition", "n", "score", "low", "high"])
    for listed in entries:
        entry = listed.entry
        facts = [entry.id, entry.name, entry.title or "", listed.standing, entry.date, entry.kind, entry.mode]
        facts += [str(listed.size) if listed.size is not None else "", entry.visual_data, name_data(entry.data)]
        guarded = [f"'{fact}" if fact.startswith(_FORMULA) else fact for fact in facts]
        for (name, condition), estimate in listed.scores.items():
            writer.writerow([*guarded, name, condition, estimate.n, *_numbers(estimate)])
    return out.getvalue()


def write_citation() -> str:
    """BibTeX of the study, and of the software that made this leaderboard."""
    software = (
        "@software{sightscale,\n"
        "  title = {sightscale: vision reliance and bottlenecks of small vision-language models},\n"
        f"  version = {{{version('sightscale')}}},\n"
        "  note = {A plugin package for lmms-eval}\n"
        "}\n"
    )
    return f"{CITATION}\n{software}"


def _fields(listed: Listed) -> dict[str, Any]:
    return {
        **listed.entry.model_dump(mode="json", exclude={"scores", "averages"}),
        "status": listed.standing,
        "issues": [issue.as_dict() for issue in listed.issues],
        "proofs": [{"proof": one.proof, "state": one.state, "result": one.result} for one in listed.proofs],
        "scores": [
            {"name": name, "condition": condition, "n": estimate.n, **dict(zip(_ENDS, _numbers(estimate), strict=True))}
            for (name, condition), estimate in listed.scores.items()
        ],
    }


_ENDS = ("score", "low", "high")


def _numbers(estimate: Estimate) -> list[float | None]:
    numbers = (estimate.value, estimate.low, estimate.high)
    return [round(number, 6) if number == number else None for number in numbers]
