"""Attacks: manipulated entries over every field, generated; each is refused, or isn't `checked`.

What no check of files can find (answers replaced by the key and everything made anew) isn't here: proofs are for that.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sightscale.harness.evaluation import SCHEMA, read_records
from sightscale.leaderboards.entry.folders import read_yaml, write_hashes, write_yaml
from sightscale.leaderboards.verification import Worker, verify_apart
from sightscale.leaderboards.verification.bounded import SECONDS, WAITING
from sightscale.leaderboards.verification.issues import MOST, State
from sightscale.leaderboards.verification.verify import verify_entry
from sightscale.tasks import score_response

pytestmark = pytest.mark.slow
Rewrite = Callable[..., None]
Change = Callable[[pd.DataFrame], pd.DataFrame]

TYPES: list[Any] = [[], {}, [1], {"a": 1}, True]
NUMBERS: list[Any] = [*TYPES, -1, -0.5, 2**70, 1e300, float("nan"), float("inf"), "1", "x" * 10_000, "1e5", "0x10"]
TEXTS: list[Any] = [
    *TYPES,
    "",
    " ",
    "x" * 100_000,
    "a\nb",
    "a\x00b",
    "a\u202eb",
    "a\u200bb",
    "\ufeff",
    7,
    1.5,
    float("nan"),
]
# Of texts that are the sender's own any line is as good as another: these are checked for what they may hold alone.
OWN = {"title", "licence", "contact", "hardware", "notes", "visual_data", "repository", "revision"}
# What changes no number and is said nowhere, or is compared with today's by a warning.
LOOSE = {"scorer", "finished", "machine", "command", "packages"}

# What a run tells of itself and nothing is made of; without `answers` they are written ones, and columns of
# likelihoods are refused by themselves.
BESIDE = {"answers", "software", "documents", "metrics", "unscored", "batch_size", "peak_memory_gib", "until", "sight"}
BESIDE |= {"peak_accelerator_memory_gib", "task_details"}


def walk(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in nested fields, the inner ones too."""
    if path:
        yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from walk(inner, (*path, key))


