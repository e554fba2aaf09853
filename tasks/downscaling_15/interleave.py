"""LLaVA-Interleave Bench's answers, scored by lmms-eval's own functions and averaged over data sets."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from lmms_eval.tasks.llava_interleave_bench.utils import interleave_process_results

from sightscale.tasks.answers import outcome_of_text
from sightscale.tasks.multiple_choice import known_truth


def process_results(doc: Mapping[str, Any], results: list[str]) -> dict[str, Any]:
    """One answer's score: ROUGE-L F for open questions, match of the choice for others."""
    scored = interleave_process_results(doc, results)["overall_score"]
    return {
        "score": {"score": float(scored["score"]), "data_set": doc["sub_task"]},
        "outcome": outcome_of_text(results[0]),
        "item_id": str(doc["sample_id"]),
        "category": doc["sub_task"],
        **known_truth(doc),
    }


def mean_of_data_sets(results: Iterable[Mapping[str, Any]]) -> float:
    """The mean over data sets of each one's mean score, as the study averages a group."""
    scores: dict[str, list[float]] = defaultdict(list)
    for result in results:
        scores[result["data_set"]].append(result["score"])
    return sum(sum(each) / len(each) for each in scores.values()) / len(scores)
