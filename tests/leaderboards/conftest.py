"""Entries of real runs: a scripted model on the mini suite, whole and small."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sightscale.harness.cli import app
from sightscale.harness.evaluation import SCHEMA, digest_records, read_records
from sightscale.harness.evaluation.evaluate import Plan, evaluate
from sightscale.leaderboards.entry.add import Facts, add_entry
from sightscale.leaderboards.entry.folders import read_yaml, write_hashes, write_yaml
from sightscale.leaderboards.entry.scores import list_averages, score_averages, score_tasks
from sightscale.leaderboards.entry.submitted_records import read_submitted
from sightscale.leaderboards.verification import verify
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.mini import QUESTIONS

ClaimEntry = Callable[..., Path]
SmallMini = Callable[[], AbstractContextManager[None]]
FACTS = Facts(visual_data="unk.", licence="Apache-2.0", contact="someone@example.org")
TASKS = ("in_domain_gqa", "mmstar_math", "grounding_refcoco_testa", "similarity_nights", "imagenet")


@contextmanager
def _small_mini() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(QUESTIONS, "8")
        yield


@pytest.fixture(scope="session")
def small_mini() -> SmallMini:
    """A context in which the mini suite has few questions a set, in this process and its children."""
    return _small_mini


@pytest.fixture(autouse=True)
def small_mini_of_small_entries(request: pytest.FixtureRequest) -> Iterator[None]:
    """Few questions a set for each test of what was made so, and for no other test."""
    with _small_mini() if "small_mini" in request.fixturenames else nullcontext():
        yield


@pytest.fixture(scope="session")
def oracle_run(small_mini: SmallMini, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the scripted oracle."""
    with small_mini():
        return _run(tmp_path_factory.mktemp("runs") / "oracle", TASKS, ("none", "mismatched"))


def _run(output: Path, tasks: tuple[str, ...], conditions: tuple[str, ...]) -> Path:
    model = "scripted:oracle"
    evaluate(Plan(parse_model(model), model, tasks, conditions, output, data="mini"))
    return output


