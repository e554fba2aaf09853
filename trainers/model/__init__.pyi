from .build import (
    END as END,
    build_model as build_model,
    build_processor as build_processor,
    open_tokenizer as open_tokenizer,
)
from .frozen import name_tower as name_tower, reading_features as reading_features, see as see
from .tower import (
    DenseTower as DenseTower,
    TowerWithHeads as TowerWithHeads,
    collate_kept as collate_kept,
    collate_pictures as collate_pictures,
    normalise as normalise,
)
