"""Imports: lmms-eval's own samples files, our reader over theirs, and files that mean harm."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from sightscale.harness.analysis.matched_runs import read_runs
from sightscale.harness.analysis.reliance import find_reliance
from sightscale.harness.evaluation.import_samples import _as_samples, import_samples, read_argument, read_options
from sightscale.harness.evaluation.records import read_records, write_records
from sightscale.harness.evaluation.result_files import _flatten

PROMPT = "Question: What is red?\nOptions:\nA. the box\nB. the ball\nC. the hat\nAnswer with the option's letter.\n"


def sample(doc_id: int, response: Any, **others: Any) -> dict[str, Any]:
    """One line as lmms-eval writes it for a task that isn't ours."""
    return {"doc_id": doc_id, "target": "B", "filtered_resps": response, "input": PROMPT, "doc_hash": "x", **others}


def write(folder: Path, name: str, *samples: Any) -> str:
    """A samples file; strings are written as they are."""
    folder.mkdir(exist_ok=True, parents=True)
    lines = [one if isinstance(one, str) else json.dumps(one) for one in samples]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder / name)


def test_answers_are_read_again_so_a_letter_drawn_by_lot_is_not_counted(tmp_path: Path) -> None:
    lines = [
        sample(0, "B", accuracy=1.0),
        sample(1, ["(B) the ball"], accuracy=0.0),
        sample(2, [["I like turtles."]], accuracy=1.0),
    ]
    records = import_samples([write(tmp_path, "20260101_000000_samples_vmc.jsonl", *lines)], "theirs")
    assert records["score"].tolist() == [1.0, 1.0, 0.0]
    assert records["outcome"].tolist() == ["answered", "answered", "unparsed"]
    assert set(records["kind"]) == {"imported"} and records["chance"].tolist() == [1 / 3] * 3
    assert json.loads(records["options"][0]) == {"A": "the box", "B": "the ball", "C": "the hat"}


def test_sighted_and_blind_files_become_one_run_that_analyses_read(tmp_path: Path) -> None:
    sighted = write(tmp_path, "20260101_000000_samples_vmc.jsonl", *(sample(i, "B") for i in range(20)))
    blind = write(tmp_path, "20260101_000000_samples_vmc_blind.jsonl", *(sample(i, "A") for i in range(20)))
    black = write(tmp_path / "black", "samples_vmc.jsonl", *(sample(i, "BC"[i % 2]) for i in range(20)))
    noise = write(tmp_path / "other", "samples_vmc.jsonl", *(sample(i, "C") for i in range(20)))
    records = import_samples([sighted, blind, black, f"{noise}=noise"], "theirs", data="hub:x@1")
    assert records.groupby("condition")["score"].mean().to_dict() == {
        "sighted": 1.0,
        "none": 0.0,
        "black": 0.5,
        "noise": 0.0,
    }
    (tmp_path / "run").mkdir()
    write_records(records, tmp_path / "run" / "records.parquet")
    assert set(read_records(tmp_path / "run")["data"]) == {"hub:x@1"}
    found = find_reliance(read_runs([str(tmp_path / "run")]))
    reliance = found[found["measure"] == "reliance"].set_index("condition")["value"]
    assert reliance.to_dict() == {"none": 1.0, "black": 0.5, "noise": 1.0}


def test_scores_without_options_are_the_metric_named(tmp_path: Path) -> None:
    open_answer = {
        "doc_id": 0,
        "target": "red",
        "filtered_resps": "red",
        "input": "colour?",
        "anls": 0.75,
        "rouge": 0.5,
    }
    path = write(tmp_path, "samples_open.jsonl", open_answer)
    assert import_samples([path], "m", metric="rouge")["score"].tolist() == [0.5]
    with pytest.raises(ValueError, match=r"line 1: say which metric .* the sample has anls, rouge"):
        import_samples([path], "m")
    nested = {"doc_id": 0, "target": "red", "filtered_resps": "red", "average": {"question_id": 1, "score": 0.25}}
    assert import_samples([write(tmp_path, "samples_n.jsonl", nested)], "m")["score"].tolist() == [0.25]


