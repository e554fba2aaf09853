"""Converting: checkpoints in other projects' formats become checkpoints that transformers and vLLM load."""

from sightscale.model_adapters.convert.conversion import Conversion
from sightscale.model_adapters.convert.llava import convert
from sightscale.model_adapters.convert.nano_vlm import convert_nano_vlm, is_nano_vlm

__all__ = ["Conversion", "convert", "convert_nano_vlm", "is_nano_vlm"]
