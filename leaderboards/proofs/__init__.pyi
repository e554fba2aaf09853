from .copies import (
    ALIKE as ALIKE,
    Pair as Pair,
    find_copies as find_copies,
    find_nearest as find_nearest,
)
from .fresh import (
    Challenge as Challenge,
    commit as commit,
    draw_questions as draw_questions,
    make_challenge as make_challenge,
    read_challenge as read_challenge,
    score_run as score_run,
)
from .rerun import (
    SIZES as SIZES,
    Rerun as Rerun,
    choose_questions as choose_questions,
    compare_rerun as compare_rerun,
    escape_probability as escape_probability,
)
from .results import (
    Result as Result,
    digest_files as digest_files,
    keep_result as keep_result,
    read_results as read_results,
)
