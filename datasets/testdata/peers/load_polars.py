import sys
import polars
print(polars.read_csv(sys.argv[1], try_parse_dates=True).shape)
