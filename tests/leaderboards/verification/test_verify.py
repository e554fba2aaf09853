"""Verification: an honest entry passes, and each way of cheating is found by the check that is meant to."""

import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sightscale.harness.evaluation.records import SCHEMA, digest_records, read_records, write_records
from sightscale.leaderboards.entry.entry import Entry
from sightscale.leaderboards.entry.folders import load_entry, parse_entry, read_yaml, write_hashes, write_yaml
from sightscale.leaderboards.entry.scores import score_averages, score_tasks
from sightscale.leaderboards.verification.checks.rescoring import _follow_a_rule
from sightscale.leaderboards.verification.issues import error, merge_alike, not_checked, warning
from sightscale.leaderboards.verification.reports import write_json, write_markdown
from sightscale.leaderboards.verification.verify import Verified, verify_entry
from sightscale.tasks import score_response
from sightscale.tasks.boxes import ground


def errors(verified: Verified) -> str:
    return "\n".join(issue.line() for issue in verified.issues if issue.level == "error")


def rewrite(entry: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change the records, and everything an attacker can recompute: claims, digests, token sums, hashes."""
    records = change(read_records(entry / "records.parquet").copy())
    write_records_as_they_are(records, entry / "records.parquet")
    manifest = json.loads((entry / "manifest.json").read_text())
    (run,) = manifest["runs"]
    for condition, facts in run["conditions"].items():
        facts["records_sha256"] = digest_records(records[records["condition"] == condition])
    for name in run["tokens"]:
        run["tokens"][name] = int(records[name].sum())
    (entry / "manifest.json").write_text(json.dumps(manifest))
    scores = {"scores": score_tasks(records), "averages": score_averages(records)}
    edit(entry, **{name: [one.model_dump() for one in claims] for name, claims in scores.items()})


def write_records_as_they_are(records: pd.DataFrame, path: Path) -> None:
    """Our own writer refuses repeated rows; an attacker's doesn't."""
    pq.write_table(pa.Table.from_pandas(records[SCHEMA.names], SCHEMA, preserve_index=False), path, compression="zstd")


def edit(entry: Path, **fields: Any) -> None:
    """Change fields of entry.yaml, and the hashes with them."""
    (entry / "entry.yaml").write_text(write_yaml({**read_yaml(entry / "entry.yaml"), **fields}))
    write_hashes(entry)


def edit_manifest(entry: Path, **fields: Any) -> None:
    manifest = json.loads((entry / "manifest.json").read_text())
    manifest["runs"][0].update(fields)
    (entry / "manifest.json").write_text(json.dumps(manifest))
    write_hashes(entry)


def where(records: pd.DataFrame, task: str, condition: str = "sighted") -> pd.Series:
    return (records["task"] == task) & (records["condition"] == condition)


def test_an_honest_entry_is_accepted_and_says_what_was_not_checked(honest: Path) -> None:
    verified = verify_entry(honest)
    assert verified.accepted, errors(verified)
    unchecked = [issue for issue in verified.issues if issue.level == "not checked"]
    assert any("input tokens" in issue.reason for issue in unchecked)  # a scripted model counts none
    (small,) = [issue for issue in verified.issues if issue.level == "warning" and "300" in issue.reason]
    assert small.field == "data.revision"


def write_in_pixels(records: pd.DataFrame, sizes: dict[str, str]) -> pd.DataFrame:
    """The oracle's boxes as a model writes them that sees pictures at these sizes, by condition."""
    records = records.astype({"answer_format": object, "response": object})
    for condition, size in sizes.items():
        rows = where(records, "grounding_refcoco_testa", condition)
        records.loc[rows, "answer_format"] = f"box:pixels:{size}"
        across, down = (int(side) for side in size.split("x"))
        for at in records.index[rows & records["response"].ne("")]:
            x1, y1, x2, y2 = json.loads(records.loc[at, "target"])["box"]
            box = [x1 * across, y1 * down, x2 * across, y2 * down]
            records.loc[at, "response"] = json.dumps([round(side, 3) for side in box])
            scored = score_response(f"box:pixels:{size}", records.loc[at, "response"], records.loc[at, "target"], {})
            values = [scored.score, scored.prediction, scored.outcome]
            records.loc[at, ["score", "prediction", "outcome"]] = values
            records.loc[at, "iou"] = ground(records.loc[at, "response"], records.loc[at, "target"], f"pixels:{size}")[1]
    return records


def test_boxes_in_pixels_may_be_of_another_size_under_each_condition(entry: Path) -> None:
    """A stand-in has a size of its own, and so has what a processor makes of it."""
    sizes = {"sighted": "644x476", "none": "28x28", "mismatched": "56x56"}
    rewrite(entry, lambda records: write_in_pixels(records, sizes))
    verified = verify_entry(entry, "mini")
    assert verified.accepted, errors(verified)


def test_another_convention_under_another_condition_is_found(entry: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        records = write_in_pixels(records, {"sighted": "644x476"})
        records.loc[where(records, "grounding_refcoco_testa", "none"), "answer_format"] = "box:thousand"
        return records

    rewrite(entry, change)
    assert "grounding_refcoco_testa, answer_format: 8 documents have several values" in errors(verify_entry(entry))


def test_sizes_chosen_answer_by_answer_are_found(entry: Path) -> None:
    """Else any box would be the right one."""

    def change(records: pd.DataFrame) -> pd.DataFrame:
        records = write_in_pixels(records, dict.fromkeys(("sighted", "none", "mismatched"), "644x476"))
        first = records.index[where(records, "grounding_refcoco_testa")][0]
        records.loc[first, "answer_format"] = "box:pixels:322x238"
        return records

    rewrite(entry, change)
    assert "are said to be shown at several sizes" in errors(verify_entry(entry, "mini"))


def test_a_changed_score_is_found(entry: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        records.loc[where(records, "in_domain_gqa", "none"), "score"] = 0.0  # more reliance than there is
        return records

    rewrite(entry, change)
    assert "in_domain_gqa, none, score" in errors(verify_entry(entry))


def test_a_changed_answer_is_found(entry: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        blind = where(records, "in_domain_gqa", "none")
        records.loc[blind, "response"] = records.loc[blind, "target"]
        return records

    rewrite(entry, change)
    assert "in_domain_gqa, none, prediction" in errors(verify_entry(entry))


def test_a_changed_answer_that_is_scored_again_is_found_by_the_runs_digest_alone(entry: Path) -> None:
    records = read_records(entry / "records.parquet")
    (number,) = records.index[where(records, "in_domain_gqa", "none") & (records["score"] == 0)][:1]
    records.loc[number, ["response", "prediction", "score"]] = [records["target"][number]] * 2 + [1.0]
    write_records(records, entry / "records.parquet")
    edit(entry, scores=[one.model_dump() for one in score_tasks(records)])
    edit(entry, averages=[one.model_dump() for one in score_averages(records)])
    found = errors(verify_entry(entry))
    assert "condition none: these aren't the rows that the run wrote" in found and len(found.splitlines()) == 1


def test_dropped_hard_documents_are_found(entry: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        wrong = set(records.loc[where(records, "in_domain_gqa", "none") & (records["score"] == 0), "doc_id"])
        return records[~((records["task"] == "in_domain_gqa") & records["doc_id"].isin(wrong))]

    rewrite(entry, change)
    assert "documents are missing" in errors(verify_entry(entry))


def test_the_last_documents_dropped_everywhere_are_found_by_the_data(entry: Path) -> None:
    rewrite(entry, lambda records: records[records["doc_id"] < 5])
    assert "in_domain_gqa, doc_id: 3 of 8 documents are missing, the first 5" in errors(verify_entry(entry))


def test_duplicated_easy_documents_are_found(entry: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        easy = records[where(records, "in_domain_gqa", "none") & (records["score"] == 1)]
        return pd.concat([records, easy], ignore_index=True)

    rewrite(entry, change)
    assert "rows are repeated" in errors(verify_entry(entry))


def test_easy_documents_copied_under_new_numbers_are_found(entry: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        more = records[records["task"] == "in_domain_gqa"].copy()
        more["doc_id"] += 8
        return pd.concat([records, more], ignore_index=True)

    rewrite(entry, change)
    assert "in_domain_gqa, doc_id: 8 documents aren't in the data" in errors(verify_entry(entry))


def test_a_changed_target_is_found(entry: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        records["target"] = records["target"].where(records["task"] != "in_domain_gqa", records["prediction"])
        own = records["task"] == "in_domain_gqa"
        blind = records[where(records, "in_domain_gqa", "none")].set_index("doc_id")["prediction"]
        records.loc[own, "target"] = records.loc[own, "doc_id"].map(blind)
        records.loc[own, "score"] = (records.loc[own, "target"] == records.loc[own, "prediction"]).astype(float)
        return records

    rewrite(entry, change)
    found = errors(verify_entry(entry))
    assert "in_domain_gqa, none, target" in found and "by the data" in found


def test_changed_options_are_found(entry: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        own = records["task"] == "mmstar_math"
        records.loc[own, "options"] = json.dumps({"A": "1"})
        records.loc[own, "chance"] = 1.0
        return records

    rewrite(entry, change)
    assert "mmstar_math, sighted, options" in errors(verify_entry(entry))


def test_another_way_of_scoring_is_found(entry: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        records.loc[records["task"] == "in_domain_gqa", "answer_format"] = "substring"
        return records

    rewrite(entry, change)
    assert "this task's is choice" in errors(verify_entry(entry))


@pytest.mark.parametrize("hidden", [False, True])
def test_blind_records_relabelled_as_sighted_are_found(entry: Path, hidden: bool) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        swapped = records["condition"].map({"sighted": "none", "none": "sighted"}).fillna(records["condition"])
        return records.assign(condition=swapped)

    def hide(records: pd.DataFrame) -> pd.DataFrame:
        records = change(records)
        # He that rewrites what was shown must let the blind rows show what they can't have shown.
        records["shown_hash"] = records["image_hash"].where(records["condition"] != "none", "0" * 64)
        return records

    rewrite(entry, hide if hidden else change)
    found = errors(verify_entry(entry))
    assert ("none, shown_hash" if hidden else "were not shown the question's own picture") in found


def test_sighted_records_copied_as_blind_ones_are_found(entry: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        records["seconds"] = 0.25
        sighted = records[records["condition"] == "sighted"]
        copies = sighted.assign(condition="none", shown_hash="")
        return pd.concat([records[records["condition"] != "none"], copies], ignore_index=True)

    rewrite(entry, change)
    assert "a copy" in errors(verify_entry(entry))


def test_sighted_prompts_without_a_pictures_tokens_are_found(entry: Path) -> None:
    rewrite(entry, lambda records: records.assign(input_tokens=40))
    assert "took no more tokens than the same prompts without the picture" in errors(verify_entry(entry))


def boxes_shown(sizes: list[tuple[tuple[int, int], tuple[int, int]]]) -> pd.DataFrame:
    """Rows of boxes: each picture's own size, and the one that it is said to be shown at."""
    rows = [
        {"target": json.dumps({"box": [0, 0, 1, 1], "size": own}), "answer_format": f"box:pixels:{shown[0]}x{shown[1]}"}
        for own, shown in sizes
    ]
    return pd.DataFrame(rows)


def by_area(width: int, height: int) -> tuple[int, int]:
    """As Qwen's processor does: sides of 28 pixels' multiples, at most a million pixels."""
    scale = min(1.0, (1e6 / (width * height)) ** 0.5)
    return max(28, round(width * scale / 28) * 28), max(28, round(height * scale / 28) * 28)


def by_longer_side(width: int, height: int) -> tuple[int, int]:
    scale = 1024 / max(width, height)
    return round(width * scale), round(height * scale)


@pytest.mark.parametrize("resize", [by_area, by_longer_side, lambda width, height: (448, 448)])
def test_sizes_of_one_processor_follow_a_rule_and_chosen_ones_do_not(resize: Any) -> None:
    """Boxes in pixels are worth what the shown size makes of them, so nobody may choose it picture by picture."""
    draw = random.Random(0)
    own = [(draw.randint(60, 3000), draw.randint(60, 3000)) for _ in range(200)]
    assert _follow_a_rule(boxes_shown([(size, resize(*size)) for size in own]))
    bent = [(size, (draw.randint(100, 900), draw.randint(100, 900))) for size in own]
    assert not _follow_a_rule(boxes_shown(bent))
    scales = [draw.uniform(0.2, 3) for _ in own]
    scaled = [((w, h), (round(w * scale), round(h * scale))) for (w, h), scale in zip(own, scales, strict=True)]
    assert not _follow_a_rule(boxes_shown(scaled))


def test_missing_blind_runs_are_found(entry: Path) -> None:
    rewrite(entry, lambda records: records[records["condition"] != "none"])
    assert "no rows under the condition none" in errors(verify_entry(entry))


def test_a_swapped_model_name_is_found(entry: Path) -> None:
    part = {"role": "model", "checkpoint": "giant-70b", "parameters": 0}
    edit(entry, name="giant-70b", parts=[part])
    assert "parts.model.checkpoint: giant-70b here, scripted:oracle in manifest.json" in errors(verify_entry(entry))
    edit_manifest(entry, parts={"model": {"name": "giant-70b", "parameters": 0}})
    assert "giant-70b is not in the model scripted:oracle" in errors(verify_entry(entry))
    edit_manifest(entry, model="giant-70b", identity="giant-70b@0")
    edit(entry, runs=[{**read_yaml(entry / "entry.yaml")["runs"][0], "model": "giant-70b", "identity": "giant-70b@0"}])
    assert "scripted:oracle in rows, giant-70b in manifest.json" in errors(verify_entry(entry))


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"kind": "decoupled"}, "kind"),
        ({"mode": "thinking"}, "mode"),
        ({"data_revision": "mini@1, 9 questions"}, "data.revision"),
        ({"limit": 4}, "data.limit"),
        ({"options": "circular"}, "data.options"),
        ({"run_id": "0123456789ab"}, "run_id"),
        ({"tasks": ["in_domain_gqa"]}, "no manifest names this task"),
        ({"conditions": {}}, "conditions.sighted"),
        ({"tokens": {"output_tokens": 5}}, "output_tokens"),
        ({"seed": "0"}, "runs.0.seed"),
        ({"seed": float("nan")}, "NaN"),
    ],
)
def test_a_manifest_that_tells_another_story_is_found(entry: Path, fields: dict[str, Any], found: str) -> None:
    edit_manifest(entry, **fields)
    assert found in errors(verify_entry(entry, "mini"))


def test_other_revisions_are_warned_of_with_both(entry: Path) -> None:
    details = json.loads((entry / "manifest.json").read_text())["runs"][0]["task_details"]
    details["mmstar_math"] |= {"hash": "0" * 16, "version": 9}
    edit_manifest(entry, scorer="f" * 16, task_details=details)
    verified = verify_entry(entry)
    warnings = "\n".join(issue.line() for issue in verified.issues if issue.level == "warning")
    assert verified.accepted
    assert "scored by ffffffffffffffff" in warnings and "version changed since the run" in warnings


def test_tokens_beyond_the_claimed_budget_are_found(entry: Path) -> None:
    rewrite(entry, lambda records: records.assign(output_tokens=129))
    assert "rows took more than the claimed 128 tokens, the most 129" in errors(verify_entry(entry))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 7.0])
def test_scores_that_are_none_are_found(entry: Path, value: float) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        records.loc[where(records, "imagenet"), "score"] = value
        return records

    records = change(read_records(entry / "records.parquet"))
    write_records(records, entry / "records.parquet")
    write_hashes(entry)
    found = errors(verify_entry(entry))
    assert ("score: 8 rows have none" if value != value else "imagenet, sighted, score") in found
    assert value != value or "entry.yaml: scores" in found


def test_claims_that_the_records_do_not_come_to_are_found(entry: Path) -> None:
    fields = read_yaml(entry / "entry.yaml")
    fields["scores"][1]["score"] = round(fields["scores"][1]["score"] - 0.000002, 6)
    fields["scores"][2]["n"] += 1
    del fields["scores"][3]
    fields["averages"][0]["rule"] = "the best of all"
    edit(entry, **fields)
    found = errors(verify_entry(entry))
    assert "claimed" in found and ".n: " in found and "the entry doesn't say it" in found and ".rule" in found


def test_a_changed_file_is_found_by_its_hash(entry: Path) -> None:
    (entry / "manifest.json").write_text((entry / "manifest.json").read_text() + " ")
    assert "manifest.json: sha256" in errors(verify_entry(entry))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "records.parquet/../entry.yaml", "C:\\x"])
def test_a_path_in_the_hashes_is_never_followed(entry: Path, name: str) -> None:
    hashes = json.loads((entry / "hashes.json").read_text())
    hashes["files"][name] = "0" * 64
    (entry / "hashes.json").write_text(json.dumps(hashes))
    assert "is no file of an entry" in errors(verify_entry(entry))


def test_links_archives_and_further_files_are_refused(entry: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("schema_version: 1")
    (entry / "entry.yaml").unlink()
    (entry / "entry.yaml").symlink_to(secret)
    assert "entry.yaml is a link" in errors(verify_entry(entry))
    (tmp_path / "link").symlink_to(entry)
    assert "is a link; give the folder itself" in errors(verify_entry(tmp_path / "link"))
    with zipfile.ZipFile(tmp_path / "entry.zip", "w") as archive:
        archive.writestr("../escape", "x")
    assert "archives aren't unpacked" in errors(verify_entry(tmp_path / "entry.zip"))
    assert "there is no folder" in errors(verify_entry(tmp_path / "nothing"))
    (entry / "setup.py").write_text("raise SystemExit")
    (entry / "more").mkdir()
    found = errors(verify_entry(entry))
    assert "setup.py doesn't belong" in found and "more doesn't belong" in found
    shutil.rmtree(entry / "more")
    (entry / "records.parquet").unlink()
    assert "records.parquet is missing" in errors(verify_entry(entry))


def test_an_entry_under_another_name_is_found(entry: Path) -> None:
    moved = entry.rename(entry.with_name("other"))
    assert "oracle is not the folder's name other" in errors(verify_entry(moved))


def test_reports_hold_every_issue_and_no_markup_of_a_stranger(entry: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        records.loc[where(records, "imagenet"), "response"] = "<img src=x> | [a](javascript:b) @all \u202e"
        return records

    rewrite(entry, change)
    verified = verify_entry(entry)
    text = write_markdown([verified], ["removed: <b>|"])
    assert "**refused**" in text and "On the embedded mini suite" in text and "Extract" not in text
    assert "<img" not in text and "<b>" not in text and "\u202e" not in text and "](javascript" not in text
    report = json.loads(write_json([verified]))
    assert report["accepted"] is False and len(report["entries"][0]["issues"]) == len(verified.issues)


def test_what_was_read_comes_with_the_issues(entry: Path) -> None:
    verified = verify_entry(entry, "mini")
    assert verified.entry == load_entry(entry)
    assert verified.records is not None and len(verified.records) == len(read_records(entry / "records.parquet"))
    (run,) = json.loads((entry / "manifest.json").read_text())["runs"]
    assert verified.manifests is not None
    assert verified.manifests[run["run_id"]].model_dump(exclude_unset=True) == run  # with what no check reads


def test_an_entry_that_cannot_be_read_says_why_first(entry: Path) -> None:
    (entry / "manifest.json").write_text('{"runs": 1')
    verified = verify_entry(entry, "mini")
    assert verified.entry is not None and verified.manifests is None and verified.records is None
    assert verified.issues[0].line().startswith("error: manifest.json: the file: Expecting")
    (entry / "entry.yaml").write_text("a: 1\na: 2")
    verified = verify_entry(entry, "mini")
    assert verified.entry is None and "a key stands twice" in verified.issues[0].reason


def test_what_the_system_cannot_open_is_an_issue(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "File name too long" in errors(verify_entry(entry.with_name("x" * 300)))
    opened = Path.open

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "manifest.json":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    assert "manifest.json: the file: permission denied" in errors(verify_entry(entry, "mini"))


@pytest.mark.parametrize(
    "target", ['{"box": [0, 0, 1, 1], "size": [1e999, 1]}', '{"box": [0, 0, 1, 1], "size": [0, 0]}']
)
def test_targets_of_endless_and_empty_pictures_are_issues(entry: Path, target: str) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        boxes = where(records, "grounding_refcoco_testa") | where(records, "grounding_refcoco_testa", "none")
        records.loc[boxes, "target"] = target
        return records

    rewrite(entry, change)
    assert "grounding_refcoco_testa, sighted, target" in errors(verify_entry(entry, "mini"))


def test_issues_that_differ_in_their_field_alone_are_told_once_and_errors_one_by_one() -> None:
    alike = [not_checked("f", field, "why") for field in ("a", "b", "c")] + [
        error("f", "d", "why"),
        error("f", "e", "why"),
    ]
    merged = merge_alike([*alike, warning("f", "a", "why"), not_checked("g", "a", "why")])
    assert [(issue.level.value, issue.file, issue.field) for issue in merged] == [
        ("not checked", "f", "a, and 2 more"),
        *(("error", "f", field) for field in "de"),
        ("warning", "f", "a"),
        ("not checked", "g", "a"),
    ]


def test_without_its_data_an_entry_is_checked_as_far_as_it_goes(entry: Path) -> None:
    edit_manifest(entry, data_revision="mini@999, 8 questions")
    edit(entry, data={**read_yaml(entry / "entry.yaml")["data"], "revision": "mini@999, 8 questions"})
    rewrite(entry, lambda records: records.assign(data="mini@999, 8 questions"))
    verified = verify_entry(entry)
    assert verified.accepted, errors(verified)
    assert any("another revision" in issue.reason for issue in verified.issues if issue.level == "not checked")


def test_the_entry_reads_back_as_it_was_written(honest: Path) -> None:
    entry = parse_entry(read_yaml(honest / "entry.yaml"))
    assert isinstance(entry, Entry) and entry.score("imagenet", "none") and not entry.partial
    assert read_yaml(honest / "entry.yaml") == json.loads(entry.model_dump_json())


def test_an_entry_whose_manifest_reads_answers_from_likelihoods_is_refused(tiny: Path, tmp_path: Path) -> None:
    entry = Path(shutil.copytree(tiny, tmp_path / "tiny"))
    manifest = json.loads((entry / "manifest.json").read_text())
    manifest["runs"][0]["answers"] = "likelihood:letter"
    (entry / "manifest.json").write_text(json.dumps(manifest))
    write_hashes(entry)
    verified = verify_entry(entry, "mini")
    assert not verified.accepted and "answers: are read by likelihood:letter" in errors(verified)
