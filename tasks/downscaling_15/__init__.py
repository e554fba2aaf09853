"""The fifteen tasks of the study's Figure 2, as far as public loaders reach."""

__all__: list[str] = []  # task files name its functions by their modules
