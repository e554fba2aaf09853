"""sightscale's runs as Every Eval Ever keeps evaluations: a converter in one file, for that project to take.

It needs nothing of sightscale: Python's standard library and duckdb, which reads the records.

    python sightscale_converter.py RUN --model_id OWNER/NAME --output_dir data --include_samples

Each condition under which a task was asked, with its picture or blind, is a result of its own. Fields are those of
version 0.3.0 of the schemas (the package every-eval-ever 0.3.0, MIT). Licence of this file: Apache-2.0.
"""

import argparse
import hashlib
import json
import math
import re
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

VERSION = "0.3.0"
RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")
SIGHTED = "sighted"
COLLECTION = "sightscale"
HUB = "hub:"
UNSAFE = re.compile(r'[<>:"\\|?*\x00-\x1f/]')
# Columns of records.parquet that a sample is made of.
COLUMNS = (
    *("task", "condition", "doc_id", "item_id", "category", "cluster", "image_hash", "shown_hash", "prompt"),
    *("options", "target", "response", "prediction", "outcome", "reader", "error", "score", "description", "thinking"),
    *("finish_reason", "input_tokens", "output_tokens", "seconds"),
    *("perception_input_tokens", "perception_output_tokens", "perception_seconds"),
)
TOLD_OF_A_SAMPLE = ("condition", "outcome", "category", "cluster", "image_hash", "shown_hash", "description")


@dataclass(frozen=True)
class Result:
    """The mean score of a task under a condition, a share in [0, 1]; its error is NaN for a single picture."""

    task: str
    condition: str
    metric: str
    score: float
    error: float
    samples: int
    interval: tuple[float, float] | None = None
    source: str | None = None  # of the questions, where it is known; `hub:OWNER/NAME` on the hub

    @property
    def identifier(self) -> str:
        """What tells it from a run's other results."""
        return f"{self.task}:{self.condition}:{self.metric}"

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.task if self.condition == SIGHTED else f"{self.task} (blind: {self.condition})"


def standard_error(scores: Sequence[float], clusters: Sequence[str]) -> float:
    """Of the mean, by the variance between pictures; NaN for a single one."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for score, cluster in zip(scores, clusters, strict=True):
        sums[cluster][0] += score
        sums[cluster][1] += 1
    groups, n = len(sums), len(scores)
    if groups < 2:
        return math.nan
    mean = sum(scores) / n
    squares = math.fsum((total - mean * size) ** 2 for total, size in sums.values())
    return math.sqrt(groups / (groups - 1) * squares) / n


def summarise(manifest: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[Result]:
    """A result for each task under each condition, in the order of the rows; answers without a score aren't in it."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if is_scored(row):
            groups[row["task"], row["condition"]].append(row)
    results = []
    for (task, condition), members in groups.items():
        scores = [float(row["score"]) for row in members]
        results.append(
            Result(
                task=task,
                condition=condition,
                metric=((manifest.get("metrics") or {}).get(task) or ["accuracy"])[0],
                score=sum(scores) / len(scores),
                error=standard_error(scores, [row["cluster"] for row in members]),
                samples=len(scores),
            )
        )
    return results


def is_scored(row: Mapping[str, Any]) -> bool:
    """Whether an answer has a score."""
    return row["score"] is not None and not math.isnan(row["score"])


def list_caveats(manifest: Mapping[str, Any]) -> list[str]:
    """What tells questions and answers from the whole public data sets' and written ones, in words, if anything."""
    limit, options = manifest.get("limit"), manifest.get("options")
    notes = ["the embedded mini suite, not the public data"] if manifest.get("data") == "mini" else []
    notes += [f"only the first {limit} documents of each task"] if limit else []
    notes += [f"options {options}"] if options else []
    return notes + ([f"answers read by {manifest['answers']}, none written"] if manifest.get("answers") else [])


def describe(manifest: Mapping[str, Any], condition: str) -> str:
    """What a reader must know of the numbers under a condition, in one line."""
    notes = [f"sightscale {(manifest.get('software') or {}).get('sightscale') or 'unknown'}"]
    notes += [f"condition {condition}"] if condition != SIGHTED else []
    return "; ".join([*notes, *list_caveats(manifest)])


def name_model(manifest: Mapping[str, Any]) -> str:
    """The names of a run's models; of a folder its last part alone."""
    parts = manifest.get("parts") or {"model": {"name": manifest.get("model")}}
    names = [str(part["name"]) for role, part in parts.items() if role != "focus"]
    return "+".join(name.rstrip("/").rpartition("/")[2] if name[:1] in "/.~" else name for name in names)