def put(fields: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of the fields with another value at a path."""
    copied = json.loads(json.dumps(fields))
    place = copied
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return copied


def get(fields: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        fields = fields[key]
    return fields


def attack(value: Any) -> list[Any]:
    """What is put in the place of a value: other types, and what its own type must not hold."""
    values = NUMBERS if isinstance(value, int | float) and not isinstance(value, bool) else TEXTS
    values = [None, *TYPES, *TEXTS[5:9]] if isinstance(value, list | dict) else values
    return [one for one in values if not (one == value and type(one) is type(value))]


def spread(fields: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every path with what is put there: all of it where a field first occurs, and two in turn where it does again."""
    seen: set[Any] = set()
    for number, path in enumerate(walk(fields)):
        values = attack(get(fields, path))
        name = path[-1] if isinstance(path[-1], str) else path[0]
        few = values if name not in seen else [values[(number + turn) % len(values)] for turn in (0, 5)]
        seen.add(name)
        yield from ((path, value) for value in few)


def survivors(entry: Path, attacks: Iterator[tuple[str, Callable[[], None]]], said: tuple[str, ...] = ()) -> list[str]:
    """Which attacks on a copy of the entry left it checked; each starts from the whole entry.

    Of attacks whose names begin with one of `said` a warning that names it is enough: no number rests on them.
    """
    whole = {path.name: path.read_bytes() for path in entry.iterdir()}
    left, tried = [], 0
    for name, act in attacks:
        act()
        verified = verify_entry(entry, "mini")
        assert len(verified.issues) <= MOST and all(len(issue.line()) < 3000 for issue in verified.issues), name
        field = name.partition(":")[0].strip("(',)")
        warned = field in said and any(field in issue.field for issue in verified.issues)
        left += [name] if verified.state is State.CHECKED and not warned else []
        tried += 1
        for file, text in whole.items():
            (entry / file).write_bytes(text)
    assert tried > 10
    return left


def test_no_value_in_an_entry_passes_for_another(copy: Path) -> None:
    fields = json.loads(json.dumps(read_yaml(copy / "entry.yaml"), default=str))

    def attacks() -> Iterator[tuple[str, Callable[[], None]]]:
        for path, value in spread(fields):
            if value is None and path[-1] in OWN:
                continue
            spoiled = put(fields, path, value)

            def act(spoiled: Any = spoiled) -> None:
                (copy / "entry.yaml").write_text(write_yaml(spoiled))
                write_hashes(copy)

            yield f"{path}: {str(value)[:30]!r}", act
        for path in walk(fields):
            if isinstance(path[-1], str):

                def drop(path: tuple[Any, ...] = path) -> None:
                    lacking = json.loads(json.dumps(fields))
                    del get(lacking, path[:-1])[path[-1]]
                    (copy / "entry.yaml").write_text(write_yaml(lacking))
                    write_hashes(copy)

                if get(fields, path) not in (None, [], ""):
                    yield f"{path}: gone", drop

                def add(path: tuple[Any, ...] = path) -> None:
                    (copy / "entry.yaml").write_text(write_yaml(put(fields, (*path[:-1], f"{path[-1]}x"), 1)))
                    write_hashes(copy)

                yield f"{path}: a further field", add

    left = survivors(copy, attacks())
    assert not left, "\n".join(left)


def test_no_value_in_a_manifest_passes_for_another(copy: Path) -> None:
    fields = json.loads((copy / "manifest.json").read_text())
    (run,) = fields["runs"]

    def attacks() -> Iterator[tuple[str, Callable[[], None]]]:
        for path, value in spread(run):
            known = path[0] in (
                "run_id",
                "model",
                "identity",
                "kind",
                "mode",
                "parts",
                "tasks",
                "limit",
                "seed",
                "data",
            )
            known |= path[0] in ("data_revision", "options", "tokens", "started")
            known |= path in (("software",), ("task_details",))  # what stands in them is compared by warnings
            # What a condition says beside its digest and settings is told to nobody.
            known |= path[0] == "conditions" and ((len(path) < 4 and path[-1] != "seconds") or path[-1] == "condition")
            if not known or LOOSE & set(path):
                continue
            if path[-1] in ("parameters", "records_sha256", "limit") and value is None:
                continue  # an unknown count, which the entry then can't claim; a missing digest is said

            def act(path: tuple[Any, ...] = path, value: Any = value) -> None:
                (copy / "manifest.json").write_text(json.dumps({"runs": [put(run, path, value)]}))
                write_hashes(copy)

            yield f"{path}: {str(value)[:30]!r}", act
        for path in walk(run):
            # A missing size is one that nobody counted; a missing detail of a task or package is compared by a warning.
            if path[-1] in ("seconds", "parameters") or path[0] in BESIDE or (path[0] in LOOSE and path != ("scorer",)):
                continue
            if isinstance(path[-1], str) and len(path) < 4:

                def drop(path: tuple[Any, ...] = path) -> None:
                    lacking = json.loads(json.dumps(run))
                    del get(lacking, path[:-1])[path[-1]]
                    (copy / "manifest.json").write_text(json.dumps({"runs": [lacking]}))
                    write_hashes(copy)

                yield f"{path}: gone", drop

    left = survivors(copy, attacks(), ("task_details",))
    assert not left, "\n".join(left)


HOSTILE: dict[Any, list[Any]] = {
    "string": ["", "\u202e<b>|\x00", "[" * 20_000, "x" * 100_000, "{}", "null", "0", "A", "\U0001f600"],
    "int64": [-1, 2**62, 0, 10**9],
    "double": [float("inf"), -float("inf"), -5.0, 1e300, 0.123],
}
# Columns that no number rests on, or that nothing but the model knows.
FREE = {"reader", "description", "perception_input_tokens", "perception_output_tokens", "perception_seconds"}


@pytest.mark.parametrize("rows", ["one", "all"])
def test_no_value_of_a_column_passes_for_another(copy: Path, rewrite: Rewrite, rows: str) -> None:
    whole = read_records(copy / "records.parquet")

    def attacks() -> Iterator[tuple[str, Callable[[], None]]]:
        for column in SCHEMA.names:
            for value in [None, *HOSTILE[str(SCHEMA.field(column).type)]]:
                places = [3] if rows == "one" else list(range(len(whole)))
                was = whole.loc[places, column]
                if (was.isna() if value is None else was == value).all():
                    continue

                def act(column: str = column, value: Any = value, places: list[int] = places) -> None:
                    spoil(copy, whole, column, value, places)

                yield f"{column}: {str(value)[:20]!r}", act

    left = survivors(copy, attacks(), ("document_hash",) if rows == "all" else ())
    left = [name for name in left if name.partition(":")[0] not in FREE]
    # Seconds are anybody's clock, and a text of the model's own may be any: what it is worth is scored again.
    left = [name for name in left if name.partition(":")[0] not in ("seconds", "response", "thinking")]
    assert not left, "\n".join(left)


def spoil(entry: Path, whole: pd.DataFrame, column: str, value: Any, places: list[int]) -> None:
    """Write records with another value, and everything that can be made anew, as far as such records allow it."""
    from sightscale.harness.evaluation import digest_records
    from sightscale.leaderboards.entry.scores import score_averages, score_tasks

    records = whole.astype({column: object})
    records.loc[places, column] = value
    table = pa.Table.from_pandas(records[SCHEMA.names], SCHEMA, preserve_index=False)
    pq.write_table(table, entry / "records.parquet", compression="zstd")
    records = table.to_pandas()
    manifest = json.loads((entry / "manifest.json").read_text())
    (run,) = manifest["runs"]
    for condition, facts in run["conditions"].items():
        facts["records_sha256"] = digest_records(records[records["condition"] == condition])
    for name in run["tokens"]:
        run["tokens"][name] = int(records[name].sum())
    (entry / "manifest.json").write_text(json.dumps(manifest))
    try:
        claims = {"scores": score_tasks(records), "averages": score_averages(records)}
    except (ValueError, TypeError):  # records that come to no scores: the old claims stay
        claims = {}
    fields = {name: [one.model_dump() for one in found] for name, found in claims.items()}
    (entry / "entry.yaml").write_text(write_yaml({**read_yaml(entry / "entry.yaml"), **fields}))
    write_hashes(entry)


def edit_manifest(entry: Path, **fields: Any) -> None:
    manifest = json.loads((entry / "manifest.json").read_text())
    manifest["runs"][0] |= fields
    (entry / "manifest.json").write_text(json.dumps(manifest))
    write_hashes(entry)


def answer_with_the_key(records: pd.DataFrame) -> pd.DataFrame:
    """Every answer the key's, and worth it, tokens and all; blind rows as well."""
    return records.assign(response=records["target"], prediction=records["target"], score=1.0, outcome="answered")


def swap_conditions(records: pd.DataFrame) -> pd.DataFrame:
    return records.assign(condition=records["condition"].map({"sighted": "none", "none": "sighted"}))


def copy_sighted(records: pd.DataFrame) -> pd.DataFrame:
    blind = records[records["condition"] == "sighted"].assign(condition="none")
    return pd.concat([records[records["condition"] == "sighted"], blind], ignore_index=True)


def answer_all_wrong_blind(records: pd.DataFrame) -> pd.DataFrame:
    """More reliance: blind answers that the row says are wrong."""
    return records.assign(score=np.where(records["condition"] == "none", 0.0, records["score"]))


def read_otherwise(records: pd.DataFrame) -> pd.DataFrame:
    """An answer that names two options, read as the right one."""
    return records.assign(response="A or B or C or D", prediction=records["target"], score=1.0)


def change_key(records: pd.DataFrame) -> pd.DataFrame:
    """The key made to be what was answered."""
    records = records.assign(target="A", response="A")
    scored = [score_response("choice", "A", "A", json.loads(options)) for options in records["options"]]
    return records.assign(score=[one.score for one in scored], prediction=[one.prediction for one in scored])


TAMPERED: dict[str, Change] = {
    "scores of 1": lambda records: records.assign(score=1.0),
    "scores beyond 1": lambda records: records.assign(score=2.0),
    "the key's answers, unread": lambda records: records.assign(prediction=records["target"]),
    "blind answers wrong by word": answer_all_wrong_blind,
    "sighted as blind": swap_conditions,
    "blind copied from sighted": copy_sighted,
    "read otherwise": read_otherwise,
    "another key": change_key,
    "one cluster": lambda records: records.assign(cluster="one"),
    "a cluster each": lambda records: records.assign(cluster=[f"c{at}" for at in range(len(records))]),
    "no shown hashes": lambda records: records.assign(shown_hash=None),
    "no picture's hash": lambda records: records.assign(image_hash=None),
    "all were shown": lambda records: records.assign(shown_hash=records["image_hash"]),
    "half of the questions": lambda records: records[records["doc_id"] < 4],
    "without the wrong ones": lambda records: records[records["doc_id"] != 3],
    "rows twice": lambda records: pd.concat([records, records.head(2)], ignore_index=True),
    "no blind rows": lambda records: records[records["condition"] == "sighted"],
    "no sighted rows": lambda records: records[records["condition"] == "none"],
    "no rows": lambda records: records.head(0),
    "failed blind": lambda records: records.assign(
        outcome=np.where(records["condition"] == "none", "failed", records["outcome"])
    ),
    "no format": lambda records: records.assign(answer_format=None),
    "another format": lambda records: records.assign(answer_format="exact"),
    "fewer options": lambda records: records.assign(options='{"A": "x"}'),
    "another question": lambda records: records.assign(prompt="Which of these is A?\nA. A"),
    "another task's name": lambda records: records.assign(task="in_domain_vizwiz"),
    "an invented task": lambda records: pd.concat(
        [records, records.assign(task="invented", cluster="x")], ignore_index=True
    ),
    "other documents": lambda records: records.assign(doc_id=records["doc_id"] + 1),
    "public data": lambda records: records.assign(data="hub"),
    "another model": lambda records: records.assign(model="nano_2m"),
    "no tokens": lambda records: records.assign(output_tokens=0, input_tokens=0),
    "few tokens": lambda records: records.assign(input_tokens=1),
    "endless tokens": lambda records: records.assign(output_tokens=10**9),
    "thoughts nobody counted": lambda records: records.assign(thinking="so " * 4000),
    "half a parameter": lambda records: records.assign(parameters=1),
    "blind ceilings lifted": lambda records: records.assign(blind_probability=1.0),
    "chance lowered": lambda records: records.assign(chance=0.0),
    "cut blind answers": lambda records: records.assign(
        finish_reason=np.where(records["condition"] == "none", "length", records["finish_reason"])
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_records_are_never_checked(copy: Path, rewrite: Rewrite, name: str) -> None:
    try:
        rewrite(copy, TAMPERED[name])
    except Exception:  # what can't be made anew is written as it is, with the old claims
        records = TAMPERED[name](read_records(copy / "records.parquet"))
        table = pa.Table.from_pandas(records[SCHEMA.names], SCHEMA, preserve_index=False)
        pq.write_table(table, copy / "records.parquet")
        write_hashes(copy)
    verified = verify_entry(copy, "mini")
    assert verified.state is not State.CHECKED and len(verified.issues) <= MOST


def test_claiming_other_data_than_was_asked_is_never_checked(copy: Path, rewrite: Rewrite) -> None:
    for source, revision in (("hub", "hub"), ("mini", "mini@99, 8 questions"), ("mini", "mini"), ("mini", "hub")):
        rewrite(copy, lambda records, revision=revision: records.assign(data=revision))
        fields = read_yaml(copy / "entry.yaml")
        fields["data"] |= {"source": source, "revision": revision}
        (copy / "entry.yaml").write_text(write_yaml(fields))
        edit_manifest(copy, data=source, data_revision=revision)
        assert verify_entry(copy, "mini").state is not State.CHECKED, (source, revision)


def make_bombs(entry: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Files that unpack, nest or point further than an entry may."""
    records = read_records(entry / "records.parquet")

    def write(name: str, text: str | bytes) -> Callable[[], None]:
        return lambda: (entry / name).write_bytes(text.encode() if isinstance(text, str) else text) and None

    def inflate() -> None:
        table = pa.table({**{name: [None] for name in SCHEMA.names}, "response": ["x" * 400_000]}, schema=SCHEMA)
        big = pa.concat_tables([table] * 20_000).combine_chunks()
        pq.write_table(big, entry / "records.parquet", compression="zstd", use_dictionary=True)

    def many_rows() -> None:
        table = pa.Table.from_pandas(records[SCHEMA.names], SCHEMA, preserve_index=False)
        pq.write_table(pa.concat_tables([table] * 100_000), entry / "records.parquet", compression="zstd")

    yield "a text that unpacks to 8 GB", inflate
    yield "1,600,000 rows", many_rows
    yield "deep YAML", write("entry.yaml", "a: " + "[" * 90_000)
    yield "YAML aliases", write("entry.yaml", "a: &a [1]\nb: [" + "*a," * 9_000 + "]\n")
    yield "a YAML tag", write("entry.yaml", "!!python/object/apply:os.system ['true']")
    yield "endless digits", write("entry.yaml", "n: " + "9" * 200_000)
    yield "many keys", write("entry.yaml", "".join(f"k{at}: 1\n" for at in range(30_000)))
    yield "deep JSON", write("manifest.json", '{"runs": ' + "[" * 200_000)
    yield "keys twice", write("manifest.json", '{"runs": [], "runs": []}')
    yield "many runs", write("manifest.json", json.dumps({"runs": [{}] * 900_000}))
    yield "NaN", write("manifest.json", '{"runs": NaN}')
    yield "no text", write("manifest.json", b"\xff\xfe\x00")
    yield "no parquet", write("records.parquet", b"PAR1" + b"\x00" * 1000 + b"PAR1")
    yield "an empty file", write("records.parquet", b"")
    yield "half of the records", write("records.parquet", (entry / "records.parquet").read_bytes()[:-100])
    yield "no hashes", write("hashes.json", "{}")
    yield "other hashes", write("hashes.json", '{"algorithm": "md5", "files": {}}')


def test_bombs_and_links_are_refused_in_time(counted: Path, tmp_path: Path) -> None:
    entry = Path(shutil.copytree(counted, tmp_path / "tiny"))
    with Worker() as worker:
        assert verify_apart(worker, entry, "mini").state is State.CHECKED
        for name, act in make_bombs(entry):
            act()
            if name not in ("no hashes", "other hashes"):
                write_hashes(entry)
            started = time.monotonic()
            verified = verify_apart(worker, entry, "mini")
            assert verified.state is State.SELF_REPORTED, name
            # 20 s on a machine that does nothing else; two calls that wait for a busy one, and a new process.
            assert time.monotonic() - started < 2 * WAITING * SECONDS + 30, name
            assert len(verified.issues) <= MOST and sum(len(issue.line()) for issue in verified.issues) < 50_000
            shutil.rmtree(entry)
            shutil.copytree(counted, entry)
        for name in ("records.parquet", "entry.yaml", "hashes.json"):
            (entry / name).unlink()
            (entry / name).symlink_to(counted / name)
            assert verify_apart(worker, entry, "mini").state is State.SELF_REPORTED, name
            (entry / name).unlink()
            shutil.copyfile(counted / name, entry / name)
        for name in ("README.md", "a.zip", ".hidden", "records.parquet.bak"):
            (entry / name).write_text("x")
            assert verify_apart(worker, entry, "mini").state is State.SELF_REPORTED, name
            (entry / name).unlink()
        assert verify_apart(worker, entry, "mini").state is State.CHECKED
