"""A converted checkpoint answers in vLLM as it does in transformers."""

import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightscale.model_adapters.convert.llava import convert
from sightscale.model_adapters.engines import Decoding, Message, Prompt
from sightscale.model_adapters.engines.opening import open_engine

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
SIZES = ((28, 28), (101, 40), (37, 90), (150, 131))


@pytest.mark.vllm
def test_answers_are_those_of_transformers(tmp_path: Path, tower: Any, make_checkpoint: Any) -> None:
    make_checkpoint(tmp_path / "source", tower=tower[1])
    convert(tmp_path / "source", tmp_path / "converted", vision_tower=tower[0])
    pictures = [Image.effect_noise(size, 60).convert("RGB") for size in SIZES]
    asked = [Prompt((Message("user", (picture, "What is it?")),)) for picture in pictures]
    theirs = open_engine(str(tmp_path / "converted"), dtype="float32", batch_size=2).generate(asked, Decoding(8))
    engine = open_engine(
        f"vllm:{tmp_path / 'converted'}", dtype="float32", enforce_eager=True, max_num_seqs="4", max_model_len=512
    )
    try:
        ours = engine.generate(asked, Decoding(8))
    finally:
        engine.close()
    assert [answer.error for answer in ours] == [None] * len(SIZES)
    assert [answer.input_tokens for answer in ours] == [answer.input_tokens for answer in theirs]
    assert [answer.text for answer in ours] == [answer.text for answer in theirs]
