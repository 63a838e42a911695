import sys
from pyarrow import csv
print(csv.read_csv(sys.argv[1]).shape)
