"""Expansion: rows of a data set repeated with new columns beside them, without copying a picture.

Some questions share a row: each phrase of an object, both orders of a pair. datasets' own ways of repeating
rows write every picture once more; here the repeated rows are views of the same memory (or mapped file).
"""

from collections.abc import Mapping, Sequence

import datasets
import pyarrow as pa
from datasets.fingerprint import Hasher
from datasets.table import InMemoryTable


def expand_rows(
    rows: datasets.Dataset, repeats: Sequence[int], columns: Mapping[str, Sequence[str]]
) -> datasets.Dataset:
    """Each row as many times as `repeats` says, in order, with further text columns for the repeated rows.

    Raises ValueError when a column's length is not the number of repeated rows.
    """
    for name, values in columns.items():
        if len(values) != sum(repeats):
            raise ValueError(f"column {name!r} has {len(values)} values for {sum(repeats)} rows")
    places = [place for place, times in enumerate(repeats) for _ in range(times)]
    return arrange_rows(rows, places, columns)


def arrange_rows(
    rows: datasets.Dataset, places: Sequence[int], columns: Mapping[str, Sequence[str]]
) -> datasets.Dataset:
    """The rows at some places, each as often as it is named, with further text columns beside them."""
    if rows._indices is not None:  # rows were selected, and no longer lie one after the other
        rows = rows.flatten_indices()
    singles = [batch.slice(number, 1) for batch in rows.data.to_batches() for number in range(batch.num_rows)]
    table = pa.Table.from_batches([singles[place] for place in places], schema=rows.data.schema)
    features = datasets.Features(rows.features)
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values, pa.string()))
        features[name] = datasets.Value("string")
    return datasets.Dataset(
        InMemoryTable(table.cast(features.arrow_schema)),
        info=datasets.DatasetInfo(features=features, download_checksums=rows.info.download_checksums),
        split=rows.split,
        # Given, since datasets would hash every picture to find one.
        fingerprint=Hasher.hash(
            [rows._fingerprint, list(places), {name: list(values) for name, values in columns.items()}]
        ),
    )
