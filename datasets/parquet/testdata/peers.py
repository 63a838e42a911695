"""Read a Parquet file with another reader and print, by column, how many cells are
missing and a sum: of numbers, of days or microseconds since 1970, of true ones, of
the lengths of texts."""
import json
import sys

reader, path = sys.argv[1:]
if reader == "duckdb":
    import duckdb
    table = duckdb.sql(f"select * from read_parquet('{path}')").to_arrow_table()
elif reader == "polars":
    import polars
    table = polars.read_parquet(path).to_arrow()
else:
    import pyarrow.parquet
    table = pyarrow.parquet.read_table(path)
import pyarrow as pa
import pyarrow.compute as pc
out = {}
for name, column in zip(table.column_names, table.columns):
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if pa.types.is_date(kind):
        column = column.cast(pa.int32())
    elif pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.float64())
    elif not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        column = pc.utf8_length(column)
    out[name] = [column.null_count, float(pc.sum(column).as_py() or 0)]
print(json.dumps(out))
