from .batches import IGNORED as IGNORED, Collator as Collator, OpenedRows as OpenedRows
from .conversation_files import ConversationFile as ConversationFile, read_pictures as read_pictures
from .conversations import IMAGE as IMAGE
from .mixture import Mixture as Mixture, build_mixture as build_mixture
from .pictures import open_whole as open_whole
from .sources import LabelledPicture as LabelledPicture, open_source as open_source
