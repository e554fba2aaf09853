"""Feeds: the leaderboard as JSON and CSV for programs, and what to cite, as BibTeX."""

import csv
import io
import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from sightscale.harness.statistics import Estimate
from sightscale.leaderboards.site.gather import Listed, name_data

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
    """Every entry's facts and estimates, shares of 1, with what this build found of it."""
    lines = ",\n".join(json.dumps(_fields(one), ensure_ascii=False, allow_nan=False) for one in entries)
    return f'{{"entries": [\n{lines}\n]}}\n'


def write_csv(entries: Sequence[Listed]) -> str:
    """A row for each score and average; a text that a spreadsheet would run gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = ("id", "name", "title", "status", "date", "kind", "mode", "parameters", "visual_data", "questions")
    writer.writerow([*heads, "score_of", "condition", "n", "score", "low", "high"])
    for one in entries:
        entry = one.entry
        facts = [entry.id, entry.name, entry.title or "", one.status, entry.date, entry.kind, entry.mode]
        facts += [str(one.size) if one.size is not None else "", entry.visual_data, name_data(entry.data)]
        guarded = [f"'{fact}" if fact.startswith(_FORMULA) else fact for fact in facts]
        for (name, condition), found in one.scores.items():
            writer.writerow([*guarded, name, condition, found.n, *_numbers(found)])
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


def _fields(one: Listed) -> dict[str, Any]:
    return {
        **one.entry.model_dump(exclude={"scores", "averages"}),
        "status": one.status,
        "issues": [issue.as_dict() for issue in one.issues],
        "scores": [
            {"name": name, "condition": condition, "n": found.n, **dict(zip(_ENDS, _numbers(found), strict=True))}
            for (name, condition), found in one.scores.items()
        ],
    }


_ENDS = ("score", "low", "high")


def _numbers(found: Estimate) -> list[float | None]:
    return [round(one, 6) if one == one else None for one in (found.value, found.low, found.high)]
