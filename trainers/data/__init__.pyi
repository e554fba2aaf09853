from .batches import IGNORED as IGNORED, Collator as Collator, OpenedRows as OpenedRows
from .conversation_files import ConversationFile as ConversationFile, read_pictures as read_pictures
from .conversations import IMAGE as IMAGE, Opener as Opener
from .easy_vqa import (
    attributes as attributes,
    easy_vqa_texts as easy_vqa_texts,
    open_picture as open_picture,
    read_training_pictures as read_training_pictures,
)
from .mini import LabelledMini as LabelledMini, mini_texts as mini_texts
from .mixture import Mixture as Mixture, build_mixture as build_mixture
from .pictures import open_whole as open_whole
