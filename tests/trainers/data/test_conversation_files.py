"""Conversation files: the same rows from every format, pictures opened late, each bad row told with its place."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image

from sightscale.tasks.pictures import UnreadablePicture
from sightscale.trainers.data.conversation_files import ConversationFile, read_row
from sightscale.trainers.data.conversations import Conversation

Write = Callable[[list[Any], str], Path]
SUFFIXES = (".json", ".jsonl", ".parquet")


def say(*turns: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """A row in LLaVA's format."""
    said = [{"from": who, "value": text} for turn in turns for who, text in zip(("human", "gpt"), turn, strict=True)]
    return {"conversations": said, **fields}


def read(path: Path) -> list[Conversation]:
    file = ConversationFile(path)
    return [file[i] for i in range(len(file))]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_same_conversations(suffix: str, write: Write) -> None:
    rows = [
        say(("<image>\nWhat is it?", "A “näive” cat 🐈."), id="1", image=["a.png"]),
        say(("Between <image> and <image>?", "size"), ("Sure?", "yes"), id="2", image=["a.png", "b.png"]),
        say(("And?", "no"), id="3", image=[]),
    ]
    one, two, three = read(write(rows, f"rows{suffix}"))
    assert one.turns == (("<image>\nWhat is it?", "A “näive” cat 🐈."),)
    assert two.turns == (("Between <image> and <image>?", "size"), ("Sure?", "yes"))
    assert [[picture().size for picture in each.pictures] for each in (one, two, three)] == [
        [(40, 30)],
        [(40, 30), (50, 30)],
        [],
    ]
    assert one.origin == f"rows{suffix}:1" and three.origin == f"rows{suffix}:3"


def test_sharegpt_rows_and_pictures_as_bytes_are_read(write: Write, tmp_path: Path) -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What?"},
        {"role": "assistant", "content": "A cat."},
    ]
    held = {"bytes": (tmp_path / "c.png").read_bytes(), "path": None}
    (one,) = read(write([{"messages": said, "images": [held]}], "rows.parquet"))
    assert one.system == "Be brief." and one.turns == (("What?", "A cat."),)
    assert one.pictures[0]().size == (60, 30) and one.questions == ["<image>\nWhat?"]


