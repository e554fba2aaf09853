from .batches import Collator as Collator, Opened as Opened, OpenedRows as OpenedRows
from .conversation_files import ConversationFile as ConversationFile, read_pictures as read_pictures
from .conversations import (
    IGNORED as IGNORED,
    IMAGE as IMAGE,
    Conversation as Conversation,
    take_pictures as take_pictures,
)
from .hub_files import find_hub_files as find_hub_files
from .kept_features import (
    KeptFeatures as KeptFeatures,
    draw_pictures as draw_pictures,
    keep_features as keep_features,
)
from .kept_pictures import (
    KeptPictures as KeptPictures,
    ListedPicture as ListedPicture,
    Passes as Passes,
    PictureList as PictureList,
    keep_pictures as keep_pictures,
    list_pictures as list_pictures,
)
from .mixture import Mixture as Mixture, build_mixture as build_mixture
from .packed_rows import (
    PackedCollator as PackedCollator,
    PackedRows as PackedRows,
    name_rows as name_rows,
    pack_rows as pack_rows,
)
from .sources import LabelledPicture as LabelledPicture, open_source as open_source