def make_aggregate(
    manifest: Mapping[str, Any],
    results: Sequence[Result],
    model_id: str,
    organization: str = "unknown",
    relationship: str = "other",
    now: float | None = None,
) -> dict[str, Any]:
    """The aggregate of a run. `relationship` is between whoever evaluated and the model, `now` seconds since 1970.

    Raises ValueError for an unknown relationship, and for a run without results.
    """
    if relationship not in RELATIONSHIPS:
        raise ValueError(f"unknown relationship {relationship!r}; known: {', '.join(RELATIONSHIPS)}")
    if not results:
        raise ValueError("the run has no scores")
    stamp = str(int(time.time() if now is None else now))
    software = manifest.get("software") or {}
    parts = manifest.get("parts") or {}
    weights = re.findall(r"@([0-9a-f]{16})\b", str(manifest.get("identity")))
    return {
        "schema_version": VERSION,
        "evaluation_id": f"{COLLECTION}/{model_id.replace('/', '_')}/{stamp}",
        "evaluation_timestamp": _epoch(manifest.get("started")) or stamp,
        "retrieved_timestamp": stamp,
        "source_metadata": {
            "source_name": "sightscale",
            "source_type": "evaluation_run",
            "source_organization_name": organization,
            "evaluator_relationship": relationship,
            "additional_details": {"run_id": str(manifest.get("run_id")), "caveats": describe(manifest, SIGHTED)},
        },
        "eval_library": {
            "name": "sightscale",
            "version": software.get("sightscale") or "unknown",
            "additional_details": {"lmms-eval": str(software.get("lmms-eval") or "unknown")},
        },
        "model_info": {
            "name": model_id,
            "id": model_id,
            "additional_details": {
                "deployment_type": "unknown",
                "model_availability": "unknown",
                "kind": str(manifest.get("kind")),
                **({"weights": ", ".join(weights)} if weights else {}),
                **{f"{role}_parameters": str(part.get("parameters")) for role, part in parts.items()},
            },
        },
        "evaluation_results": [_write_result(manifest, result) for result in results],
    }


