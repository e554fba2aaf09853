"""Placement: on which device a model runs, and with numbers of which type."""

from pathlib import Path

import torch

from sightscale.tasks.errors import UserError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def pick_device(device: str | None) -> torch.device:
    """The device of that name; without one a GPU if there is one, else the processor.

    Raises UserError in one line for a device that isn't there.
    """
    has_gpu = torch.cuda.is_available()
    try:
        chosen = torch.device(device or ("cuda" if has_gpu else "cpu"))
    except RuntimeError as error:
        raise UserError(f"unknown device {device!r}; known: cpu, cuda, cuda:0, …") from error
    if chosen.type == "cuda" and (chosen.index or 0) >= (torch.cuda.device_count() if has_gpu else 0):
        raise UserError(f"there is no device {device!r} that this machine's torch can use")
    return chosen


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The type of that name; `auto` is bfloat16 where the device computes with it, else float32.

    Raises UserError in one line for a type that models aren't run in.
    """
    if dtype in DTYPES:
        return DTYPES[dtype]
    if dtype != "auto":
        raise UserError(f"unknown dtype {dtype!r}; known: auto, {', '.join(DTYPES)}")
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if _cpu_has_bf16() else torch.float32


def _cpu_has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 itself; emulation is several times slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags or " bf16" in flags
