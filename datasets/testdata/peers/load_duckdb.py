import sys
import duckdb
con = duckdb.connect()
con.execute("create table visits as select * from read_csv(?)", [sys.argv[1]])
print(con.execute("select count(*) from visits").fetchone())
