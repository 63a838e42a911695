# Sobol's points by scipy, for sobol_test.go: python3 sobol.py > sobol.json
# scipy 1.17.1 walks in Gray-code order; point i of the natural order is its point
# number j with j ^ (j >> 1) = i. Coordinates are given as integers over 2^30.
import json
from scipy.stats import qmc

dims, n = [1, 2, 3, 4, 10, 57, 100, 500, 1000, 1024], 64
x = qmc.Sobol(1024, scramble=False).random(n)
natural = [None] * n
for j in range(n):
    natural[j ^ (j >> 1)] = x[j]
print(json.dumps({"dimensions": dims, "points": [[int(p[d - 1] * 2**30) for d in dims] for p in natural]}))
