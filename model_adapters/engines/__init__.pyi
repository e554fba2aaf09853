from .feed import Feed as Feed
from .in_memory import InMemoryEngine as InMemoryEngine
from .loading import load_model as load_model
from .lora import split_adapter as split_adapter
from .nano_vlm import (
    GLOBAL_TOKEN as GLOBAL_TOKEN,
    IMAGE_TOKEN as IMAGE_TOKEN,
    NanoVlmProcessor as NanoVlmProcessor,
    Tiling as Tiling,
)
from .nowait import read_rule as read_rule
from .on_demand import Room as Room, open_on_demand as open_on_demand
from .opening import OPENAI as OPENAI, VLLM as VLLM, check_engine as check_engine, open_engine as open_engine
from .processors import for_pictures as for_pictures
from .protocol import (
    AT_ONCE as AT_ONCE,
    LIKELIEST as LIKELIEST,
    MAX_REASON as MAX_REASON,
    Choice as Choice,
    Completion as Completion,
    Completions as Completions,
    Decoding as Decoding,
    Describes as Describes,
    Engine as Engine,
    EngineDescription as EngineDescription,
    EngineFailure as EngineFailure,
    Key as Key,
    Likelihood as Likelihood,
    Likelihoods as Likelihoods,
    ListsChoices as ListsChoices,
    Message as Message,
    OnFinished as OnFinished,
    OnScored as OnScored,
    Prompt as Prompt,
    Prompts as Prompts,
    ScoresContinuations as ScoresContinuations,
    StreamingEngine as StreamingEngine,
    explain as explain,
    failed as failed,
    hash_image as hash_image,
    list_choices as list_choices,
    prompt_seed as prompt_seed,
    score_continuations as score_continuations,
)
from .ray_pool import LOCAL as LOCAL, RayPool as RayPool, Replicas as Replicas
from .store import (
    Store as Store,
    StoredEngine as StoredEngine,
    open_store as open_store,
)
from .store_contents import (
    describe_store as describe_store,
    merge_stores as merge_stores,
    prune_store as prune_store,
)
from .thinking import split_thinking as split_thinking
from .weights import (
    PICKLED as PICKLED,
    combine_hashes as combine_hashes,
    find_folder as find_folder,
    hash_weights as hash_weights,
    without_names as without_names,
)
