"""Which engine a model string opens, and what it says when it opens none."""

from pathlib import Path
from typing import Any

import pytest

from sightscale.model_adapters.engines.opening import open_engine
from sightscale.model_adapters.engines.store import StoredEngine
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine
from sightscale.model_adapters.model_strings import open_model, parse_model


def test_a_plain_name_opens_transformers_and_the_store_passes_its_size_on(random_nano: Path, tmp_path: Path) -> None:
    bare = open_engine(str(random_nano), batch_size="2")
    kept = open_engine(str(random_nano), store=str(tmp_path / "store.sqlite"))
    assert isinstance(bare, TransformersEngine) and bare.batch_size == 2
    assert isinstance(kept, StoredEngine)
    assert kept.parameters == bare.parameters and (kept.parameters or 0) > 1_000_000
    assert kept.identity == bare.identity


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("no-such-model", "cannot load model 'no-such-model'"),
        ("vllm:no-such-model", "cannot load model 'no-such-model'"),
        ("vllm:/nowhere/model.gguf", "there is no such file"),
        ("openai:", "must look like openai:MODEL@http://host:port/v1"),
        ("openai:model@host:8000", "must look like openai:MODEL@http://host:port/v1"),
    ],
)
def test_what_cannot_be_opened_is_told_in_one_line(model: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        open_engine(model)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_an_argument_that_no_engine_takes_is_named(random_nano: Path, tmp_path: Path) -> None:
    spec = parse_model(f"{random_nano},tensor_parallel_size=2")
    with pytest.raises(ValueError, match="has no argument 'tensor_parallel_size'"):
        open_model(spec, batch_size=1, seed=0, store=str(tmp_path / "store.sqlite"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dtype": "banana"}, "unknown dtype 'banana'; known: auto, float32, bfloat16, float16"),
        ({"dtype": "int8"}, "unknown dtype 'int8'"),
        ({"device": "banana"}, "unknown device 'banana'"),
        ({"device": "cuda:99"}, "there is no device 'cuda:99'"),
        ({"batch_size": "many"}, "batch_size='many' must be a whole number from 1"),
        ({"batch_size": 0}, "batch_size=0 must be"),
    ],
)
def test_an_option_that_makes_no_sense_is_told_in_one_line(
    random_nano: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        open_engine(str(random_nano), **options)
    assert "\n" not in str(caught.value)
