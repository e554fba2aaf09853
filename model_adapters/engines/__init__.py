"""Engines: where text is generated, behind one small protocol, with the store of finished generations."""

from sightscale.model_adapters.engines.protocol import (
    MAX_REASON,
    Completion,
    Decoding,
    Engine,
    Message,
    OnFinished,
    Prompt,
    failed,
    hash_image,
    prompt_seed,
)

__all__ = [
    "MAX_REASON",
    "Completion",
    "Decoding",
    "Engine",
    "Message",
    "OnFinished",
    "Prompt",
    "failed",
    "hash_image",
    "prompt_seed",
]
