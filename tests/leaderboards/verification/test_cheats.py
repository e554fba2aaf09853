"""Cheats: entries made anew as one who knows the checks would, with claims, digests, sums and hashes that fit.

Each is refused or said. What no file shows, such as answers replaced by better ones in the model's own way of writing,
is found by fresh questions and spot reruns alone.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sightscale.harness.evaluation import list_shipped, read_records
from sightscale.leaderboards.entry.folders import read_yaml, write_hashes, write_yaml
from sightscale.leaderboards.verification import State
from sightscale.leaderboards.verification.verify import verify_entry

Rewrite = Callable[..., None]
Fields = dict[str, Any]
Cheat = Callable[[Fields, Fields, pd.DataFrame], pd.DataFrame | None]


def change(entry: Path, rewrite: Rewrite, cheat: Cheat) -> None:
    """Let a cheat change claims and runs in place and return other records; then make all that follows anew."""
    claims, manifest = read_yaml(entry / "entry.yaml"), json.loads((entry / "manifest.json").read_text())
    records = cheat(claims, manifest, read_records(entry / "records.parquet").copy())
    (entry / "entry.yaml").write_text(write_yaml(claims))
    (entry / "manifest.json").write_text(json.dumps(manifest))
    if records is not None:
        rewrite(entry, lambda _: records)
    write_hashes(entry)


def second_run(claims: Fields, manifest: Fields, **changed: Any) -> str:
    """A further run beside the first, as the first but for what is changed."""
    other = json.loads(json.dumps(manifest["runs"][0])) | {"run_id": "feedfeedfeed"} | changed
    manifest["runs"].append(other)
    claims["runs"].append({name: other[name] for name in ("run_id", "model", "identity")})
    return str(other["run_id"])


def best_of_two_runs(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    """For each question the better of two runs' answers."""
    other = second_run(claims, manifest)
    return records.assign(run_id=records["run_id"].where(records["doc_id"] % 2 == 0, other))


