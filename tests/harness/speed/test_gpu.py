"""The script behind `make gpu-check`."""

import json
import sys
from pathlib import Path

import pytest
import torch

from sightscale.harness.speed import gpu


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu"])
    gpu.main()
    assert "there is no GPU" in capsys.readouterr().out


@pytest.mark.slow
def test_it_runs_on_the_processor_when_it_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "BATCH", 4)
    monkeypatch.setattr(gpu, "TOKENS", 8)
    monkeypatch.setattr(gpu, "STEPS", 5)
    monkeypatch.setattr(gpu, "IN_CONTEXT", 4)
    monkeypatch.setattr(sys, "argv", ["gpu", "--force", "--questions", "4", "--json", str(tmp_path / "out.json")])
    gpu.main()
    printed = capsys.readouterr().out
    assert "tokens/s at batch 4" in printed and "of 4 answers equal" in printed
    assert "stage tower: " in printed and "stage copy: " in printed
    assert json.loads((tmp_path / "out.json").read_text())["comparisons"][0]["questions"] == 4


def test_the_model_has_a_real_size() -> None:
    """Which is counted without making its weights."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    from sightscale.model_adapters.checkpoints import find_checkpoint

    config = AutoConfig.from_pretrained(find_checkpoint("nano_2m")).to_dict()
    config["text_config"] |= gpu.QWEN3_600M
    config["vision_config"] |= gpu.SO400M
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(AutoConfig.for_model(**config))
    assert 0.8e9 < model.num_parameters() < 0.9e9
