"""An entry: its four files, made from a run and read back within bounds."""

import lazy_loader

# What others may use stands in __init__.pyi; a part is imported when it is first used: records are heavy.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
