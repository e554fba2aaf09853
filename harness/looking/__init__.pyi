from .callback import LookingCallback as LookingCallback
from .figure import draw_looks as draw_looks
from .looker import Looker as Looker
from .looks import Look as Look, find_looks as find_looks, name_training as name_training, read_looks as read_looks
from .share import TimeShare as TimeShare
