"""ImageNet as open classification."""

__all__: list[str] = []  # task files name its functions by their modules
