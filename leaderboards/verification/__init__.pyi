from .alike import (
    find_alike as find_alike,
    refuse_alike as refuse_alike,
)
from .apart import (
    prepare as prepare,
    refuse as refuse,
    verify_apart as verify_apart,
)
from .bounded import (
    TooMuch as TooMuch,
    Worker as Worker,
)
from .changes import find_changes as find_changes
from .checks import check_model_keys as check_model_keys
from .claimed import check_claimed as check_claimed
from .issues import (
    Issue as Issue,
    Level as Level,
    State as State,
    count_in_words as count_in_words,
    count_levels as count_levels,
    sort_issues as sort_issues,
)
from .reports import (
    LIMITS as LIMITS,
    MOST_ISSUES as MOST_ISSUES,
    write_json as write_json,
    write_markdown as write_markdown,
)
from .verify import (
    Verified as Verified,
    verify_entry as verify_entry,
)
