"""The fifteen tasks of the study's Figure 2, as far as public loaders reach."""
