"""Perceptual similarity: NIGHTS and PieAPP, each triplet asked in both orders."""

__all__: list[str] = []  # task files name its functions by their modules
