from .adapter import PICTURES_IN_MEMORY as PICTURES_IN_MEMORY, Blindfold as Blindfold, PictureMemory as PictureMemory
from .stand_ins import CONDITIONS as CONDITIONS, SIGHTED as SIGHTED, parse_conditions as parse_conditions
