"""Where a model's files are, and what is counted in them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sightscale.model_adapters.engines.weights import count_parameters, find_folder, hash_weights, locate


def test_parameters_are_counted_over_all_files_of_a_folder(tmp_path: Path) -> None:
    save_file(
        {"a": torch.zeros(3, 4), "b": torch.zeros(2)}, tmp_path / "model-1.safetensors", metadata={"format": "pt"}
    )
    save_file({"c": torch.tensor(1.0)}, tmp_path / "model-2.safetensors")
    assert count_parameters(tmp_path) == 15
    assert count_parameters(tmp_path.parent / "empty") is None


def test_a_shipped_checkpoint_counts_as_many_as_its_model_has(random_nano: Path) -> None:
    from transformers import AutoModelForImageTextToText

    assert count_parameters(random_nano) == AutoModelForImageTextToText.from_pretrained(random_nano).num_parameters()


def test_a_name_is_a_folder_a_file_or_a_hub_id(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").touch()
    assert locate(str(tmp_path)) == (str(tmp_path), None)
    assert locate(str(tmp_path / "m.gguf")) == (str(tmp_path), "m.gguf")
    assert locate("owner/name") == ("owner/name", None)
    assert find_folder(str(tmp_path)) == tmp_path and find_folder("owner/never-fetched") is None
    for name in ("name", "a/b/c", "./nowhere", "/nowhere.gguf"):
        with pytest.raises(ValueError, match="cannot load model"):
            locate(name)


def test_a_folder_with_pickled_weights_alone_is_refused(random_nano: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((random_nano / "config.json").read_bytes())
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ValueError, match=r"weights are pickled \(pytorch_model\.bin\)") as caught:
        locate(str(tmp_path))
    assert "\n" not in str(caught.value)
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")  # which is read, whatever lies beside it
    assert locate(str(tmp_path)) == (str(tmp_path), None)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "chat_template.jinja", "modeling.py"])
def test_every_file_that_decides_an_answer_changes_the_hash(name: str, tmp_path: Path) -> None:
    hashes = set()
    for content in (b"one", b"other"):
        (tmp_path / name).write_bytes(content)
        hashes.add(hash_weights(tmp_path, None))
    assert len(hashes) == 2
