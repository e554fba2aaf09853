"""Every Eval Ever's aggregate JSON, version 0.3.0: who measured what, with uncertainty.

Fields are those of `schemas/eval.schema.json` in the package every-eval-ever 0.3.0 (EvalEval coalition, MIT).
"""

import json
import math
import time
from datetime import datetime
from typing import Any

from sightscale.harness.pages import hide_folders
from sightscale.leaderboards.exports.measured import HUB_SOURCE, Measured, metric_of
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Condition, DataOrigin, Mode

VERSION = "0.3.0"
RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")


def write_every_eval_ever(
    measured: Measured, organization: str = "unknown", relationship: str = "other", now: float | None = None
) -> str:
    """The JSON of one run under one condition. `relationship` is between whoever evaluated and the model.

    Raises UserError for an unknown relationship.
    """
    if relationship not in RELATIONSHIPS:
        raise UserError(f"unknown relationship {relationship!r}; known: {', '.join(RELATIONSHIPS)}")
    made, stamp = measured.manifest, str(int(time.time() if now is None else now))
    software = made.get("software") or {}
    document = {
        "schema_version": VERSION,
        "evaluation_id": f"sightscale/{measured.name.replace('/', '_')}/{stamp}",
        "evaluation_timestamp": _epoch(made.get("started")) or stamp,
        "retrieved_timestamp": stamp,
        "source_metadata": {
            "source_name": "sightscale",
            "source_type": "evaluation_run",
            "source_organization_name": organization,
            "evaluator_relationship": relationship,
            "additional_details": {"run_id": str(made.get("run_id")), "told": measured.caveats},
        },
        "eval_library": {
            "name": "sightscale",
            "version": software.get("sightscale") or "unknown",
            "additional_details": {"lmms-eval": str(software.get("lmms-eval") or "unknown")},
        },
        "model_info": {
            "name": measured.name,
            "id": measured.name,
            "additional_details": {
                "deployment_type": "unknown",
                "model_availability": "unknown",
                "identity": hide_folders(str(made.get("identity"))),
                **{f"{part.role}_parameters": str(part.parameters) for part in measured.parts},
            },
        },
        "evaluation_results": [_result(measured, task) for task in measured.estimates],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _result(measured: Measured, task: str) -> dict[str, Any]:
    estimate, error = measured.estimates[task], measured.errors[task]
    generation = ((measured.manifest.get("task_details") or {}).get(task) or {}).get("generation") or {}
    uncertainty: dict[str, Any] = {
        "confidence_interval": {
            "lower": estimate.low,
            "upper": estimate.high,
            "confidence_level": 0.95,
            "method": "Wilson's score interval at the effective sample size, clustered by picture",
        },
        "num_samples": estimate.n,
    }
    if math.isfinite(error):
        uncertainty["standard_error"] = {"value": error, "method": "analytic, clustered by picture"}
    return {
        "evaluation_result_id": f"{task}:{measured.condition}:{metric_of(task)}",
        "evaluation_name": task if measured.condition == Condition.SIGHTED else f"{task} (blind: {measured.condition})",
        "source_data": _source(measured, task),
        "metric_config": {
            "evaluation_description": measured.caveats,
            "metric_id": metric_of(task),
            "metric_name": metric_of(task),
            "metric_kind": "accuracy",
            "metric_unit": "proportion",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {"score": estimate.value, "uncertainty": uncertainty},
        "generation_config": {
            "generation_args": {
                "max_tokens": int(generation.get("max_new_tokens") or 1024),
                "reasoning": measured.manifest.get("mode") == Mode.THINKING,
            },
            "additional_details": {"condition": measured.condition, "decoding": json.dumps(generation)},
        },
    }


def _source(measured: Measured, task: str) -> dict[str, Any]:
    card = measured.card(task)
    n = measured.estimates[task].n
    if measured.manifest.get("data") == DataOrigin.HUB and card and card.source.startswith(HUB_SOURCE):
        hub_id = card.source.removeprefix(HUB_SOURCE)
        return {"dataset_name": task, "source_type": "hf_dataset", "hf_repo": hub_id, "samples_number": n}
    where = card.source if card and card.source.startswith("package:") else measured.manifest.get("data_revision")
    return {"dataset_name": task, "source_type": "other", "additional_details": {"source": str(where)}}


def _epoch(when: Any) -> str | None:
    try:
        return str(int(datetime.fromisoformat(str(when)).timestamp()))
    except ValueError:
        return None
