"""Converting a nanoVLM checkpoint into transformers' Idefics3, which is the same model under other names.

A nanoVLM folder holds `config.json` with nanoVLM's own fields and one file of weights; its tokenizer lies elsewhere.
Every tensor is placed before one is written; one without a place, a place without one, and another shape are refused.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import (
    AutoTokenizer,
    GenerationConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    LlamaConfig,
)

from sightscale.model_adapters.convert.conversion import DTYPES, Conversion, check_target, making, write_record
from sightscale.model_adapters.convert.settings import read_json
from sightscale.model_adapters.convert.tensors import list_tensors, tell
from sightscale.model_adapters.engines import GLOBAL_TOKEN, IMAGE_TOKEN, NanoVlmProcessor, Tiling
from sightscale.tasks.errors import UserError, first_line

MARKS = ("vit_hidden_dim", "lm_hidden_dim", "mp_pixel_shuffle_factor")  # fields by which nanoVLM's config is known
MOST_ROWS = 8  # of tiles that nanoVLM has tokens for, and of columns
SIZES = (
    *("vit_hidden_dim", "vit_inter_dim", "vit_patch_size", "vit_img_size", "vit_n_heads", "vit_n_blocks"),
    *("lm_hidden_dim", "lm_inter_dim", "lm_max_position_embeddings", "lm_vocab_size", "lm_n_heads", "lm_n_kv_heads"),
    *("lm_n_blocks", "mp_pixel_shuffle_factor"),
)
NAMES = {
    "vision_encoder.patch_embedding.conv.": "model.vision_model.embeddings.patch_embedding.",
    "vision_encoder.layer_norm.": "model.vision_model.post_layernorm.",
    "MP.proj.": "model.connector.modality_projection.proj.",
    "decoder.token_embedding.": "model.text_model.embed_tokens.",
    "decoder.norm.": "model.text_model.norm.",
    "decoder.head.": "lm_head.",
}
POSITIONS = "vision_encoder.patch_embedding.position_embedding"
LAYER = re.compile(r"(vision_encoder|decoder)\.blocks\.(\d+)\.(.+)\.(weight|bias)")
IN_TOWER = {
    "ln1": "layer_norm1",
    "ln2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
IN_READER = {
    "norm1": "input_layernorm",
    "norm2": "post_attention_layernorm",
    "attn.q_proj": "self_attn.q_proj",
    "attn.k_proj": "self_attn.k_proj",
    "attn.v_proj": "self_attn.v_proj",
    "attn.out_proj": "self_attn.o_proj",
    "mlp.gate_proj": "mlp.gate_proj",
    "mlp.up_proj": "mlp.up_proj",
    "mlp.down_proj": "mlp.down_proj",
}
# nanoVLM writes a turn as this does; where a message has a picture, its mark stands there.
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<|image|>{% else %}{{ part['text'] }}"
    "{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def is_nano_vlm(source: Path) -> bool:
    """Whether the folder's config is nanoVLM's."""
    path = source / "config.json"
    if not path.is_file():
        return False
    config = read_json(path)
    return all(name in config for name in MARKS)


def convert_nano_vlm(
    source: Path, target: Path, *, dtype: str | None = None, tokenizer: Path | None = None
) -> Conversion:
    """Convert the nanoVLM in the folder `source` into the new folder `target`, whole or not at all.

    `tokenizer` is the folder of the tokenizer that `config.json` names, when it doesn't lie in `source`. Numbers stay
    float32 unless `dtype` names another type. Raises UserError in one line for what can't be converted.
    """
    check_target(target, dtype)
    stated = _read_config(source)
    words = _open_tokenizer(source, tokenizer, stated)
    config = _build_config(source, stated, words)
    state, read, left = _read_weights(source, bool(stated.get("lm_tie_weights", True)))
    _check(source, state, config)
    chosen = dtype or "float32"
    config.dtype = DTYPES[chosen]
    done = Conversion("idefics3", read, len(state), left, "checkpoint", chosen)
    with making(target) as partial:
        tensors = {name: tensor.to(DTYPES[chosen]).contiguous() for name, tensor in state.items()}
        save_file(tensors, partial / "model.safetensors", metadata={"format": "pt"})
        config.save_pretrained(partial)
        ends = words.convert_tokens_to_ids("<|im_end|>")
        GenerationConfig(eos_token_id=ends, pad_token_id=words.pad_token_id).save_pretrained(partial)
        NanoVlmProcessor(words, _read_tiling(source, stated)).save_pretrained(partial)
        write_record(done, source, {tensor.file for tensor in list_tensors(source)}, partial)
    return done


def _read_config(source: Path) -> dict[str, Any]:
    """nanoVLM's fields. Raises UserError for what an Idefics3 isn't."""
    stated = read_json(source / "config.json")
    for name in SIZES:
        if not isinstance(stated.get(name), int) or not 0 < stated[name] < 10_000_000:
            raise UserError(f"{source / 'config.json'}: {name} is {stated.get(name)!r}, not a size")
    if stated.get("vit_cls_flag"):
        raise UserError(f"{source / 'config.json'}: vit_cls_flag is set, and such a tower can't be converted")
    if stated.get("lm_attn_scaling", 1.0) != 1.0:
        raise UserError(f"{source / 'config.json'}: lm_attn_scaling isn't 1, and such a model can't be converted")
    return stated


def _open_tokenizer(source: Path, folder: Path | None, stated: Mapping[str, Any]) -> Any:
    """The tokenizer with nanoVLM's tokens. Raises UserError where it isn't there, or isn't the model's."""
    where = folder or source
    if not any((where / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise UserError(
            f"{where} holds no tokenizer; fetch {str(stated.get('lm_tokenizer'))[:80]} and name its folder "
            "with --tokenizer"
        )
    try:
        words = AutoTokenizer.from_pretrained(where, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{where} has no usable tokenizer: {first_line(error)[:200]}") from error
    extra = stated.get("vlm_extra_tokens") or {"image_token": IMAGE_TOKEN}
    if not isinstance(extra, dict) or not all(isinstance(token, str) for token in extra.values()):
        raise UserError(f"{source / 'config.json'}: vlm_extra_tokens aren't names with tokens")
    if extra.get("image_token") != IMAGE_TOKEN or extra.get("global_image_token", GLOBAL_TOKEN) != GLOBAL_TOKEN:
        raise UserError(f"{source / 'config.json'}: its tokens for pictures aren't {IMAGE_TOKEN} and {GLOBAL_TOKEN}")
    words.add_special_tokens({"additional_special_tokens": list(extra.values())})  # in nanoVLM's order
    if len(words) > stated["lm_vocab_size"]:
        raise UserError(
            f"{where} has {len(words):,} tokens, and the model knows {stated['lm_vocab_size']:,}; name another"
        )
    if "<|im_end|>" not in words.get_vocab():
        raise UserError(f"{where}: its tokenizer has no <|im_end|>, by which nanoVLM ends a turn")
    words.pad_token = words.eos_token
    words.chat_template = CHAT_TEMPLATE
    return words


def _read_tiling(source: Path, stated: Mapping[str, Any]) -> Tiling:
    side, factor = stated["vit_img_size"], stated["mp_pixel_shuffle_factor"]
    tokens = (side // stated["vit_patch_size"] // factor) ** 2
    longest = stated.get("max_img_size", side)
    if not isinstance(longest, int) or not side <= longest <= MOST_ROWS * side:
        raise UserError(f"{source / 'config.json'}: max_img_size {longest!r} isn't between one and {MOST_ROWS} tiles")
    whole = "global_image_token" in (stated.get("vlm_extra_tokens") or {})
    return Tiling(side, longest, tokens, bool(stated.get("resize_to_max_side_len", False)), whole)


def _build_config(source: Path, stated: Mapping[str, Any], words: Any) -> Any:
    """The Idefics3's config. Raises UserError where the sizes don't fit each other."""
    theta = float(stated.get("lm_re_base", 100_000))
    try:
        return Idefics3Config(
            vision_config={
                "hidden_size": stated["vit_hidden_dim"],
                "intermediate_size": stated["vit_inter_dim"],
                "num_hidden_layers": stated["vit_n_blocks"],
                "num_attention_heads": stated["vit_n_heads"],
                "image_size": stated["vit_img_size"],
                "patch_size": stated["vit_patch_size"],
                "layer_norm_eps": float(stated.get("vit_ln_eps", 1e-6)),
                "hidden_act": "gelu_pytorch_tanh",
            },
            text_config=LlamaConfig(
                vocab_size=stated["lm_vocab_size"],
                hidden_size=stated["lm_hidden_dim"],
                intermediate_size=stated["lm_inter_dim"],
                num_hidden_layers=stated["lm_n_blocks"],
                num_attention_heads=stated["lm_n_heads"],
                num_key_value_heads=stated["lm_n_kv_heads"],
                rms_norm_eps=float(stated.get("lm_rms_eps", 1e-5)),
                rope_parameters={"rope_type": "default", "rope_theta": theta},
                max_position_embeddings=stated["lm_max_position_embeddings"],
                tie_word_embeddings=bool(stated.get("lm_tie_weights", True)),
                pad_token_id=words.pad_token_id,
                bos_token_id=words.bos_token_id,
                eos_token_id=words.convert_tokens_to_ids("<|im_end|>"),
            ).to_dict(),
            image_token_id=words.convert_tokens_to_ids(IMAGE_TOKEN),
            scale_factor=stated["mp_pixel_shuffle_factor"],
            pad_token_id=words.pad_token_id,
            tie_word_embeddings=bool(stated.get("lm_tie_weights", True)),
            architectures=["Idefics3ForConditionalGeneration"],
        )
    except (StrictDataclassError, TypeError, ValueError) as error:
        raise UserError(f"{source / 'config.json'} states no model: {first_line(error)[:200]}") from error


def _read_weights(source: Path, tied: bool) -> tuple[dict[str, torch.Tensor], int, int]:
    """The tensors by the names that are written, how many were read, and how many of these are left behind."""
    state: dict[str, torch.Tensor] = {}
    listed, left, lost = list_tensors(source), 0, []
    for file in sorted({tensor.file for tensor in listed}):
        with safe_open(file, framework="pt") as opened:
            for name in (tensor.name for tensor in listed if tensor.file == file):
                if name == "decoder.rotary_embd.inv_freq":
                    left += 1  # follows from the config
                    continue
                placed = dict(_place(name, opened.get_tensor(name)))
                lost += [] if placed else [name]
                state |= placed
    if lost:
        raise UserError(f"{source}: the model has no place for {tell(lost)}")
    if tied:  # nanoVLM's file keeps one of the two, under either name
        state.setdefault("model.text_model.embed_tokens.weight", state.get("lm_head.weight", torch.empty(0)))
        state.pop("lm_head.weight", None)
    return state, len(listed), left


def _place(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """A tensor under its new name, or in three parts under three; nothing where it has no place."""
    if name == POSITIONS:
        yield "model.vision_model.embeddings.position_embedding.weight", tensor[0]
    for begin, other in NAMES.items():
        if name.startswith(begin):
            yield other + name.removeprefix(begin), tensor
    match = LAYER.fullmatch(name)
    if match is None:
        return
    tower, number, part, end = match[1] == "vision_encoder", match[2], match[3], match[4]
    layer = f"model.{'vision_model.encoder' if tower else 'text_model'}.layers.{number}."
    if tower and part == "attn.qkv_proj" and len(tensor) % 3 == 0:
        for letter, third in zip("qkv", tensor.chunk(3), strict=True):
            yield f"{layer}self_attn.{letter}_proj.{end}", third.clone()
    elif part in (places := IN_TOWER if tower else IN_READER):
        yield f"{layer}{places[part]}.{end}", tensor


def _check(source: Path, state: Mapping[str, torch.Tensor], config: Any) -> None:
    """Raise UserError unless the model's tensors are exactly these."""
    with torch.device("meta"):
        wanted = dict(Idefics3ForConditionalGeneration(config).state_dict())
    if config.tie_word_embeddings:
        wanted.pop("lm_head.weight", None)
    missing = [name for name in wanted if name not in state]
    if missing:
        raise UserError(f"{source} lacks {tell(missing)}")
    over = [name for name in state if name not in wanted]
    if over:
        raise UserError(f"{source}: the model has no place for {tell(over)}")
    wrong = [name for name, tensor in state.items() if tensor.shape != wanted[name].shape]
    if wrong:
        raise UserError(f"{source}: other shapes than config.json states: {tell(wrong)}")
