"""`sightscale convert`: a checkpoint of the LLaVA code or of nanoVLM becomes one that transformers loads."""

from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import examples


@examples(
    "sightscale convert models/llava-onevision-qwen2-0.5b-ov models/converted",
    "sightscale convert models/original models/converted --vision-tower models/siglip",
    "sightscale convert models/nanovlm models/converted --tokenizer models/smollm2-360m-instruct",
)
def convert(
    source: Annotated[Path, typer.Argument(help="Folder with a LLaVA-NeXT, LLaVA-OneVision or nanoVLM checkpoint.")],
    target: Annotated[Path, typer.Argument(help="New folder for the converted checkpoint.")],
    dtype: Annotated[
        str | None, typer.Option(help="Type of the numbers: float32, bfloat16 or float16.  [default: the checkpoint's]")
    ] = None,
    vision_tower: Annotated[
        Path | None, typer.Option(help="Folder with the SigLIP vision tower, for checkpoints that don't hold it.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Folder with the tokenizer of a nanoVLM, whose own folder has none.")
    ] = None,
) -> None:
    """Convert a LLaVA checkpoint to transformers' LlavaOnevision, or a nanoVLM to Idefics3, for `--model TARGET`.

    Weights must be safetensors. Nothing is written unless every tensor is accounted for.
    """
    from sightscale.harness.commands.terminal import quieten

    quieten()
    from sightscale.model_adapters.convert import convert as convert_llava, convert_nano_vlm, is_nano_vlm

    if is_nano_vlm(source):
        converted = convert_nano_vlm(source, target, dtype=dtype, tokenizer=tokenizer)
    else:
        converted = convert_llava(source, target, dtype=dtype, vision_tower=vision_tower)
    left = f", {converted.left_behind} left behind" if converted.left_behind else ""
    written = f"{converted.tensors_written:,} written as {converted.dtype}"
    print(f"{converted.model_type}: {converted.tensors_read:,} tensors read{left}, {written}")
    print(f"{target}: run it with `sightscale run --model {target} --tasks TASKS --output DIR`")
