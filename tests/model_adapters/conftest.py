"""Tiny models: one that thinks with Qwen3's marks of thinking, and one of every architecture that sees."""

from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from PIL import ImageFont
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

# Qwen3's switch, but thinking is opened by the template, as in its thinking-only descendants.
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n{% if enable_thinking is defined %}<think>\n"
    "{% if not enable_thinking %}\n</think>\n\n{% endif %}{% endif %}"
)


@pytest.fixture(scope="session")
def smollm2_tokenizer() -> Any:
    """The tokenizer of SmolLM2, read from its GGUF file; it writes the marks of thinking in three tokens."""
    from sightscale.model_adapters.checkpoints import find_checkpoint

    path = Path(find_checkpoint("smollm2-135m-instruct"))
    return AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


@pytest.fixture(scope="session")
def tiny_thinker(tmp_path_factory: pytest.TempPathFactory, smollm2_tokenizer: Any) -> Path:
    """The folder of a random Qwen3 whose tokenizer knows <think> and </think> as tokens of their own."""
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny_thinker"
    smollm2_tokenizer.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<think>", "</think>"])
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=256,
        initializer_range=0.2,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen3ForCausalLM(config)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_models() -> ModuleType:
    """The module with a writer for each architecture."""
    spec = spec_from_file_location("tiny_models", Path(__file__).with_name("tiny_models.py"))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hub_fonts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of the hub that holds, under the name of the font that Pix2Struct draws questions in, Pillow's own."""
    from sightscale.model_adapters.engines.architectures import FONT, FONTS

    cache = tmp_path_factory.mktemp("hub")
    repository, commit = cache / f"models--{FONTS.replace('/', '--')}", "0" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    (repository / "snapshots" / commit).mkdir(parents=True)
    font = ImageFont.load_default(36)
    assert isinstance(font, ImageFont.FreeTypeFont)
    (repository / "snapshots" / commit / FONT).write_bytes(font.font_bytes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_CACHE", str(cache))
        yield cache


@pytest.fixture(scope="session")
def write_tiny(tiny_models: ModuleType) -> Callable[[str, Path], Path]:
    """Writes a random model of an architecture into a folder and returns the folder."""

    def write(architecture: str, folder: Path) -> Path:
        torch.manual_seed(0)
        tiny_models.WRITERS[architecture](folder)
        return folder

    return write
