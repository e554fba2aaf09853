"""Tiny LLaVA-NeXT checkpoints with the original's names, files and shapes, and random weights."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    SiglipVisionConfig,
    SiglipVisionModel as Siglip,
)

TOWER = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 7,
}
WIDTH = 40  # of the language model
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEXTS = ["user assistant system You are a helpful assistant. What is it? Answer: the red box", "Question: Options:"]
PREFIX = "model.vision_tower.vision_tower.vision_model."


@pytest.fixture(scope="session")
def tower(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Siglip]:
    """The folder with a whole tiny SigLIP's config, without its weights, and the tower."""
    folder = tmp_path_factory.mktemp("tower") / "siglip"
    return folder, write_tower(folder, weights=False)


@pytest.fixture(scope="session")
def heavy_tower(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Siglip]:
    """The same with its weights and those of a text model."""
    folder = tmp_path_factory.mktemp("tower") / "siglip"
    return folder, write_tower(folder, weights=True)


@pytest.fixture(scope="session")
def make_checkpoint() -> Callable[..., Any]:
    """Writes a checkpoint and returns its language model."""
    return write_checkpoint


@pytest.fixture(scope="session")
def save_weights() -> Callable[..., None]:
    """Writes a folder's weights."""
    return write_weights


@pytest.fixture(scope="session")
def load_weights() -> Callable[[Path], dict[str, torch.Tensor]]:
    """Reads a folder's weights."""
    return read_weights


def write_tower(folder: Path, weights: bool) -> Siglip:
    """A whole SigLIP of three layers with its pooling head: its config, and its weights if asked for."""
    torch.manual_seed(1)
    tower = Siglip(SiglipVisionConfig(**TOWER)).eval()
    randomise(tower)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "siglip", "vision_config": TOWER}))
    if weights:
        state = {f"vision_model.{name}": tensor.contiguous() for name, tensor in tower_state(tower).items()}
        save_file({**state, "text_model.final_layer_norm.bias": torch.zeros(3)}, folder / "model.safetensors")
    return tower


def randomise(model: Any) -> None:
    """Weights far enough from their initial values that each of them shows in the output."""
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("norm" in name and name.endswith("weight")), std=0.2)


def tower_state(tower: Siglip) -> dict[str, torch.Tensor]:
    """A tower's weights without the prefix that some versions of transformers put before them."""
    return {name.removeprefix("vision_model."): tensor for name, tensor in tower.state_dict().items()}


def write_checkpoint(
    folder: Path,
    backbone: str = "qwen3",
    *,
    tied: bool = True,
    shards: int = 1,
    tower: Siglip | None = None,
    dtype: torch.dtype = torch.float32,
    **stated: Any,
) -> Any:
    """A checkpoint of a random model; with a tower its first two layers are in it. Returns the language model."""
    folder.mkdir()
    tokens = write_tokenizer(folder)
    sizes: dict[str, Any] = {
        "vocab_size": tokens + 5,
        "hidden_size": WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": tied,
        "rms_norm_eps": 1e-6,
    }
    torch.manual_seed(0)
    language: Any = (
        Qwen3ForCausalLM(Qwen3Config(**sizes, head_dim=32, rope_parameters={"rope_type": "default", "rope_theta": 5e5}))
        if backbone == "qwen3"
        else Qwen2ForCausalLM(Qwen2Config(**sizes))
    )
    randomise(language)
    state = {name: tensor for name, tensor in language.state_dict().items() if not (tied and name == "lm_head.weight")}
    for name, shape in {
        "model.mm_projector.0.weight": (WIDTH, TOWER["hidden_size"]),
        "model.mm_projector.0.bias": (WIDTH,),
        "model.mm_projector.2.weight": (WIDTH, WIDTH),
        "model.mm_projector.2.bias": (WIDTH,),
        "model.image_newline": (WIDTH,),
    }.items():
        state[name] = torch.randn(shape) * 0.3
    if tower is not None:
        state |= {
            PREFIX + name: tensor
            for name, tensor in tower_state(tower).items()
            if not name.startswith(("encoder.layers.2.", "head."))
        }
    write_weights(folder, {name: tensor.to(dtype).contiguous() for name, tensor in state.items()}, shards)
    config = {
        "architectures": ["LlavaQwen3ForCausalLM" if backbone == "qwen3" else "LlavaQwenForCausalLM"],
        "model_type": "llava_qwen_3" if backbone == "qwen3" else "llava_qwen",
        **sizes,
        **({"head_dim": 32, "rope_theta": 5e5} if backbone == "qwen3" else {"rope_theta": 10000.0}),
        "hidden_act": "silu",
        "max_window_layers": 28,
        "rope_scaling": None,
        "sliding_window": None,
        "use_sliding_window": False,
        "image_aspect_ratio": "anyres_max_9",
        "image_grid_pinpoints": [[28 * w, 28 * h] for w in range(1, 7) for h in range(1, 7)],
        "mm_hidden_size": TOWER["hidden_size"],
        "mm_newline_position": "grid",
        "mm_patch_merge_type": "spatial_unpad",
        "mm_projector_type": "mlp2x_gelu",
        "mm_tunable_parts": "mm_vision_tower,mm_mlp_adapter,mm_language_model",
        "mm_use_im_patch_token": False,
        "mm_use_im_start_end": False,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
        "mm_vision_tower": "someone/tiny-siglip",
        "tokenizer_model_max_length": 2048,
        "torch_dtype": "float32",
        "use_mm_proj": True,
        **stated,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [tokens - 3], "do_sample": True}))
    return language.eval()


def write_weights(folder: Path, state: dict[str, torch.Tensor], shards: int = 1) -> None:
    """Weights in one safetensors file, or in several with an index."""
    if shards == 1:
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        return
    weight_map = {}
    for number in range(shards):
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: state[name] for name in list(state)[number::shards]}
        save_file(part, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a folder's safetensors files."""
    return {name: tensor for path in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(path).items()}


def write_tokenizer(folder: Path) -> int:
    """Qwen2's tokenizer files with a small vocabulary; returns how many tokens they have."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False))
    learned = json.loads(bpe.to_str())["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in learned["merges"]]
    (folder / "vocab.json").write_text(json.dumps(learned["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    first = len(learned["vocab"])
    plain = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    stated = {
        "added_tokens_decoder": {str(first + i): {"content": token, **plain} for i, token in enumerate(SPECIAL)},
        "additional_special_tokens": list(SPECIAL[1:]),
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "Qwen2Tokenizer",
        "model_max_length": 2048,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(stated))
    return first + len(SPECIAL)
