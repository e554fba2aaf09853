"""Looking while training: a model in memory is scored sighted and blind as it learns, in a small share of the time.

`sightscale.looking` is the public door to this room.
"""

import lazy_loader

# What others may use stands in __init__.pyi; the callback brings transformers, which reading looks needs not.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
