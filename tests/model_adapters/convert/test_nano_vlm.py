"""nanoVLM: a tiny checkpoint under that project's names is converted, computes what it says, and is scored."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from transformers import Idefics3ForConditionalGeneration
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import read_records
from sightscale.model_adapters.convert import convert_nano_vlm, is_nano_vlm
from sightscale.model_adapters.engines import Decoding, Message, NanoVlmProcessor, Prompt, Tiling, open_engine
from sightscale.tasks.errors import UserError

EXTRA = {"image_token": "<|image|>", "global_image_token": "<|global_image|>"} | {
    f"r{row}c{column}": f"<row_{row}_col_{column}>" for row in range(1, 3) for column in range(1, 3)
}
CONFIG: dict[str, Any] = {
    "vit_hidden_dim": 16, "vit_inter_dim": 24, "vit_patch_size": 4, "vit_img_size": 16, "vit_n_heads": 2,
    "vit_dropout": 0.0, "vit_n_blocks": 2, "vit_ln_eps": 1e-6, "vit_cls_flag": False, "vit_model_type": "a/tower",
    "lm_hidden_dim": 24, "lm_inter_dim": 32, "lm_rms_eps": 1e-5, "lm_re_base": 1000,
    "lm_max_position_embeddings": 2048, "lm_n_heads": 4, "lm_n_kv_heads": 2, "lm_dropout": 0.0, "lm_n_blocks": 2,
    "lm_attn_scaling": 1.0, "lm_tie_weights": True, "lm_tokenizer": "a/reader", "mp_pixel_shuffle_factor": 2,
    "mp_image_token_length": 4, "max_img_size": 32, "resize_to_max_side_len": False, "vlm_extra_tokens": EXTRA,
}  # fmt: skip


def list_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """nanoVLM's tensors by its own names."""
    v, vi, d, di = (config[f"{part}_dim"] for part in ("vit_hidden", "vit_inter", "lm_hidden", "lm_inter"))
    kv = d // config["lm_n_heads"] * config["lm_n_kv_heads"]
    patch, places = config["vit_patch_size"], (config["vit_img_size"] // config["vit_patch_size"]) ** 2
    shapes: dict[str, tuple[int, ...]] = {
        "vision_encoder.patch_embedding.position_embedding": (1, places, v),
        "vision_encoder.patch_embedding.conv.weight": (v, 3, patch, patch),
        "vision_encoder.patch_embedding.conv.bias": (v,),
        "vision_encoder.layer_norm.weight": (v,),
        "vision_encoder.layer_norm.bias": (v,),
        "MP.proj.weight": (d, v * config["mp_pixel_shuffle_factor"] ** 2),
        "decoder.token_embedding.weight": (config["lm_vocab_size"], d),
        "decoder.rotary_embd.inv_freq": (d // config["lm_n_heads"] // 2,),
        "decoder.norm.weight": (d,),
    }
    linear = {"attn.qkv_proj": (3 * v, v), "attn.out_proj": (v, v), "mlp.fc1": (vi, v), "mlp.fc2": (v, vi)}
    for layer in range(config["vit_n_blocks"]):
        at = f"vision_encoder.blocks.{layer}"
        for name, shape in linear.items():
            shapes |= {f"{at}.{name}.weight": shape, f"{at}.{name}.bias": shape[:1]}
        shapes |= {f"{at}.{name}.{end}": (v,) for name in ("ln1", "ln2") for end in ("weight", "bias")}
    for layer in range(config["lm_n_blocks"]):
        at = f"decoder.blocks.{layer}"
        shapes |= {f"{at}.norm{n}.weight": (d,) for n in (1, 2)}
        shapes |= {f"{at}.attn.{name}_proj.weight": (size, d) for name, size in zip("qkv", (d, kv, kv), strict=True)}
        shapes |= {f"{at}.attn.out_proj.weight": (d, d), f"{at}.mlp.down_proj.weight": (d, di)}
        shapes |= {f"{at}.mlp.{name}_proj.weight": (di, d) for name in ("gate", "up")}
    return shapes


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory, smollm2_tokenizer: Any) -> Path:
    """A small tokenizer of the kind that nanoVLM uses."""
    folder = tmp_path_factory.mktemp("reader") / "reader"
    smollm2_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, smollm2_tokenizer: Any) -> Callable[..., Path]:
    """Writes a nanoVLM folder; `change` changes its tensors, `fields` its config."""

    def write(change: Callable[[dict[str, torch.Tensor]], None] | None = None, **fields: Any) -> Path:
        folder = tmp_path_factory.mktemp("nanovlm") / "nanovlm"
        folder.mkdir()
        config = CONFIG | {"lm_vocab_size": len(smollm2_tokenizer) + len(EXTRA)} | fields
        torch.manual_seed(0)
        state = {name: torch.randn(shape) * 0.3 for name, shape in list_shapes(CONFIG | config).items()}
        if change:
            change(state)
        save_file(state, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return write


@pytest.fixture(scope="module")
def converted(
    make: Callable[..., Path], tokenizer: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A nanoVLM folder, and what became of it."""
    source, target = make(), tmp_path_factory.mktemp("converted") / "model"
    done = convert_nano_vlm(source, target, tokenizer=tokenizer)
    assert done.tensors_read == len(load_file(source / "model.safetensors")) and done.left_behind == 1
    return source, target


def compute(state: dict[str, torch.Tensor], tiles: torch.Tensor, ids: torch.Tensor, image: int) -> torch.Tensor:
    """The logits of one text as nanoVLM's description says: written from its layout, not with its code."""
    c = CONFIG

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool) -> torch.Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2)

    def heads(x: torch.Tensor, number: int) -> torch.Tensor:
        return x.unflatten(-1, (number, -1)).transpose(1, 2)

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], c["vit_ln_eps"])

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))

    def rms(x: torch.Tensor, name: str) -> torch.Tensor:
        return x * torch.rsqrt((x**2).mean(-1, keepdim=True) + c["lm_rms_eps"]) * state[f"{name}.weight"]

    at = "vision_encoder.patch_embedding"
    x = F.conv2d(tiles, state[f"{at}.conv.weight"], state[f"{at}.conv.bias"], stride=c["vit_patch_size"])
    x = x.flatten(2).transpose(1, 2) + state[f"{at}.position_embedding"]
    for layer in range(c["vit_n_blocks"]):
        at = f"vision_encoder.blocks.{layer}"
        q, k, v = (
            heads(part, c["vit_n_heads"]) for part in linear(norm(x, f"{at}.ln1"), f"{at}.attn.qkv_proj").chunk(3, -1)
        )
        x = x + linear(attend(q, k, v, False), f"{at}.attn.out_proj")
        x = x + linear(F.gelu(linear(norm(x, f"{at}.ln2"), f"{at}.mlp.fc1"), approximate="tanh"), f"{at}.mlp.fc2")
    x = norm(x, "vision_encoder.layer_norm")
    side, factor = math.isqrt(x.shape[1]), c["mp_pixel_shuffle_factor"]
    blocks = x.reshape(len(x), side // factor, factor, side // factor, factor, -1).permute(0, 1, 3, 2, 4, 5)
    seen = linear(blocks.reshape(len(x), (side // factor) ** 2, -1), "MP.proj")
    y = state["decoder.token_embedding.weight"][ids].clone()
    y[ids == image] = seen.flatten(0, 1)
    y, width = y[None], c["lm_hidden_dim"] // c["lm_n_heads"]
    turns = torch.arange(len(ids))[:, None] / c["lm_re_base"] ** (torch.arange(0, width, 2) / width)
    cos, sin = (torch.cat([one(turns)] * 2, -1) for one in (torch.cos, torch.sin))

    def turn(x: torch.Tensor) -> torch.Tensor:
        first, second = x.chunk(2, -1)
        return x * cos + torch.cat([-second, first], -1) * sin

    for layer in range(c["lm_n_blocks"]):
        at = f"decoder.blocks.{layer}"
        z = rms(y, f"{at}.norm1")
        q = turn(heads(linear(z, f"{at}.attn.q_proj"), c["lm_n_heads"]))
        k = turn(heads(linear(z, f"{at}.attn.k_proj"), c["lm_n_kv_heads"]))
        v = heads(linear(z, f"{at}.attn.v_proj"), c["lm_n_kv_heads"])
        groups = c["lm_n_heads"] // c["lm_n_kv_heads"]
        k, v = (part.repeat_interleave(groups, 1) for part in (k, v))
        y = y + linear(attend(q, k, v, True), f"{at}.attn.out_proj")
        z = rms(y, f"{at}.norm2")
        y = y + linear(F.silu(linear(z, f"{at}.mlp.gate_proj")) * linear(z, f"{at}.mlp.up_proj"), f"{at}.mlp.down_proj")
    return F.linear(rms(y, "decoder.norm"), state["decoder.token_embedding.weight"])[0]


def draw_picture(width: int, height: int) -> Image.Image:
    picture = Image.new("RGB", (width, height), (200, 30, 60))
    picture.paste((10, 220, 90), (0, 0, width // 2, height // 3))
    return picture


@torch.no_grad()
def test_the_converted_model_computes_what_nano_vlm_does(converted: tuple[Path, Path]) -> None:
    source, target = converted
    processor = NanoVlmProcessor.from_pretrained(target)
    model = Idefics3ForConditionalGeneration.from_pretrained(target, dtype=torch.float32).eval()
    inputs = processor(text=["<|image|>What is it?"], images=[[draw_picture(30, 20)]], return_tensors="pt")
    assert inputs["pixel_values"].shape == (1, 5, 3, 16, 16)  # the whole picture, then two rows of two tiles
    ours = model(**inputs).logits[0]
    image = processor.tokenizer.convert_tokens_to_ids("<|image|>")
    theirs = compute(load_file(source / "model.safetensors"), inputs["pixel_values"][0], inputs["input_ids"][0], image)
    assert torch.allclose(ours, theirs, atol=1e-4), (ours - theirs).abs().max()
    other = processor(text=["<|image|>What is it?"], images=[[draw_picture(30, 20).transpose(0)]], return_tensors="pt")
    assert not torch.allclose(model(**other).logits[0], ours, atol=1e-2)  # it looks


def test_prompts_are_written_as_nano_vlm_writes_them(converted: tuple[Path, Path]) -> None:
    processor = NanoVlmProcessor.from_pretrained(converted[1])
    message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]}
    text = processor.apply_chat_template([message], tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>user\n<|image|>What?<|im_end|>\n<|im_start|>assistant\n"
    ids = processor(text=[text], images=[[draw_picture(16, 16)]], return_tensors="pt")["input_ids"][0]
    assert processor.tokenizer.decode(ids).startswith("<|im_start|>user\n<|global_image|>" + "<|image|>" * 4 + "What?")
    with pytest.raises(ValueError, match="1 marks for 2 pictures"):
        processor(text=[text], images=[[draw_picture(16, 16)] * 2])


@pytest.mark.parametrize(
    ("size", "expected"),
    [((10, 10), (16, 16)), ((17, 5), (32, 16)), ((20, 30), (32, 32)), ((400, 100), (32, 16)), ((100, 400), (16, 32))],
)
def test_pictures_get_whole_tiles(size: tuple[int, int], expected: tuple[int, int]) -> None:
    tiling = Tiling(16, 32, 4)
    assert tiling.size(*size) == expected
    tiles, rows, columns = tiling.cut(draw_picture(*size))
    assert (columns * 16, rows * 16) == expected and len(tiles) == rows * columns + (rows * columns > 1)
    black, *_ = tiling.cut(Image.new("RGB", size))
    assert (black > 0).all()  # an Idefics3 would take a tile of zeros for padding


def test_answers_with_and_without_pictures_share_a_batch(converted: tuple[Path, Path]) -> None:
    engine = open_engine(str(converted[1]), dtype="float32")
    pictures = [draw_picture(16, 16), draw_picture(30, 20), Image.new("RGB", (20, 20)), None]
    prompts = [Prompt((Message("user", (*([one] if one else []), "What?")),)) for one in pictures]
    together = engine.generate(prompts, Decoding(4))
    alone = [engine.generate([prompt], Decoding(4))[0] for prompt in prompts]
    assert [answer.error for answer in together] == [None] * 4
    assert [answer.text for answer in together] == [answer.text for answer in alone]


def test_one_command_converts_and_one_scores(converted: tuple[Path, Path], tokenizer: Path, tmp_path: Path) -> None:
    target = tmp_path / "model"
    done = CliRunner().invoke(app, ["convert", str(converted[0]), str(target), "--tokenizer", str(tokenizer)])
    assert done.exit_code == 0 and "idefics3" in done.stdout, done.stderr
    asked = ["--tasks", "easy_vqa", "--limit", "3", "--blind", "none,black", "--output", str(tmp_path / "run")]
    done = CliRunner().invoke(app, ["run", "--model", str(target), *asked])
    assert done.exit_code == 0, done.stderr
    records = read_records(tmp_path / "run")
    assert len(records) == 9 and (records["outcome"] != "failed").all(), records["error"].tolist()


def test_what_is_no_nano_vlm_or_no_idefics_is_refused(
    make: Callable[..., Path], tokenizer: Path, tmp_path: Path
) -> None:
    def refuse(reason: str, source: Path, words: Path | None = tokenizer) -> None:
        with pytest.raises(UserError, match=reason):
            convert_nano_vlm(source, tmp_path / "target", tokenizer=words)
        assert not list(tmp_path.iterdir())

    refuse("no tokenizer; fetch a/reader and name its folder with --tokenizer", make(), None)
    refuse("vit_cls_flag", make(vit_cls_flag=True))
    refuse("lm_attn_scaling", make(lm_attn_scaling=2.0))
    refuse("lm_n_blocks is 'two'", make_with(make, lm_n_blocks="two"))
    refuse("max_img_size", make(max_img_size=4))
    refuse("lacks", make(lambda state: state.__delitem__("MP.proj.weight")))
    refuse("no place", make(lambda state: state.update(extra=torch.zeros(2))))
    refuse("other shapes", make(lambda state: state.update({"MP.proj.weight": torch.zeros(2, 2)})))
    refuse("the model knows 100", make_with(make, lm_vocab_size=100))
    assert not is_nano_vlm(tmp_path) and is_nano_vlm(make())


def make_with(make: Callable[..., Path], **fields: Any) -> Path:
    """A folder whose config says other than its weights."""
    folder = make()
    config = json.loads((folder / "config.json").read_text()) | fields
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_tiling_that_makes_no_sense_is_refused(converted: tuple[Path, Path], tmp_path: Path) -> None:
    for text in (
        "[1]",
        '{"tile": 0, "longest": 4, "tokens": 1}',
        '{"tile": 4, "longest": 4, "tokens": 1, "x": 1}',
        "{",
    ):
        (tmp_path / "nano_vlm_processor.json").write_text(text)
        with pytest.raises(UserError, match="states no tiling"):
            NanoVlmProcessor.from_pretrained(tmp_path)
