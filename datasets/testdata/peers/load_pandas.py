import sys
import pandas
print(pandas.read_csv(sys.argv[1], parse_dates=["visit_date", "enrol_date"]).shape)
