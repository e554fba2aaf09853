"""Mixtures: how many conversations each source gives, in which order, and that a seed decides both."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from sightscale.trainers.data.conversation_files import ConversationFile
from sightscale.trainers.data.mixture import FileRows, Ingredient, Mixture, build_mixture
from sightscale.trainers.recipe import Stage


def write(folder: Path, name: str, n: int) -> str:
    """A file of `n` rows whose answers are its name and their numbers."""
    rows = [
        {"conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": f"{name} {i}"}]} for i in range(n)
    ]
    (folder / f"{name}.json").write_text(json.dumps(rows))
    return f"{name}.json"


def stage(*mixture: dict[str, Any], **fields: Any) -> Stage:
    given_ = {"name": "text", "kind": "text", "train": {"language": 1e-4}, "batch_size": 10, "mixture": mixture}
    return Stage.model_validate({**given_, **fields})


def answers(mixture: Mixture) -> list[str]:
    return [mixture[i].turns[0][1] for i in range(len(mixture))]


def test_steps_are_shared_out_by_weight(tmp_path: Path) -> None:
    sources = [
        {"source": "files", "files": [write(tmp_path, name, n)], "weight": weight}
        for name, n, weight in (("a", 5, 3.0), ("b", 40, 1.0))
    ]
    mixture = build_mixture(stage(*sources, steps=8), 0, False, tmp_path)
    assert mixture.report() == [("a.json", 5, 60, 0), ("b.json", 40, 20, 0)]
    told = Counter(answers(mixture))
    assert all(told[f"a {i}"] == 12 for i in range(5))  # twelve passes, each over every row
    assert (
        sum(count for name, count in told.items() if name.startswith("b")) == 20
        and max(count for name, count in told.items() if name.startswith("b")) == 1
    )


def test_epochs_and_weights_and_caps(tmp_path: Path) -> None:
    sources = [
        {"source": "files", "files": [write(tmp_path, "a", 6), write(tmp_path, "c", 4)], "cap": 7},
        {"source": "files", "files": [write(tmp_path, "b", 9)], "weight": 0.5},
    ]
    mixture = build_mixture(stage(*sources, epochs=2), 0, False, tmp_path)
    assert [drawn for _, _, drawn, _ in mixture.report()] == [14, 9]
    told = Counter(answers(mixture))
    kept = [name for name in told if name[0] in "ac"]
    assert len(kept) == 7 and all(told[name] == 2 for name in kept)  # the cap keeps the same rows in both passes
    assert {name[0] for name in kept} == {"a", "c"}


def test_each_pass_is_in_another_order_and_a_seed_decides_it(tmp_path: Path) -> None:
    source = {"source": "files", "files": [write(tmp_path, "a", 30)]}
    one, again, other = (answers(build_mixture(stage(source, epochs=2), seed, False, tmp_path)) for seed in (0, 0, 1))
    assert one == again != other
    assert sorted(one[:30]) == sorted(one[30:]) and one[:30] != one[30:]


def test_any_position_can_be_read_on_its_own(tmp_path: Path) -> None:
    sources = [{"source": "files", "files": [write(tmp_path, name, n)]} for name, n in (("a", 7), ("b", 11))]
    whole = answers(build_mixture(stage(*sources, steps=5), 3, False, tmp_path))
    fresh = build_mixture(stage(*sources, steps=5), 3, False, tmp_path)
    for i in (49, 0, 17, 48, 17):
        assert fresh[i].turns[0][1] == whole[i]
    for beyond in (50, -1):
        with pytest.raises(IndexError):
            fresh[beyond]


def test_a_source_without_a_usable_row_is_told_with_its_first_bad_one(tmp_path: Path) -> None:
    write(tmp_path, "a", 2)
    (tmp_path / "b.jsonl").write_text('{"conversations": []}\n')
    sources = [{"source": "files", "files": [name]} for name in ("a.json", "b.jsonl")]
    with pytest.raises(ValueError, match=r"b\.jsonl has no usable row; the first bad one: b\.jsonl:1: no `conv"):
        build_mixture(stage(*sources, steps=1), 0, False, tmp_path)


def test_a_source_in_the_package_stands_beside_files(tmp_path: Path) -> None:
    sources: list[dict[str, Any]] = [
        {"source": "files", "files": [write(tmp_path, "a", 3)]},
        {"source": "mini", "sets": ["in_domain/GQA"], "forms": {"tell": 1.0}},
    ]
    told = answers(build_mixture(stage(*sources, steps=2), 0, False, tmp_path))
    assert len([one for one in told if one.startswith("a ")]) == 10 == len([one for one in told if one[:2] != "a "])


class Numbers:
    """Conversations that only their positions tell apart."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Any:
        return i


@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.integers(0, 5))
def test_every_position_of_every_source_comes_up_once(counts: list[int], seed: int) -> None:
    mixture = Mixture([Ingredient(str(k), Numbers(max(1, n)), n, 1.0) for k, n in enumerate(counts)], counts, seed)
    seen = [(int(mixture._which[i]), int(mixture[i])) for i in range(len(mixture))]  # type: ignore[call-overload]
    assert sorted(seen) == [(k, i) for k, n in enumerate(counts) for i in range(n)]


def test_rows_of_several_files_are_one_list(tmp_path: Path) -> None:
    files = [ConversationFile(tmp_path / write(tmp_path, name, n)) for name, n in (("a", 1), ("b", 3), ("c", 2))]
    rows = FileRows(files, 6, 0)
    assert sorted(rows[i].turns[0][1] for i in range(6)) == ["a 0", "b 0", "b 1", "b 2", "c 0", "c 1"]
