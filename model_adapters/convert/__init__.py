"""Converting: checkpoints in other projects' formats become checkpoints that transformers and vLLM load."""

from sightscale.model_adapters.convert.llava import convert

__all__ = ["convert"]
