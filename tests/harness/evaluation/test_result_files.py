"""Result files of other harnesses: every response kept, nothing guessed, harm refused in one line."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from sightscale.harness.evaluation.import_samples import import_samples, read_argument
from sightscale.tasks.errors import UserError

PROMPT = "What is red?\nA. the box\nB. the ball\nAnswer with the option's letter."


def write_lines(path: Path, *rows: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return str(path)


def lmms(doc_id: int, responses: Any, **others: Any) -> dict[str, Any]:
    return {"doc_id": doc_id, "target": "B", "filtered_resps": responses, "input": PROMPT, **others}


def test_a_target_of_several_letters_keeps_the_files_own_score(tmp_path: Path) -> None:
    rows = [lmms(i, r, target=["A", "C"], exact_match=s) for i, (r, s) in enumerate((("A, C", 1), ("A", 0), ("AC", 1)))]
    records = import_samples([write_lines(tmp_path / "samples_multi.jsonl", *rows)], "m")
    assert records["score"].tolist() == [1.0, 0.0, 1.0] and records["answer_format"].isna().all()
    assert json.loads(records["target"][0]) == ["A", "C"]


def test_every_response_is_a_row_and_a_question_is_a_cluster(tmp_path: Path) -> None:
    rows = [lmms(0, ["B", "A", "B"]), lmms(1, [["A"], ["A"], ["B"]])]
    records = import_samples([write_lines(tmp_path / "samples_t.jsonl", *rows)], "m")
    assert records["score"].tolist() == [1.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    assert records["item_id"].tolist() == ["0#1", "0#2", "0#3", "1#1", "1#2", "1#3"]
    assert records["cluster"].nunique() == 2 and records["doc_id"].tolist() == list(range(6))


def test_responses_that_records_cannot_hold_are_refused(tmp_path: Path) -> None:
    uneven = write_lines(tmp_path / "samples_t.jsonl", lmms(0, ["B", "A"]), lmms(1, ["A"]))
    with pytest.raises(UserError, match="question 1 has 1 responses and another has 2"):
        import_samples([uneven], "m")
    unread = write_lines(tmp_path / "samples_u.jsonl", lmms(0, ["red", "blue"], input="colour?", acc=1.0))
    with pytest.raises(UserError, match="2 responses and no options"):
        import_samples([unread], "m")


def test_a_metric_in_per_cent_is_scaled_and_ratings_are_refused(tmp_path: Path) -> None:
    rows = [lmms(i, "x", target="red", input="colour?", acc=100.0 * (i % 2)) for i in range(4)]
    assert import_samples([write_lines(tmp_path / "samples_p.jsonl", *rows)], "m")["score"].tolist() == [0, 1, 0, 1]
    rows = [lmms(i, "x", target="red", input="colour?", rating=i + 1) for i in range(4)]
    with pytest.raises(UserError, match=r"samples_r\.jsonl: no score per question: .* between 1 and 4"):
        import_samples([write_lines(tmp_path / "samples_r.jsonl", *rows)], "m")


@pytest.mark.parametrize(
    "arguments",
    [
        {"gen_args_0": {"arg_0": PROMPT, "arg_1": {"until": ["\n"]}}},
        [[PROMPT, {"until": ["\n"]}]],
    ],
)
def test_samples_of_lm_evaluation_harness_keep_task_and_prompt(tmp_path: Path, arguments: Any) -> None:
    row = {
        **{"doc_id": 0, "doc": {"q": "x"}, "target": "B", "arguments": arguments, "resps": [["B."]]},
        **{"filtered_resps": ["B."], "exact_match": 0.0, "doc_hash": "a", "prompt_hash": "b", "target_hash": "c"},
    }
    path = write_lines(tmp_path / "samples_mmlu_pro_2026-07-01T12-34-56.789012.jsonl", row)
    assert read_argument(path)[1:] == ("mmlu_pro", "sighted")
    (record,) = import_samples([path], "m").to_dict("records")
    assert (record["prompt"], record["score"], record["prediction"]) == (PROMPT, 1.0, "B")


def test_mmmu_pros_answers_are_read_with_their_options(tmp_path: Path) -> None:
    row = {"id": "test_History_1", "question": "When?", "options": "['1850', \"the '60s\", '1870']", "answer": "B"}
    rows = [
        row | {"response": "Answer: B", "subject": "History"},
        row | {"id": "test_History_2", "response": ["the answer is C", "B"]},
    ]
    path = write_lines(tmp_path / "my-vlm_standard (10 options)_cot.jsonl", rows[0])
    (record,) = import_samples([path], "m").to_dict("records")
    assert (record["item_id"], record["category"], record["score"]) == ("test_History_1", "History", 1.0)
    assert json.loads(record["options"]) == {"A": "1850", "B": "the '60s", "C": "1870"}
    assert record["task"] == "my-vlm_standard_10_options_cot"
    several = import_samples([f"{write_lines(tmp_path / 'b.jsonl', rows[1])}=mmmu_pro/none"], "m")
    assert several["score"].tolist() == [0.0, 1.0] and set(several["task"]) == {"mmmu_pro"}
    for options, reason in (("__import__('os')", "not a list"), ("{'a': 1}", "not a list"), (["x"] * 27, "at most 26")):
        with pytest.raises(UserError, match=reason):
            import_samples([write_lines(tmp_path / "c.jsonl", rows[0] | {"options": options})], "m")


TABLE = [
    ["index", "question", "hint", "A", "B", "C", "answer", "category", "l2-category", "prediction"],
    [7, "What is red?", None, "the box", "the ball", None, "B", "attribute", "colour", "B. the ball"],
    [
        8,
        "What is blue?",
        "Look left.",
        "the box",
        "the ball",
        "a hat",
        "C",
        "attribute",
        "colour",
        "The box, I think: A",
    ],
]


def test_vlmevalkits_tables_are_read(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in TABLE:
        book.active.append(row)
    book.save(tmp_path / "MyVLM_MMStar.xlsx")
    (tmp_path / "MyVLM_MMStar.tsv").write_text(
        "\n".join("\t".join("" if cell is None else str(cell) for cell in row) for row in TABLE) + "\n"
    )
    for suffix in ("xlsx", "tsv"):
        records = import_samples([f"{tmp_path / f'MyVLM_MMStar.{suffix}'}=mmstar/sighted"], "MyVLM")
        assert records["score"].tolist() == [1.0, 0.0] and records["prediction"].tolist() == ["B", "A"]
        assert records["item_id"].tolist() == ["7", "8"] and set(records["category"]) == {"attribute"}
        assert json.loads(records["options"][0]) == {"A": "the box", "B": "the ball"}
        assert records["prompt"][1] == "Look left.\nWhat is blue?"


def test_a_table_without_answers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("index\tquestion\n1\tx\n")
    with pytest.raises(UserError, match=r"a\.tsv: not a table of answers: it lacks the column prediction"):
        import_samples([str(tmp_path / "a.tsv")], "m")
    (tmp_path / "b.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(UserError, match=r"b\.xlsx"):
        import_samples([str(tmp_path / "b.xlsx")], "m")
    with pytest.raises(UserError, match="those end in"):
        import_samples([str(tmp_path / "a.pkl")], "m")


ASKED = [{"type": "text", "text": "What is red?"}, {"type": "image", "image": "x"}]


def inspect_sample(identity: int, epoch: int, answer: Any, grade: str, stop: str = "stop") -> dict[str, Any]:
    return {
        **{"id": identity, "epoch": epoch, "choices": ["the box", "the ball"], "target": ["B"]},
        "input": [
            {"role": "user", "content": [{"type": "text", "text": "What is red?"}, {"type": "image", "image": "x"}]}
        ],
        "output": {"choices": [{"message": {"role": "assistant", "content": answer}, "stop_reason": stop}]},
        "scores": {"choice": {"value": grade, "answer": "B"}},
    }


def test_logs_of_inspect_are_read_with_epochs_as_responses(tmp_path: Path) -> None:
    thought = [{"type": "reasoning", "reasoning": "A or B"}, {"type": "text", "text": "ANSWER: B"}]
    samples = [
        inspect_sample(1, 1, "ANSWER: B", "C"),
        inspect_sample(1, 2, "ANSWER: A", "I"),
        inspect_sample(2, 1, thought, "C"),
        inspect_sample(2, 2, "ANSWER: B and", "I", stop="max_tokens"),
    ]
    name = "2026-07-01T12-00-00+00-00_my-task_" + "a" * 22
    (tmp_path / f"{name}.json").write_text("\ufeff" + json.dumps({"version": 2, "samples": samples}), "utf-8")
    with zipfile.ZipFile(tmp_path / f"{name}.eval", "w") as packed:
        for number, sample in enumerate(samples):
            packed.writestr(f"samples/{number}.json", json.dumps(sample))
    for suffix in ("json", "eval"):
        records = import_samples([str(tmp_path / f"{name}.{suffix}")], "m")
        assert set(records["task"]) == {"my-task"} and records["item_id"].tolist() == ["1#1", "1#2", "2#1", "2#2"]
        assert records["prompt"][0] == "What is red?" and records["score"].tolist()[:3] == [1.0, 0.0, 1.0]


def test_an_epoch_that_was_cut_off_is_truncated(tmp_path: Path) -> None:
    log = {"samples": [inspect_sample(1, 1, "ANSWER: B", "C", stop="max_tokens")]}
    (tmp_path / "log.json").write_text(json.dumps(log))
    (record,) = import_samples([str(tmp_path / "log.json")], "m").to_dict("records")
    assert (record["outcome"], record["score"], record["finish_reason"]) == ("truncated", 0.0, "length")


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sightscale.harness.evaluation import result_files

    monkeypatch.setattr(result_files, "MAX_FILE", 10_000)
    with zipfile.ZipFile(tmp_path / "log.eval", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("samples/1.json", " " * 1_000_000)
    with pytest.raises(UserError, match="unpacks to more than"):
        import_samples([str(tmp_path / "log.eval")], "m")


KEYS = ("samples", "target", "id", "output", "choices", "message", "content", "scores", "value")
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(KEYS), values),
)


@given(value=JSON)
def test_any_json_is_a_log_or_refused_in_one_line(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("log") / "log.json"
    for log in (value, {"samples": value}, {"samples": [value]}, {"samples": [{"target": "A", "output": value}]}):
        path.write_text(json.dumps(log))
        try:
            assert len(import_samples([str(path)], "m"))
        except UserError as error:
            assert "\n" not in str(error)