def test_our_own_samples_keep_what_they_say(tmp_path: Path) -> None:
    ours = sample(
        3, "B", options={"A": "x", "B": "y"}, answer_format="choice", item_id="q7", category="c", accuracy=1.0
    ) | {"blind_probability": 0.5, "truth_description": "a ball", "order": "AB"}
    [row] = import_samples([write(tmp_path, "samples_t.jsonl", ours)], "m").to_dict("records")
    assert (row["item_id"], row["category"], row["order"]) == ("q7", "c", "AB")
    assert (row["blind_probability"], row["truth_description"], row["chance"]) == (0.5, "a ball", 0.5)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: not a sample"),
        ('{"doc_id": 1}', "line 2: not a sample"),
        ('{"doc_id": "1", "target": "B"}', "line 2: doc_id"),
        ('{"doc_id": 1e400, "target": "B"}', "line 2: doc_id"),
        ('{"doc_id": 99999999999999999999999, "target": "B"}', "line 2: doc_id"),
        ('{"doc_id": 1, "target": ' + "[" * 100_000 + "}", "line 2: (not JSON|nested too deeply)"),
        ('{"doc_id": 1, "target": "' + "x" * 4_100_000 + '"}', "line 2: longer than 4 MB"),
        (json.dumps(sample(0, "B")), "document 0 of t is in a file twice"),
        (json.dumps(sample(1, "B", answer_format="box") | {"target": "no box"}), "line 2: target 'no box'"),
    ],
)
def test_a_line_that_means_harm_ends_in_one_line(tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        import_samples([write(tmp_path, "samples_t.jsonl", sample(0, "B"), line)], "m")


def test_text_from_strangers_is_bounded_and_storable(tmp_path: Path) -> None:
    wild = sample(0, "\ud800<script>alert(1)</script>" + "y" * 500_000, item_id="=1+1")
    path = write(tmp_path, "samples_t.jsonl", wild)
    records = import_samples([path], "m")
    write_records(records, tmp_path / "records.parquet")
    assert len(read_records(tmp_path / "records.parquet")["response"][0]) <= 200_000


def test_file_names_tell_task_and_condition(tmp_path: Path) -> None:
    named = write(tmp_path, "20260101_000000_samples_mmstar_blind.jsonl", sample(0, "B"))
    assert read_argument(named)[1:] == ("mmstar", "none")
    assert read_argument(f"{named}=black")[1:] == ("mmstar", "black")
    with pytest.raises(ValueError, match="unknown condition 'blur'"):
        read_argument(f"{named}=blur")
    for name in ("samples_.jsonl", "samples_a b.jsonl"):
        with pytest.raises(ValueError, match="isn't named like"):
            read_argument(str(tmp_path / name))
    with pytest.raises(ValueError, match="there are no results"):
        import_samples([str(tmp_path / "samples_gone.jsonl")], "m")
    with pytest.raises(ValueError, match="hold no sample"):
        import_samples([write(tmp_path, "samples_none.jsonl", "")], "m")
    with pytest.raises(ValueError, match="another file of mmstar was read"):
        import_samples([named, named], "m")


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        (PROMPT, {"A": "the box", "B": "the ball", "C": "the hat"}),
        ("What?\nOptions: A: yes, B: no, C: a, b and c", {"A": "yes", "B": "no", "C": "a, b and c"}),
        ("Which?\nChoices:\n(A) 12 cm\n(B) 13 cm", {"A": "12 cm", "B": "13 cm"}),
        ("A. old\nB. old\nQuestion: now\nA. new\nB. newer", {"A": "new", "B": "newer"}),
        ("B. first\nC. second", {}),
        ("A man. Plan B: none", {}),
    ],
)
def test_options_in_prompts(prompt: str, options: dict[str, str]) -> None:
    assert read_options(prompt, "B") == options


@given(st.text(max_size=400), st.text(max_size=5))
def test_any_prompt_can_be_read_for_options(prompt: str, target: str) -> None:
    found = read_options(prompt, target)
    assert list(found) == [chr(ord("A") + number) for number in range(len(found))]
    assert not found or target in found


OPTIONAL = ("filtered_resps", "resps", "input", "options", "answer_format", "score", "iou")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"doc_id": json_values, "target": json_values},
        optional=dict.fromkeys(
            ("filtered_resps", "resps", "input", "options", "answer_format", "score", "iou"), json_values
        ),
    )
)
def test_any_sample_is_read_or_refused_in_one_line(found: dict[str, Any]) -> None:
    try:
        row = {"responses": found.get("filtered_resps"), **found}
        read = list(_as_samples(row | {"responses": _flatten(row["responses"])}, None, "here"))
    except ValueError as error:
        assert "\n" not in str(error).splitlines()[0]
        return
    assert all(isinstance(sample["score"], float) for sample in read)
    assert all(isinstance(sample["filtered_resps"][0], str) for sample in read)
