"""The mini suite: every task's data in miniature, drawn by code from a seed in exactly the hub's schemas."""

import lazy_loader

# What others may use stands in __init__.pyi; rows are made with `datasets`, which drawing doesn't need.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
