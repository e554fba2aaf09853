"""Weights: what model-signing 1.1.1 signed is verified without it, without a network and without the weights."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

from sightscale.harness.evaluation import name_weights
from sightscale.leaderboards.entry import Entry, PartMade, RunManifest, Submission, check_folder
from sightscale.leaderboards.verification.checks import check_model_keys, check_weights
from sightscale.tasks.errors import UserError

pytest.importorskip("cryptography")
DATA = Path(__file__).parent / "data"  # of a folder with these files, signed with a key of P-256 that is gone
FILES = {
    "README.md": "c634dd30cec60bbe75de17a69382c1872262d54c5508cdb6ccdf8552d3038036",
    "config.json": "e8c628edc9968ef0c668f54e0ba2636b35503357eb1aca0ddc828aeace432f67",
    "model.safetensors": "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c",
}


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copyfile(DATA / "model.sig", folder / "model.sig")
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    shutil.copyfile(DATA / "key.pub", folder / "ours.pub")
    return folder


def look(entry: Path, keys: Path | None, identity: str) -> list[str]:
    """The lines that are said of an entry whose run names these weights."""
    made = RunManifest.model_construct(identity=identity, parts={"model": PartMade(name="mine")})
    submission = Submission(entry, cast(Entry, None), {"0": made}, pd.DataFrame())
    return [issue.line() for issue in check_weights(submission, keys)]


def say(entry: Path, keys: Path | None, digest: str = "") -> str:
    """The one line that is said of it."""
    (line,) = look(entry, keys, f"end-to-end(mine@{digest or name_weights(FILES)[0]}|transformers|float32)")
    return line


def test_the_hash_that_follows_from_the_signed_files_is_the_one_that_runs_name(tmp_path: Path) -> None:
    from sightscale.model_adapters.engines import hash_weights

    for name, text in (("config.json", '{"a": 1}\n'), ("model.safetensors", "weights"), ("README.md", "# card\n")):
        (tmp_path / name).write_text(text)
    assert name_weights(FILES) == (hash_weights(tmp_path, None),)


def test_weights_that_a_known_key_signed_are_said(entry: Path, keys: Path) -> None:
    assert not any("model.sig" in reason for reason in check_folder(entry))
    assert say(entry, keys) == "note: model.sig: signature: the run's weights are signed with ours.pub: 3 files"
    assert say(entry, None).endswith("it is of the run's weights; whose it is needs --model-keys")


def test_other_weights_other_keys_and_other_parts_are_refused(entry: Path, keys: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    assert say(entry, keys, "0" * 16).startswith("error: model.sig: signature: the weights that are signed are ")
    public = ec.generate_private_key(ec.SECP384R1()).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (keys / "ours.pub").write_bytes(pem)
    assert say(entry, keys) == "error: model.sig: signature: it is signed with none of the keys in keys"
    shutil.copyfile(entry / "model.sig", entry / "reasoning.sig")
    (entry / "model.sig").unlink()
    assert look(entry, keys, "x") == [
        "warning: manifest.json: parts.model: nobody signed these weights, and keys are given",
        "error: reasoning.sig: signature: the run has no reasoning whose weights could be signed",
    ]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda statement: statement["predicate"]["resources"].pop(), "its list of files isn't whole"),
        (lambda statement: statement["predicate"]["resources"][0].update(digest="zz"), "has no SHA-256"),
        (lambda statement: statement["predicate"]["serialization"].update(method="shards"), "parts of files"),
        (lambda statement: statement.update(predicateType="x"), "model-signing's own statement"),
        (lambda statement: statement.pop("subject"), "it lacks 'subject'"),
        (lambda statement: statement["subject"].append(1), "too many values"),
        (lambda statement: statement["predicate"].update(resources=7), "it isn't valid"),
    ],
)
def test_signatures_that_are_none_are_refused(entry: Path, keys: Path, change: Any, found: str) -> None:
    bundle = json.loads((entry / "model.sig").read_text())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    change(statement)
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    (entry / "model.sig").write_text(json.dumps(bundle))
    assert found in say(entry, keys) and say(entry, keys).startswith("error: model.sig: signature: it isn't valid: ")


def test_a_statement_written_otherwise_is_signed_by_nobody(entry: Path, keys: Path) -> None:
    bundle = json.loads((entry / "model.sig").read_text())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    (entry / "model.sig").write_text(json.dumps(bundle))
    assert "signed with none of the keys" in say(entry, keys)


def test_a_folder_of_keys_that_is_none_ends_in_one_line(tmp_path: Path, keys: Path) -> None:
    check_model_keys(keys)
    with pytest.raises(UserError, match="is no folder of public keys"):
        check_model_keys(tmp_path / "nothing")
    (keys / "broken.pem").write_text("no key")
    with pytest.raises(UserError, match=r"broken\.pem holds no public key and no certificate"):
        check_model_keys(keys)
