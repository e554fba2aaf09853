from .add import (
    TOKENS as TOKENS,
    add_entry as add_entry,
    read_budgets as read_budgets,
    read_facts as read_facts,
)
from .entry import (
    DECIMALS as DECIMALS,
    KINDS as KINDS,
    MINI_REVISION as MINI_REVISION,
    NO_CONDITION as NO_CONDITION,
    REQUIRED_CONDITIONS as REQUIRED_CONDITIONS,
    Average as Average,
    Data as Data,
    Entry as Entry,
    Part as Part,
    Score as Score,
    is_condition as is_condition,
    name_data as name_data,
    write_schema as write_schema,
)
from .folders import (
    ENTRY as ENTRY,
    HASHED as HASHED,
    HASHES as HASHES,
    LONGEST as LONGEST,
    MANIFEST as MANIFEST,
    OPTIONAL as OPTIONAL,
    RECORDS as RECORDS,
    SIGNATURE as SIGNATURE,
    WEIGHTS_SIGNED as WEIGHTS_SIGNED,
    UnreadableFile as UnreadableFile,
    check_folder as check_folder,
    first_reason as first_reason,
    hash_file as hash_file,
    list_entries as list_entries,
    list_files as list_files,
    load_entry as load_entry,
    read_entry as read_entry,
    read_json as read_json,
)
from .scores import (
    PACKAGE as PACKAGE,
    count_documents as count_documents,
    known_tasks as known_tasks,
    score_averages as score_averages,
    score_tasks as score_tasks,
    split_strata as split_strata,
)
from .submission import (
    PartMade as PartMade,
    RunManifest as RunManifest,
    Submission as Submission,
    read_manifests as read_manifests,
)
from .submitted_records import (
    MAX_ROWS as MAX_ROWS,
    read_submitted as read_submitted,
)
from .titles import fold_title as fold_title
