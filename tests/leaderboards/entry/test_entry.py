"""Entries: the published schema is the classes', and hostile fields are refused with the field's name."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import example, given, strategies as st

from sightscale.leaderboards.entry.entry import SCHEMA_FILE, name_data, write_schema
from sightscale.leaderboards.entry.folders import parse_entry, read_json, read_yaml, write_yaml
from sightscale.tasks.vocabulary import Condition, DataOrigin, Kind, Role

FIELDS: dict[str, Any] = {
    "schema_version": 1,
    "id": "nano",
    "name": "nano",
    "kind": "end-to-end",
    "parts": [{"role": "model", "checkpoint": "nano", "parameters": 1000}],
    "visual_data": "38K",
    "licence": "MIT",
    "contact": "someone@example.org",
    "hardware": "a laptop",
    "mode": "direct",
    "budgets": {"answer": 32},
    "data": {"source": "mini", "revision": "mini@1, 8 questions", "limit": None},
    "runs": [{"run_id": "0123456789ab", "model": "nano", "identity": "nano@1"}],
    "scores": [{"task": "easy_vqa", "condition": "sighted", "n": 4, "score": 0.75}],
    "date": "2026-01-31",
}


def changed(path: str, value: Any) -> dict[str, Any]:
    fields = copy.deepcopy(FIELDS)
    *before, last = path.split(".")
    place: Any = fields
    for name in before:
        place = place[int(name) if name.isdigit() else name]
    place[last] = value
    return fields


def test_the_published_schema_is_that_of_the_classes() -> None:
    assert SCHEMA_FILE.read_text() == write_schema(), "run `sightscale leaderboard schema` and commit what it writes"


def test_words_are_those_of_the_vocabulary_and_written_as_text(tmp_path: Path) -> None:
    entry = parse_entry(FIELDS)
    assert (entry.kind, entry.parts[0].role, entry.scores[0].condition) == (
        Kind.END_TO_END,
        Role.MODEL,
        Condition.SIGHTED,
    )
    (tmp_path / "entry.yaml").write_text(write_yaml(entry.model_dump()))
    assert parse_entry(read_yaml(tmp_path / "entry.yaml")) == entry


def test_what_the_classes_take_the_schema_takes_too(tmp_path: Path) -> None:
    schema = json.loads(SCHEMA_FILE.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    (tmp_path / "entry.yaml").write_text(write_yaml(FIELDS))
    read = read_yaml(tmp_path / "entry.yaml")
    assert read == FIELDS
    jsonschema.validate(read, schema)
    assert parse_entry(read).score("easy_vqa").score == 0.75  # type: ignore[union-attr]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed("further", 1), schema)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("further", 1),
        ("schema_version", 2),
        ("id", "../escape"),
        ("id", "a" * 81),
        ("name", "another"),
        ("title", "<script>alert(1)</script>"),
        ("title", "a\u202egnihton"),
        ("title", "bell\x07"),
        ("title", "two\nlines"),
        ("title", "zero\u200bwidth"),
        ("title", "x" * 201),
        ("scores.0.score", float("nan")),
        ("scores.0.score", float("inf")),
        ("scores.0.score", 1.2),
        ("scores.0.score", "0.75"),
        ("scores.0.score", True),
        ("scores.0.n", 0),
        ("scores.0.n", 2.5),
        ("scores.0.task", "a task | b"),
        ("scores.0.condition", "asleep"),
        ("scores", FIELDS["scores"] * 2),
        ("scores", FIELDS["scores"] * 3000),
        ("parts.0.parameters", 10**30),
        ("parts.0.role", "perception"),
        ("kind", "guessed"),
        ("mode", ["direct"]),
        ("budgets.thinking", 4096),
        ("budgets.perception", 96),
        ("data.options", "circular; rm"),
        ("date", "yesterday"),
        ("runs.0.run_id", "../../etc"),
    ],
)
def test_a_field_that_is_wrong_is_named(path: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"^entry\.yaml: ") as refused:
        parse_entry(changed(path, value))
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


def test_an_entry_of_a_newer_sightscale_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="is 2, of a newer sightscale; this one reads 1: install the newer one"):
        parse_entry(changed("schema_version", 2))


@pytest.mark.parametrize("condition", ["blur:4", "downscale:32", "occlude:0.25", "noise:0.5"])
def test_doses_are_conditions_as_runs_write_them(condition: str) -> None:
    fields = changed("scores.0.condition", condition)
    jsonschema.validate(fields, json.loads(SCHEMA_FILE.read_text()))
    assert parse_entry(fields).score("easy_vqa", condition).score == 0.75  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "condition",
    [
        "blur",
        "blur:",
        "blur:4.0",
        "blur:04",
        "blur:-1",
        "blur:1e3",
        "glow:4",
        "blur:4 ",
        "blur:600",
        "occlude:2",
        "None",
    ],
)
def test_what_is_no_dose_is_none(condition: str) -> None:
    with pytest.raises(ValueError, match="no dose such as downscale:32"):
        parse_entry(changed("scores.0.condition", condition))


def test_a_mini_suite_of_another_size_is_named() -> None:
    usual = parse_entry(FIELDS).data
    sizes = {f"mini@1, {count} questions": count for count in (300, 50)}
    made = {name: usual.model_copy(update={"source": DataOrigin.MINI, "revision": name}) for name in sizes}
    assert {name: data.mini_questions for name, data in made.items()} == sizes
    assert [name_data(data) for data in made.values()] == [
        "the embedded mini suite", "the embedded mini suite of 50 questions a set",
    ]  # fmt: skip
    assert (
        usual.model_copy(update={"revision": "mini@1, 50 questions", "source": DataOrigin.HUB}).mini_questions is None
    )


BILLION = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x: !!python/object/apply:os.system ['true']", "tag"),
        ("x: !custom 1", "tag"),
        (BILLION, "aliases"),
        ("a: 1\na: 2", "twice"),
        ("x: " + "[" * 50 + "]" * 50, "nested"),
        ("x: " + "[" * 5000, "nested"),
        ("a: " + "b" * 400_000, "larger"),
        ("a: [1", "expected"),
        ("{? {a: 1} : 2}", "unhashable"),
        ("--- 1\n--- 2", "another document"),
        ("x: " + "9" * 5000, "digits"),
    ],
)
def test_yaml_is_read_as_plain_values_only(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "entry.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=reason) as refused:
        read_yaml(path)
    assert str(refused.value).startswith("entry.yaml: ") and "\n" not in str(refused.value)


def test_yaml_dates_and_merges_stay_text(tmp_path: Path) -> None:
    (tmp_path / "entry.yaml").write_text("date: 2026-01-31\nplus: <<\nis: =\n")
    assert read_yaml(tmp_path / "entry.yaml") == {"date": "2026-01-31", "plus": "<<", "is": "="}


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": Infinity}', '{"a": 1, "a": 2}', "[1]", "[" * 100_000, '"\\ud800']
)
def test_json_is_read_within_bounds(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json: "):
        read_json(tmp_path / "a.json", 200_000)
    with pytest.raises(ValueError, match=r"^a\.json: larger than 2 bytes$"):
        read_json(tmp_path / "a.json", 2)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(st.characters(codec="utf-8"), max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef<=~ 1:.", max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(PLAIN)
@example("\x85")
@example(["a\u2028b", "\u2029", "a: \x85- b"])
def test_yaml_that_we_write_reads_as_it_was(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.mktemp("yaml") / "value.yaml"
    path.write_text(write_yaml({"value": value}), encoding="utf-8", newline="")
    assert read_yaml(path) == {"value": value}


@given(st.binary(max_size=300))
def test_any_bytes_are_values_or_one_line(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("yaml") / "value.yaml"
    path.write_bytes(raw)
    try:
        json.dumps(read_yaml(path), default=repr)
    except ValueError as error:
        assert "\n" not in str(error)


def test_a_safe_loader_would_have_built_the_bomb() -> None:
    assert yaml.safe_load(BILLION)["d"][0][0] == yaml.safe_load(BILLION)["c"][0]
