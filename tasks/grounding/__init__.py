"""Grounding: RefCOCO, RefCOCO+ and RefCOCOg, one question for each phrase."""

__all__: list[str] = []  # task files name its functions by their modules
