"""`sightscale convert`: a checkpoint of the LLaVA code becomes one that transformers and vLLM load."""

from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import examples


@examples(
    "sightscale convert models/llava-onevision-qwen2-0.5b-ov models/converted",
    "sightscale convert models/original models/converted --vision-tower models/siglip",
)
def convert(
    source: Annotated[Path, typer.Argument(help="Folder with a LLaVA-NeXT or LLaVA-OneVision checkpoint.")],
    target: Annotated[Path, typer.Argument(help="New folder for the converted checkpoint.")],
    dtype: Annotated[
        str | None, typer.Option(help="Type of the numbers: float32, bfloat16 or float16.  [default: the checkpoint's]")
    ] = None,
    vision_tower: Annotated[
        Path | None, typer.Option(help="Folder with the SigLIP vision tower, for checkpoints that don't hold it.")
    ] = None,
) -> None:
    """Convert a LLaVA checkpoint into transformers' LlavaOnevision, so that `--model TARGET` runs it.

    Weights must be safetensors. Nothing is written unless every tensor is accounted for.
    """
    from sightscale.harness.commands.terminal import quieten

    quieten()
    from sightscale.model_adapters.convert import convert as convert_llava

    converted = convert_llava(source, target, dtype=dtype, vision_tower=vision_tower)
    left = f", {converted.left_behind} left behind as LLaVA does" if converted.left_behind else ""
    written = f"{converted.tensors_written:,} written as {converted.dtype}"
    print(f"{converted.model_type}: {converted.tensors_read:,} tensors read{left}, {written}")
    print(f"{target}: run it with `sightscale run --model {target} --tasks TASKS --output DIR`")