@pytest.fixture(scope="session")
def tiny(small_mini: SmallMini, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An honest entry of one task, sighted and blind."""
    with small_mini():
        run = _run(tmp_path_factory.mktemp("runs") / "tiny", ("in_domain_gqa",), ("none",))
    folder = tmp_path_factory.mktemp("entries") / "tiny"
    add_entry([run], folder, FACTS)
    return folder


def refit(entry: Path, records: pd.DataFrame) -> None:
    """Write records to an entry with all that follows from them: claims, digests, token sums, hashes."""
    table = pa.Table.from_pandas(records[SCHEMA.names], SCHEMA, preserve_index=False)
    pq.write_table(table, entry / "records.parquet", compression="zstd")  # our own writer refuses repeated rows
    manifest = json.loads((entry / "manifest.json").read_text())
    for run in manifest["runs"]:
        rows = records[records["run_id"] == run["run_id"]] if len(manifest["runs"]) > 1 else records
        for condition, facts in run["conditions"].items():
            facts["records_sha256"] = digest_records(rows[rows["condition"] == condition])
        for name in run["tokens"]:
            run["tokens"][name] = int(rows[name].sum())
    (entry / "manifest.json").write_text(json.dumps(manifest))
    claims = {"scores": score_tasks(records), "averages": score_averages(records)}
    fields = {name: [one.model_dump() for one in found] for name, found in claims.items()}
    (entry / "entry.yaml").write_text(write_yaml({**read_yaml(entry / "entry.yaml"), **fields}))
    write_hashes(entry)


def count_tokens(records: pd.DataFrame) -> pd.DataFrame:
    """Records with the counts that a model with a tokenizer gives: four bytes a token, 64 for a picture."""
    seen = records["shown_hash"].fillna("") != ""
    return records.assign(
        input_tokens=records["prompt"].str.len() // 4 + 1 + 64 * seen,
        output_tokens=records["response"].str.len() // 4 + 1,
        seconds=0.1,
    )


@pytest.fixture(scope="session")
def counted(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An entry of one task that is checked from end to end: it counts its tokens."""
    folder = Path(shutil.copytree(tiny, tmp_path_factory.mktemp("counted") / "tiny"))
    refit(folder, count_tokens(read_records(folder / "records.parquet")))
    return folder


@pytest.fixture
def copy(counted: Path, tmp_path: Path, in_this_process: None) -> Path:
    """A copy of the checked entry, to tamper with."""
    return Path(shutil.copytree(counted, tmp_path / "entries" / "tiny"))


@pytest.fixture
def rewrite() -> Callable[..., None]:
    """Changes an entry's records by a function, and everything that an attacker can make anew."""

    def change(entry: Path, by: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        refit(entry, by(read_records(entry / "records.parquet").copy()))

    return change


@pytest.fixture(scope="session")
def honest(oracle_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An honest entry of it."""
    folder = tmp_path_factory.mktemp("entries") / "oracle"
    add_entry([oracle_run], folder, FACTS)
    return folder


@pytest.fixture
def entry(honest: Path, tmp_path: Path, in_this_process: None) -> Path:
    """A copy of the honest entry, to tamper with."""
    return Path(shutil.copytree(honest, tmp_path / "oracle"))


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that the tests themselves wrote are decoded here: the child process has tests of its own."""
    monkeypatch.setattr(verify, "read_submitted", lambda path, bounded=False: read_submitted(path, bounded=True))


@pytest.fixture
def run_command() -> Callable[..., int]:
    """Runs `sightscale` with the words given; returns its exit code."""

    def run(*words: str) -> int:
        try:
            app(list(words), standalone_mode=False)
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return run


@pytest.fixture(scope="session")
def claim_entry() -> ClaimEntry:
    """Writes an entry of claims alone, as a self-reported one: end-to-end unless two parameter counts are given."""

    def write(
        folder: Path, name: str, scores: Mapping[str, float], parameters: Sequence[int] = (10**8,), **fields: Any
    ) -> Path:
        roles = ("model",) if len(parameters) == 1 else ("perception", "reasoning")
        parts = [
            {"role": role, "checkpoint": f"{name}-{role}", "parameters": count}
            for role, count in zip(roles, parameters, strict=True)
        ]
        claims = [
            {"task": task, "condition": condition, "n": 300, "score": round(share * score, 6)}
            for task, score in scores.items()
            for condition, share in (("sighted", 1.0), ("none", 0.5))
        ]
        claimed = {(claim["task"], claim["condition"]): claim["score"] for claim in claims}
        averages = [
            {
                "name": rule.name,
                "condition": condition,
                "rule": rule.words,
                "n": 300 * len(rule.tasks),
                "score": round(fmean(claimed[task, condition] for task in rule.tasks), 6),
            }
            for rule in list_averages()
            if set(rule.tasks) <= set(scores)
            for condition in ("sighted", "none")
        ]
        entry = {
            **{"schema_version": 1, "id": name, "name": "+".join(part["checkpoint"] for part in parts), "parts": parts},
            "kind": "end-to-end" if len(parameters) == 1 else "decoupled",
            **{"visual_data": "1.0M", "licence": "MIT", "contact": "a@example.org", "hardware": "a laptop"},
            **{"mode": "direct", "budgets": {"answer": 32}, "date": "2026-01-31"},
            "data": {"source": "mini", "revision": "mini@1", "limit": None},
            "runs": [{"run_id": "0123456789ab", "model": name, "identity": name}],
            **{"scores": claims, "averages": averages, **fields},
        }
        (folder / name).mkdir(parents=True)
        (folder / name / "entry.yaml").write_text(json.dumps(entry, ensure_ascii=False), encoding="utf-8")
        for other in ("records.parquet", "manifest.json", "hashes.json"):
            (folder / name / other).write_text("{}")
        return folder / name

    return write
