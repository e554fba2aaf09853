"""What is kept of pictures: drawn once, labelled as their scenes say, and made again where a file was cut."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import PATCH_LABELS, WHOLE_LABELS, draw_item, label_scene, render, scenes_of
from sightscale.tasks.mini.items import split_of
from sightscale.trainers.data.conversations import IGNORED
from sightscale.trainers.data.kept_features import KeptFeatures, keep_features
from sightscale.trainers.data.kept_pictures import ListedPicture, Passes, PictureList, keep_pictures

LISTED = PictureList(("in_domain/GQA", "nights", "in_domain/TextVQA"), 5, 3)


def see(pictures: torch.Tensor) -> torch.Tensor:
    """The mean colour of each quarter of a picture, as a tower's four patches."""
    side = pictures.shape[1] // 2
    return pictures.float().unflatten(1, (2, side)).unflatten(3, (2, side)).mean((2, 4)).flatten(1, 2)


def test_a_list_counts_each_picture_of_each_item() -> None:
    counts = [len(LISTED.scenes(k)) for k in range(5)]
    assert counts == [1, 3, 1, 1, 3] and [LISTED.place(k) for k in range(6)] == [0, 1, 4, 5, 6, 9]
    numbers = [ListedPicture(LISTED, k, which).number for k in range(5) for which in range(counts[k])]
    assert numbers == list(range(9))
    assert {split_of(item.scene) for item in map(LISTED.item, range(5))} == {"train"}
    scene = scenes_of(draw_item("nights", "train", 3, 1).scene)[2]
    assert ListedPicture(LISTED, 1, 2)().tobytes() == render(scene).tobytes()


def test_kept_pictures_have_the_names_and_boxes_of_their_scenes(tmp_path: Path) -> None:
    kept = keep_pictures(LISTED, tmp_path, 224, 16)
    assert (
        len(kept) == 9 and kept.pixels.shape == (9, 224, 224, 3) and kept.patches.shape == (9, 196, len(PATCH_LABELS))
    )
    labelled = label_scene(LISTED.scenes(2)[0], 14)
    at = LISTED.place(2)
    for j, label in enumerate(PATCH_LABELS):
        names = [kept.values[label][k] if k != IGNORED else "" for k in kept.patches[at, :, j]]
        assert names == list(labelled.patches[label].flat)
    whole = {name: kept.whole[at, j] for j, name in enumerate(WHOLE_LABELS)}
    assert kept.values["kind"][whole["kind"]] == labelled.whole["kind"]
    np.testing.assert_array_equal(kept.pixels[at], np.asarray(render(LISTED.scenes(2)[0]).convert("RGB")))


def test_kept_pictures_are_drawn_once_and_a_cut_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep_pictures(LISTED, tmp_path, 224, 16)
    monkeypatch.setattr("sightscale.trainers.data.kept_pictures.label_scene", None)  # nothing may be drawn again
    assert len(keep_pictures(LISTED, tmp_path, 224, 16)) == 9
    path = kept.folder / "pixels.npy"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"pixels\.npy is cut or damaged; delete"):
        len(keep_pictures(LISTED, tmp_path, 224, 16))


def test_features_stand_for_their_own_pictures_and_a_cut_file_is_made_again(tmp_path: Path) -> None:
    features = np.array(keep_features(LISTED, see, "tower", tmp_path, 224))
    assert features.shape == (9, 4, 3)
    picture = ListedPicture(LISTED, 4, 1)
    kept = KeptFeatures({LISTED: features})
    drawn = torch.from_numpy(np.array(picture().convert("RGB")))[None]
    assert kept.tokens == 4 and torch.equal(kept.find([picture]), see(drawn).half().float())
    (path,) = tmp_path.glob("features-*.npy")
    path.write_bytes(path.read_bytes()[:-1])
    again = keep_features(LISTED, see, "tower", tmp_path, 224)
    np.testing.assert_array_equal(again, features)
    assert [name.name for name in tmp_path.iterdir()] == [path.name]


def test_several_processes_draw_what_one_does(tmp_path: Path) -> None:
    listed = PictureList(LISTED.sets, 130, 3)  # more than a process draws at a time
    one, several = (keep_pictures(listed, tmp_path / str(workers), 32, 16, workers) for workers in (0, 2))
    assert one.values == several.values
    for name in ("pixels", "patches", "boxes", "whole"):
        np.testing.assert_array_equal(getattr(one, name), getattr(several, name))
    alone, shared = (keep_features(listed, see, "tower", tmp_path / str(workers), 32, workers) for workers in (0, 2))
    np.testing.assert_array_equal(alone, shared)


def test_another_towers_features_are_other_features(tmp_path: Path) -> None:
    for k in (1, 2):
        keep_features(LISTED, lambda pictures, k=k: torch.full((len(pictures), 1, 1), k), str(k), tmp_path, 32)  # type: ignore[misc]
    assert {float(np.load(path).mean()) for path in tmp_path.glob("features-*.npy")} == {1.0, 2.0}


def test_passes_go_over_every_row_before_one_comes_again() -> None:
    passes = Passes(7, 21, 0)
    assert len(passes) == 21
    rounds = [[passes[i] for i in range(start, start + 7)] for start in (0, 7, 14)]
    assert all(sorted(order) == list(range(7)) for order in rounds) and rounds[0] != rounds[1]
    with pytest.raises(IndexError):
        passes[21]
