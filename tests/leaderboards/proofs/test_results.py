"""Results: what challenges, reruns, copies, plausibility and signatures came to stands on the entry's page."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sightscale.leaderboards.entry.folders import SIGNATURE, check_folder, write_hashes
from sightscale.leaderboards.proofs import keep_result, read_results
from sightscale.leaderboards.proofs.copies import find_copies, find_nearest
from sightscale.leaderboards.site import Options, build_site
from sightscale.leaderboards.site.listed import Answers, Questions
from sightscale.leaderboards.verification.checks.signature import check_signature, read_signer
from sightscale.tasks.errors import UserError

DATA = Path(__file__).parent / "data"
Rewrite = Callable[..., None]


@pytest.fixture
def board(counted: Path, tmp_path: Path) -> Path:
    """A folder of entries with one in it."""
    shutil.copytree(counted, tmp_path / "entries" / "tiny")
    return tmp_path


def build(board: Path, **options: object) -> tuple[dict[str, dict[str, str]], str]:
    """What a built site says of the entry's proofs, by name, and its page's text."""
    made = Options(data="mini", samples=0, **options)  # type: ignore[arg-type]
    build_site(board / "entries", board / "site", made)
    (entry,) = json.loads((board / "site" / "entries.json").read_text())["entries"]
    page = (board / "site" / "models" / "tiny.html").read_text()
    return {proof["proof"]: proof for proof in entry["proofs"]}, page


def test_every_proof_is_on_the_entrys_page_with_its_result(board: Path) -> None:
    proofs, page = build(board)
    assert {name: proof["state"] for name, proof in proofs.items()} == {
        **dict.fromkeys(("fresh questions", "spot rerun", "copies", "signature"), "not done"),
        "plausibility": "passed",
    }
    assert proofs["signature"]["result"] == "the entry isn't signed"
    keep_result(board / "proofs", board / "entries" / "tiny", "spot rerun", True, "all answers are the same")
    keep_result(board / "proofs", board / "entries" / "tiny", "fresh questions", False, "public ones are higher")
    proofs, page = build(board, proofs=board / "proofs", kept=board / "kept")
    assert proofs["spot rerun"]["state"] == "passed" and proofs["fresh questions"]["state"] == "failed"
    assert "all answers are the same" in page and "public ones are higher" in page
    assert "failed: fresh questions" in (board / "site" / "index.html").read_text()  # beside its name in the standings
    # A kept page isn't shown again when a proof has changed.
    keep_result(board / "proofs", board / "entries" / "tiny", "spot rerun", False, "three answers differ")
    assert "three answers differ" in build(board, proofs=board / "proofs", kept=board / "kept")[1]


def test_a_changed_entry_loses_its_proof(board: Path) -> None:
    entry = board / "entries" / "tiny"
    keep_result(board / "proofs", entry, "spot rerun", True, "all answers are the same")
    (entry / "entry.yaml").write_text((entry / "entry.yaml").read_text() + "notes: changed\n".replace("notes", "#"))
    write_hashes(entry)
    proofs, _ = build(board, proofs=board / "proofs")
    assert proofs["spot rerun"]["state"] == "not done" and "other files" in proofs["spot rerun"]["result"]


@pytest.mark.parametrize("text", ["[]", '{"results": [{"proof": "magic"}]}', '{"results": 1}', "x" * 30_000])
def test_results_that_are_none_are_named_and_stop_no_build(board: Path, text: str) -> None:
    (board / "proofs").mkdir()
    (board / "proofs" / "tiny.json").write_text(text)
    with pytest.raises(UserError, match=r"tiny\.json"):
        read_results(board / "proofs" / "tiny.json")
    gathered = build_site(board / "entries", board / "site", Options(verify=False, proofs=board / "proofs"))
    assert len(gathered.left_out) == 1 and "proofs: tiny.json" in gathered.left_out[0]


def test_signatures_are_asked_for(copy: Path) -> None:
    assert check_signature(copy).issue is None
    asked = check_signature(copy, asked=True)
    assert asked.issue and "there is none, and signatures are asked for" in asked.issue.line()


def test_what_is_no_signature_of_the_entry_is_never_taken_for_one(copy: Path) -> None:
    """Refused where sigstore is installed, and else said to be unverified."""
    shutil.copyfile(DATA / "signed.txt.sigstore.json", copy / SIGNATURE)
    assert check_folder(copy) == []
    for bundle in ((copy / SIGNATURE).read_text(), "{}", "[" * 5000):
        (copy / SIGNATURE).write_text(bundle)
        found = check_signature(copy)
        assert found.signer == "" and found.issue and not found.words.startswith("signed by")
    (copy / SIGNATURE).write_text("x" * 200_000)
    assert "more than 100,000" in check_folder(copy)[0]


def test_a_signature_says_who_signed() -> None:
    pytest.importorskip("sigstore")
    signed, bundle = ((DATA / name).read_bytes() for name in ("signed.txt", "signed.txt.sigstore.json"))
    assert read_signer(signed, bundle, staging=True).startswith("william@yossarian.net, by https://")
    with pytest.raises(ValueError, match=r"mismatch|invalid"):
        read_signer(signed + b"!", bundle, staging=True)
    with pytest.raises(ValueError, match=r"chain|valid"):
        read_signer(signed, bundle)


def test_the_nearest_of_many_is_the_one_that_comparing_all_finds() -> None:
    rng = np.random.default_rng(7)
    rows = [("in_domain_gqa", at, f"picture {at}", "", "") for at in range(400)]
    questions = Questions(pd.DataFrame(rows, columns=["task", "doc_id", "cluster", "category", "l2_category"]))
    said = rng.integers(1, 5, (60, 2, 400)).astype(np.uint32)
    said[31] = np.where(rng.random((2, 400)) < 0.02, rng.integers(1, 5, (2, 400)), said[4])  # a copy, a little edited
    key = rng.integers(1, 5, 400)
    entries = [Answers(questions, *((side == key).astype(float) for side in one), *one) for one in said]
    (copy,) = (pair for pair in find_copies(entries) if pair.is_copy)
    nearest = find_nearest(entries)
    assert nearest[4] == nearest[31] == copy and len(nearest) == 60
    assert sum(pair.is_copy for pair in nearest.values()) == 2