def blind_of_another_seed(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    """The blind answers of the run that came out worst."""
    other = second_run(claims, manifest, seed=7)
    for run, condition in zip(manifest["runs"], ("sighted", "none"), strict=True):
        run["conditions"] = {condition: run["conditions"][condition]}
        run["conditions"][condition]["settings"]["seed"] = run["seed"]
    return records.assign(run_id=records["run_id"].where(records["condition"] == "sighted", other))


def another_model_for_half(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    """A larger model's answers under the same name."""
    identity = f"{manifest['runs'][0]['identity']} large"
    other = second_run(claims, manifest, identity=identity)
    return records.assign(run_id=records["run_id"].where(records["doc_id"] % 2 == 0, other))


def a_task_nobody_asked(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    """A second run that says it was asked another task."""
    other = second_run(claims, manifest, tasks=["in_domain_vqav2"])
    return records.assign(run_id=records["run_id"].where(records["condition"] == "sighted", other))


def edit_run(**fields: Any) -> Cheat:
    def cheat(claims: Fields, manifest: Fields, records: pd.DataFrame) -> None:
        manifest["runs"][0] |= fields

    return cheat


def edit_settings(of: str, **fields: Any) -> Cheat:
    """Other settings under one condition; None takes one out."""

    def cheat(claims: Fields, manifest: Fields, records: pd.DataFrame) -> None:
        settings = manifest["runs"][0]["conditions"][of]["settings"]
        settings |= fields
        for name in [name for name, value in fields.items() if value is None]:
            del settings[name]

    return cheat


def drop_from_run(name: str) -> Cheat:
    def cheat(claims: Fields, manifest: Fields, records: pd.DataFrame) -> None:
        del manifest["runs"][0][name]

    return cheat


def empty(column: str, value: Any = None, first: int | None = None) -> Cheat:
    """A column without its values, all of them or the first rows'."""

    def cheat(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
        changed = records.astype({column: object})
        changed.loc[: first - 1 if first else len(records), column] = value
        return changed

    return cheat


def set_all(**columns: Any) -> Cheat:
    return lambda claims, manifest, records: records.assign(**columns)


def rename(name: str, digest: str = "0123456789abcdef") -> Cheat:
    """Another checkpoint's name and hash in all files."""

    def cheat(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
        run, identity = manifest["runs"][0], f"end-to-end({name}@{digest}|transformers|bfloat16)"
        run |= {"model": name, "identity": identity, "parts": {"model": {"name": name, "parameters": 5}}}
        claims["runs"][0] |= {"model": name, "identity": identity}
        claims |= {"name": name, "parts": [{**claims["parts"][0], "checkpoint": name, "parameters": 5}]}
        return records.assign(model=name, parameters=5)

    return cheat


def call_by_a_part_of_its_name(claims: Fields, manifest: Fields, records: pd.DataFrame) -> None:
    """A checkpoint's name that stands in the model's only as a part of a word."""
    manifest["runs"][0]["parts"]["model"]["name"] = "oracl"
    claims |= {"name": "oracl", "parts": [{**claims["parts"][0], "checkpoint": "oracl"}]}


def smaller_than_counted(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    """The size in manifest and entry alone; the rows say another."""
    manifest["runs"][0]["parts"]["model"]["parameters"] = 10
    claims["parts"][0]["parameters"] = 10
    return records


def uncut(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    """Answers that met the limit, said to have ended by themselves, so that they are worth something."""
    for facts in manifest["runs"][0]["conditions"].values():
        facts["settings"]["decoding"] = {"in_domain_gqa": {"max_new_tokens": 9}}
    return records.assign(output_tokens=9)


def beyond_the_limit(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    """More tokens than the settings allow."""
    for facts in manifest["runs"][0]["conditions"].values():
        facts["settings"]["decoding"] = {"in_domain_gqa": {"max_new_tokens": 1}}
    return records.assign(output_tokens=records["output_tokens"] + 3)


def fail_blind(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    """Blind answers that failed, with a reason each, so that looking adds more."""
    blind = records["condition"] == "none"
    records = records.astype({"error": object, "prediction": object})
    records.loc[blind, ["outcome", "response", "score", "error"]] = ["failed", "", 0.0, "out of memory"]
    records.loc[blind, "prediction"] = None
    return records


def say_nothing_blind(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    """Blind answers that name no option."""
    blind = records["condition"] == "none"
    records = records.astype({"prediction": object})
    records.loc[blind, ["outcome", "response", "score"]] = ["unparsed", "?", 0.0]
    records.loc[blind, "prediction"] = None
    return records


def focus_an_end_to_end_model(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    return records.assign(focus="the answer is A")


def focus_from_a_file(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    """A file of focuses, which may tell perception what to see."""
    manifest["runs"][0]["kind"] = claims["kind"] = "decoupled"
    for facts in manifest["runs"][0]["conditions"].values():
        facts["settings"]["focus_file"] = "0123456789abcdef"
    claims["parts"] = [{**claims["parts"][0], "role": role} for role in ("perception", "reasoning")]
    claims["name"] = "+".join(part["checkpoint"] for part in claims["parts"])
    return records.assign(kind="decoupled", focus="the answer is A")


def on_data_of_its_own(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    """Public data of a revision that nobody else has, so that the entry leads a table by itself."""
    claims["data"] |= {"source": "hub", "revision": "hub, cleaned"}
    manifest["runs"][0] |= {"data": "hub", "data_revision": "hub, cleaned"}
    shown = records["condition"].map({"sighted": "ab" * 32, "none": ""})
    return records.assign(data="hub, cleaned", prompt="What?", image_hash="ab" * 32, shown_hash=shown)


def limited_to_all(claims: Fields, manifest: Fields, records: pd.DataFrame) -> None:
    """A limit that leaves nothing out, for a table by itself."""
    claims["data"]["limit"] = manifest["runs"][0]["limit"] = 99


def draw_answers(claims: Fields, manifest: Fields, records: pd.DataFrame) -> None:
    """The best of many runs by chance."""
    for facts in manifest["runs"][0]["conditions"].values():
        facts["settings"]["decoding"] = {"in_domain_gqa": {"max_new_tokens": 64, "temperature": 0.7}}


def called_as_an_average(claims: Fields, manifest: Fields, records: pd.DataFrame) -> pd.DataFrame:
    """A task of a headline's name, so that its score stands under the headline."""
    manifest["runs"][0]["tasks"] = ["in_domain"]
    return records.assign(task="in_domain")


CHEATS: dict[str, tuple[Cheat, str]] = {
    "the better of two runs": (best_of_two_runs, "answers of 2 runs, "),
    "blind answers of another seed": (blind_of_another_seed, "runs.feedfeedfeed.seed"),
    "a larger model's answers for half": (another_model_for_half, "runs.feedfeedfeed.identity"),
    "a run that wasn't asked this": (a_task_nobody_asked, "the run feedfeedfeed wasn't asked this task"),
    "no sums of tokens": (edit_run(tokens={}), "tokens: input_tokens isn't summed"),
    "other sums of tokens": (edit_run(tokens={"a": 1}), "tokens: a is none of input_tokens"),
    "no tokens": (drop_from_run("tokens"), "manifest.json: the file: runs.0.tokens"),
    "no time it began": (drop_from_run("started"), "manifest.json: the file: runs.0.started"),
    "no software": (edit_run(software={}), "manifest.json: the file: runs.0.software"),
    "no details of tasks": (edit_run(task_details={}), "the run says nothing of in_domain_gqa"),
    "settings of nothing": (edit_settings("none", condition=None), "conditions.none.settings.condition: not said"),
    "another seed of settings": (edit_settings("sighted", seed=3), "conditions.sighted.settings.seed: 3, not 0"),
    "another reader of boxes": (
        edit_settings("none", box_convention="xyxy"),
        "conditions.none.settings.box_convention",
    ),
    "blind answers cut short": (
        edit_settings("none", decoding={"in_domain_gqa": {"max_new_tokens": 1}}),
        "conditions.none.settings.decoding: other than that of the sighted answers",
    ),
    "two stages without decoding": (edit_run(kind="decoupled"), "settings.perception_decoding: not said"),
    "no size in rows": (empty("parameters"), "parameters of run"),
    "no size in one row": (empty("parameters", first=1), "parameters of run"),
    "another size in the manifest": (smaller_than_counted, "parameters of run"),
    "no kind in one row": (empty("kind", first=1), "kind: 1 rows have none"),
    "no seconds": (empty("seconds"), "seconds: 16 rows have none"),
    "no tokens of perception": (empty("perception_input_tokens", first=1), "perception_input_tokens: 1 rows have none"),
    "no hash of one document": (empty("document_hash", first=1), "document_hash: 1 of 16 rows don't say it"),
    "no hashes of documents": (empty("document_hash"), "document_hash: the rows don't say it"),
    "an empty hash of a document": (empty("document_hash", "", 1), "document_hash: 1 of 16 rows don't say it"),
    "one end of an answer less": (empty("finish_reason", first=1), "finish_reason: 1 of 16 rows don't say it"),
    "no ends of answers": (
        empty("finish_reason"),
        "not checked: records.parquet: finish_reason: the rows don't say it",
    ),
    "an empty focus": (set_all(focus=""), "focus"),
    "a focus that tells": (focus_an_end_to_end_model, "focus"),
    "cut answers said to be whole": (uncut, "took all 9 tokens allowed and aren't said to be cut off"),
    "more tokens than allowed": (beyond_the_limit, "took more tokens than the run's settings allow"),
    "blind answers failed": (fail_blind, "100.0 % of these answers failed, and 0.0 % of the sighted ones"),
    "blind answers that say nothing": (say_nothing_blind, "of these answers named no option"),
    "a part of the model's name": (call_by_a_part_of_its_name, "oracl is not in the model"),
    "focuses from a file": (focus_from_a_file, "not checked: records.parquet: focus: the focuses come from a file"),
    "data of its own": (on_data_of_its_own, "hub, cleaned is no revision of the public data"),
    "a limit that limits nothing": (limited_to_all, "no task has more than 99 documents, so nothing is left out"),
    "answers drawn by chance": (draw_answers, "answers are drawn by chance, at a temperature of 0.7"),
    "a task called as an average": (called_as_an_average, "scores hold in_domain, which is an average's name"),
    "a shipped name's look-alike": (rename("nano_2M"), "reads like"),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_refused_or_said(copy: Path, rewrite: Rewrite, name: str) -> None:
    cheat, words = CHEATS[name]
    change(copy, rewrite, cheat)
    lines = "\n".join(issue.line() for issue in verify_entry(copy, "mini").issues)
    assert words in lines, lines


def test_weights_that_come_with_sightscale_are_known_under_any_name(copy: Path, rewrite: Rewrite) -> None:
    known, shipped = next(iter(list_shipped().items()))
    change(copy, rewrite, rename("mine", shipped.digest))
    verified = verify_entry(copy, "mini")
    assert f"the weights of mine are those of {known}" in "\n".join(issue.line() for issue in verified.issues)
    assert verified.state is State.SELF_REPORTED
