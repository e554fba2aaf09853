"""Proofs: what no file of an entry can show, shown otherwise: fresh questions, spot reruns, copies found."""

import lazy_loader

# What others may use stands in __init__.pyi; a part is imported when it is first used, since some are heavy.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
