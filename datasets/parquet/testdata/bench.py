"""Writes the file that readers are measured with, or reads columns of it with DuckDB
and prints the CPU seconds that it took, starting not counted."""

import sys
import time

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

todo, path, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
if todo == "write":
    rng, patients = np.random.default_rng(2), n // 5
    ids = np.char.add("1", np.char.zfill(np.repeat(np.arange(patients), 5).astype("U8"), 8))
    columns = {
        "patient_id": pa.array(ids),
        "program": pa.array(np.repeat(np.array([f"pro_{i:03d}" for i in range(12)])[rng.integers(0, 12, patients)], 5)),
        "visit": pa.array(np.tile([f"month{3 * i}" for i in range(5)], patients)),
        "visit_date": pa.array(rng.integers(17500, 19500, 5 * patients).astype("int32")).cast(pa.date32()),
    }
    for i in range(21):
        columns[f"m{i}"] = pa.array(np.round(rng.uniform(0, 100, 5 * patients), i % 3), mask=rng.random(5 * patients) < 0.14)
    pq.write_table(pa.table(columns), path, compression="snappy")
    sys.exit()

numbers = [f"m{i}" for i in range(n - 3)]
duckdb.sql("select 1").to_arrow_table()
began = time.process_time()
t = duckdb.sql(f"select patient_id, visit, program, {', '.join(numbers)} from '{path}'").to_arrow_table()
if todo == "group":
    means = ", ".join(f"avg({m}), stddev({m})" for m in numbers)
    duckdb.sql(f"select visit, program, {means} from t group by all").fetchall()
print(f"{time.process_time() - began}s")
