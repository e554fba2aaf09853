"""lmms-eval's results JSON, with the fields that its table and its readers look for.

Field names are those of lmms-eval 0.7.3's own results files. A task asked blind has the name of our blind variant.
"""

import json
import math
from typing import Any

from sightscale.leaderboards.exports.measured import Measured, metric_of
from sightscale.tasks.suites import list_averages
from sightscale.tasks.vocabulary import Condition


def write_lmms_eval(measured: Measured) -> str:
    """The results of one condition as JSON."""
    made, names = measured.manifest, {task: _name(task, measured.condition) for task in measured.estimates}
    results: dict[str, dict[str, Any]] = {}
    for task, estimate in measured.estimates.items():
        metric, error = metric_of(task), measured.errors[task]
        results[names[task]] = {
            "alias": names[task],
            f"{metric},none": estimate.value,
            f"{metric}_stderr,none": error if math.isfinite(error) else "N/A",
        }
    rules = {rule.name: rule for rule in list_averages()}
    groups = {
        _name(average.name, measured.condition): {
            "alias": average.name,
            "score,none": average.score,
            "score_stderr,none": "N/A",
        }
        for average in measured.averages
    }
    software = made.get("software") or {}
    document = {
        "results": results,
        "groups": groups,
        "group_subtasks": {
            _name(average.name, measured.condition): [names[task] for task in rules[average.name].tasks]
            for average in measured.averages
        },
        "configs": {names[task]: (made.get("task_details") or {}).get(task, {}) for task in measured.estimates},
        "versions": {names[task]: (made.get("task_details") or {}).get(task, {}).get("version") for task in names},
        "n-shot": dict.fromkeys(results, 0),
        "higher_is_better": {names[task]: {metric_of(task): True} for task in names},
        "n-samples": {
            names[task]: {"original": estimate.n, "effective": estimate.n}
            for task, estimate in measured.estimates.items()
        },
        "config": {"model": "sightscale", "model_args": made.get("model"), "limit": made.get("limit")},
        "model_name": measured.name,
        "lmms_eval_version": software.get("lmms-eval"),
        "date": made.get("started"),
        "sightscale": {"told": measured.caveats, "run_id": made.get("run_id"), "condition": measured.condition},
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _name(task: str, condition: str) -> str:
    if condition == Condition.SIGHTED:
        return task
    return f"{task}_blind" if condition == Condition.NONE else f"{task}_{condition}"
