from .adapter import PICTURES_IN_MEMORY as PICTURES_IN_MEMORY, Blindfold as Blindfold, PictureMemory as PictureMemory
from .stand_ins import parse_conditions as parse_conditions
from .wordings import reword as reword, split_options as split_options
