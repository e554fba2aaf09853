from .build import build_model as build_model, build_processor as build_processor, open_tokenizer as open_tokenizer
from .tower import TowerWithHeads as TowerWithHeads, collate_pictures as collate_pictures
