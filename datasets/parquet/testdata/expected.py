"""What pyarrow reads from the valid Parquet files of the corpora, column by column.

    python expected.py ../../../../shared/corpora > expected.json

Of each file of flat columns: the rows, and of each column the missing cells, the
sum of its numbers (dates in days, moments in seconds since 1970, true as 1) or of its
texts' lengths in bytes.
What pyarrow cannot read, and columns of other types, are null.
"""
import datetime
import decimal
import json
import math
import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq

root = pathlib.Path(sys.argv[1])


def total(column):
    t = column.type
    if pa.types.is_dictionary(t):
        column = column.cast(t.value_type)
        t = t.value_type
    values = [v for v in column.to_pylist() if v is not None]
    if pa.types.is_boolean(t) or pa.types.is_integer(t):
        return float(sum(int(v) for v in values))
    if pa.types.is_floating(t):
        return math.fsum(v for v in values if not math.isnan(v) and not math.isinf(v))
    if pa.types.is_decimal(t):
        return float(sum(values))
    if pa.types.is_timestamp(t):
        return math.fsum(v / 1e6 for v in column.cast(pa.timestamp("us", t.tz), safe=False).cast(pa.int64()).to_pylist() if v is not None)
    if pa.types.is_date(t):
        return float(sum((v - datetime.date(1970, 1, 1)).days for v in values))
    if pa.types.is_string(t) or pa.types.is_large_string(t):
        return float(sum(len(v.encode()) for v in values))
    if pa.types.is_binary(t) or pa.types.is_large_binary(t):
        return float(sum(len(v) for v in values))
    return None


out = {}
for folder in ["parquet/data", "arrow/parquet"]:
    for path in sorted((root / folder).iterdir()):
        key = folder + "/" + path.name
        try:
            table = pq.read_table(path)
            out[key] = {
                "rows": table.num_rows,
                "columns": [[name, column.null_count, total(column)] for name, column in zip(table.column_names, table.columns)],
            }
        except Exception:
            out[key] = None
json.dump(out, sys.stdout, indent=0)