def _write_result(manifest: Mapping[str, Any], result: Result) -> dict[str, Any]:
    settings = ((manifest.get("conditions") or {}).get(result.condition) or {}).get("settings") or {}
    details = (manifest.get("task_details") or {}).get(result.task) or {}
    generation = (settings.get("decoding") or {}).get(result.task) or details.get("generation") or {}
    uncertainty: dict[str, Any] = {"num_samples": result.samples}
    if math.isfinite(result.error):
        uncertainty["standard_error"] = {"value": result.error, "method": "analytic, clustered by picture"}
    if result.interval:
        uncertainty["confidence_interval"] = {
            "lower": result.interval[0],
            "upper": result.interval[1],
            "confidence_level": 0.95,
            "method": "Wilson's score interval at the effective sample size, clustered by picture",
        }
    source = result.source or str(manifest.get("data_revision"))
    on_hub = source.startswith(HUB)
    return {
        "evaluation_result_id": result.identifier,
        "evaluation_name": result.title,
        "source_data": {
            "dataset_name": result.task,
            **(
                {"source_type": "hf_dataset", "hf_repo": source.removeprefix(HUB), "samples_number": result.samples}
                if on_hub
                else {"source_type": "other", "additional_details": {"source": source}}
            ),
        },
        "metric_config": {
            "evaluation_description": describe(manifest, result.condition),
            "metric_id": result.metric,
            "metric_name": result.metric,
            "metric_kind": "accuracy",
            "metric_unit": "proportion",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {"score": result.score, "uncertainty": uncertainty},
        "generation_config": {
            "generation_args": {
                "max_tokens": int(generation.get("max_new_tokens") or 1024),
                "reasoning": manifest.get("mode") == "thinking",
            },
            "additional_details": {"condition": result.condition, "decoding": json.dumps(generation)},
        },
    }


def make_samples(
    aggregate: Mapping[str, Any], results: Sequence[Result], rows: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """An instance for each scored answer that the results are made of."""
    known = {(result.task, result.condition): result for result in results}
    for row in rows:
        result = known.get((row["task"], row["condition"]))
        if result is None or not is_scored(row):
            continue
        prompt, target = row["prompt"] or "", str(row["target"])
        hashed = json.dumps({"raw": prompt, "reference": target}, sort_keys=True)
        options = json.loads(row["options"]) if row["options"] else {}
        read = sum(row[name] or 0 for name in ("input_tokens", "perception_input_tokens"))
        written = sum(row[name] or 0 for name in ("output_tokens", "perception_output_tokens"))
        yield {
            "schema_version": VERSION,
            "evaluation_id": aggregate["evaluation_id"],
            "model_id": aggregate["model_info"]["id"],
            "evaluation_name": result.title,
            "evaluation_result_id": result.identifier,
            "sample_id": row["item_id"] or str(row["doc_id"]),
            "sample_hash": hashlib.sha256(hashed.encode()).hexdigest(),
            "interaction_type": "single_turn",
            "input": {"raw": prompt, "reference": [target], "choices": list(options.values()) or None},
            "output": {
                "raw": [row["response"] or ""],
                "reasoning_trace": [row["thinking"]] if row["thinking"] else None,
            },
            "answer_attribution": [
                {
                    "turn_idx": 0,
                    "source": "output.raw",
                    "extracted_value": row["prediction"] or "",
                    "extraction_method": f"sightscale's reader {row['reader'] or 'of another task'}",
                    "is_terminal": True,
                }
            ],
            "evaluation": {"score": float(row["score"]), "is_correct": float(row["score"]) >= 1},
            "token_usage": {"input_tokens": read, "output_tokens": written, "total_tokens": read + written},
            "performance": {"latency_ms": 1000 * ((row["seconds"] or 0) + (row["perception_seconds"] or 0))},
            "error": row["error"],
            "metadata": {name: str(row[name]) for name in TOLD_OF_A_SAMPLE if row[name]},
        }


def read_run(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A run's manifest, and its records as they were written. Raises ValueError where the folder holds no run."""
    import duckdb

    manifest, records = folder / "manifest.json", folder / "records.parquet"
    for path in (manifest, records):
        if not path.is_file():
            raise ValueError(f"{folder} is no run of sightscale: it has no {path.name}")
    with duckdb.connect() as database:
        there = {name for name, *_ in database.execute("describe from read_parquet(?)", [str(records)]).fetchall()}
        fields = ", ".join(name if name in there else f"null as {name}" for name in COLUMNS)
        rows = database.execute(f"select {fields} from read_parquet(?)", [str(records)]).fetchall()
    return json.loads(manifest.read_text(encoding="utf-8")), [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def convert(
    run: Path,
    output: Path,
    model_id: str | None = None,
    organization: str = "unknown",
    relationship: str = "other",
    include_samples: bool = False,
) -> Path:
    """Write a run's aggregate, and its samples beside it, where the datastore keeps them; the aggregate's path.

    That is `OUTPUT/sightscale/OWNER/NAME/UUID.json`. Raises ValueError for a model without an owner, and for no run.
    """
    manifest, rows = read_run(run)
    model_id = model_id or name_model(manifest)
    owner, _, name = model_id.partition("/")
    if not name:
        raise ValueError(f"{model_id!r} has no owner; give --model_id OWNER/NAME")
    results = summarise(manifest, rows)
    aggregate = make_aggregate(manifest, results, model_id, organization, relationship)
    stem = str(uuid.uuid4())
    place = [COLLECTION, *(UNSAFE.sub("_", part).strip(". ") for part in (owner, name))]
    if not all(place):
        raise ValueError(f"{model_id!r} makes no folder; give --model_id OWNER/NAME")
    folder = output.joinpath(*place)
    folder.mkdir(parents=True, exist_ok=True)
    if include_samples:
        lines = [
            json.dumps(sample, ensure_ascii=False, allow_nan=False) for sample in make_samples(aggregate, results, rows)
        ]
        content = ("\n".join(lines) + "\n").encode()
        file = f"{stem}_samples.jsonl"
        (folder / file).write_bytes(content)
        aggregate["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": "/".join(["data", *place, file]),
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(content).hexdigest(),
            "total_rows": len(lines),
        }
    path = folder / f"{stem}.json"
    path.write_text(json.dumps(aggregate, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, or 1 after a line that says what is wrong."""
    parser = argparse.ArgumentParser(description="Convert runs of sightscale to Every Eval Ever's format.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run, with records and manifest")
    parser.add_argument("--output_dir", type=Path, default=Path("data"))
    parser.add_argument("--model_id", help="OWNER/NAME; by default the model's own name, which may have no owner")
    parser.add_argument("--source_organization_name", default="unknown", help="organisation that ran the evaluation")
    parser.add_argument("--evaluator_relationship", choices=RELATIONSHIPS, default="other")
    parser.add_argument("--include_samples", action="store_true", help="write every answer too")
    options = parser.parse_args(arguments)
    try:
        for run in options.runs:
            print(
                convert(
                    run,
                    options.output_dir,
                    options.model_id,
                    options.source_organization_name,
                    options.evaluator_relationship,
                    options.include_samples,
                )
            )
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _epoch(when: Any) -> str | None:
    try:
        return str(int(datetime.fromisoformat(str(when)).timestamp()))
    except ValueError:
        return None


if __name__ == "__main__":
    raise SystemExit(main())