BAD: list[tuple[Any, str]] = [
    (5, "must be an object, not int"),
    ({}, "no `conversations`"),
    ({"conversations": "hello"}, "no `conversations`"),
    (say(("What?", "")), "turn 1 has an empty answer"),
    ({"conversations": [{"from": "human", "value": "What?"}]}, "nothing is answered"),
    ({"conversations": [{"from": "gpt", "value": "I"}]}, "assistant speaks out of turn in turn 1"),
    ({"conversations": [{"from": "robot", "value": "I"}]}, "unknown speaker 'robot'"),
    ({"conversations": [{"from": "human", "value": None}]}, "a turn without text"),
    ({"conversations": ["hello"]}, "a turn must be an object"),
    (say(("<image><image>?", "x"), image="a.png"), "2 places for 1 pictures"),
    (say(("?", "x"), image="gone.png"), "there is no picture 'gone.png'"),
    (say(("?", "x"), image="../../etc/passwd"), "lies outside of"),
    (say(("?", "x"), image="notes.png"), "notes.png can't be read: it is in no format that Pillow knows"),
    (say(("?", "x"), image=7), "neither a file's name nor bytes"),
]


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_bad_row_is_told_with_its_place_and_costs_itself_only(suffix: str, write: Write, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    good = say(("What?", "this"), image="a.png")
    rows = [part for row, _ in BAD for part in (good, row)]
    file = ConversationFile(write(rows, f"rows{suffix}"))
    assert len(file) == len(BAD) and all(file[i].turns == (("What?", "this"),) for i in range(len(file)))
    assert [one.row for one in file.bad] == [2 * k + 2 for k in range(len(BAD))]
    for bad, (_, reason) in zip(file.bad, BAD, strict=True):
        assert reason in bad.reason and str(bad) == f"rows{suffix}:{bad.row}: {bad.reason}" and "\n" not in str(bad)


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_byte_order_mark_before_the_rows_is_no_row(suffix: str, write: Write) -> None:
    path = write([say(("a", "b")), say(("c", "d"))], f"rows{suffix}")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [conversation.turns for conversation in read(path)] == [(("a", "b"),), (("c", "d"),)]


def test_torn_lines_and_arrays_keep_what_is_whole(tmp_path: Path) -> None:
    good = json.dumps(say(("What?", "this")))
    (tmp_path / "rows.jsonl").write_text(f"{good}\n\n{good[:30]}\n{good}\n{good[:-5]}")
    file = ConversationFile(tmp_path / "rows.jsonl")
    assert len(file) == 2 and [bad.row for bad in file.bad] == [3, 5]
    assert file[1].origin == "rows.jsonl:4"
    (tmp_path / "rows.json").write_text(f"[{good},\n{good},{good[:30]}")
    file = ConversationFile(tmp_path / "rows.json")
    assert len(file) == 2 and file.bad[0].row == 3 and "not JSON from here on" in file.bad[0].reason
    (tmp_path / "open.json").write_text(f"[{good}")
    assert "ends inside of the array" in ConversationFile(tmp_path / "open.json").bad[0].reason


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gone.json", None, "there is no conversation file"),
        ("rows.csv", "a,b", "end in .json, .jsonl or .parquet"),
        ("rows.json", '{"a": 1}', "not a JSON array"),
        ("rows.parquet", "PAR1", "not a parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_one_line(
    name: str, content: str | None, reason: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=reason) as caught:
        ConversationFile(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_pictures_are_decoded_when_they_are_asked_for(write: Write, tmp_path: Path) -> None:
    path = write([say(("What?", "this"), image="a.png")], "rows.jsonl")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])  # its header is whole
    file = ConversationFile(path)
    assert not file.bad
    with pytest.raises(UnreadablePicture, match=r"a\.png can't be read: image file is truncated"):
        file[0].pictures[0]()
    (tmp_path / "a.png").write_bytes(content)
    assert file[0].pictures[0]().size == (40, 30)


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_file_is_never_in_memory_as_a_whole(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    line = json.dumps(say(("What?", "x" * 20_000)))
    whole = [line] * 400
    path.write_text(f"[{','.join(whole)}]" if suffix == ".json" else "\n".join(whole))
    del whole
    tracemalloc.start()
    file = ConversationFile(path)
    assert len(file) == 400 and len(file[399].turns[0][1]) == 20_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < path.stat().st_size / 4


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["conversations", "from", "value", "image", "role", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_json)
def test_any_row_is_a_conversation_or_a_reason(tmp_path: Path, row: Any) -> None:
    try:
        conversation = read_row(row, tmp_path, "rows.json:1")
    except ValueError as error:
        assert str(error).startswith("rows.json:1: ")
    else:
        assert conversation.turns


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1).filter(str.strip)), min_size=1, max_size=5))
def test_arrays_and_lines_hold_any_text(tmp_path: Path, turns: list[tuple[str, str]]) -> None:
    turns = [(question.replace("<image>", ""), answer) for question, answer in turns]
    rows = [say(turn) for turn in turns]
    for name, text in (
        ("a.json", json.dumps(rows, ensure_ascii=False, indent=2)),
        ("b.json", json.dumps(rows)),
        ("c.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)),
    ):
        (tmp_path / name).write_bytes(text.encode("utf-8", "backslashreplace"))
        assert [one.turns[0] for one in read(tmp_path / name)] == turns


def test_a_palette_picture_becomes_rgb(write: Write, tmp_path: Path) -> None:
    Image.new("P", (9, 9), 3).save(tmp_path / "p.gif")
    (one,) = read(write([say(("What?", "this"), image="p.gif")], "rows.json"))
    assert one.pictures[0]().mode == "RGB"
