"""Where a model's files are, and what is counted in them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sightscale.model_adapters.engines.weights import count_parameters, find_folder, locate


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
