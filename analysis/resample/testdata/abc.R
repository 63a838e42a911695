# ABC of the correlation of 15 law schools (Efron and Tibshirani 1993, table 3.1), with
# the error of boot's differences taken off: Rscript abc.R > abc.json
library(boot)
d <- cbind(c(576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594),
  c(3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96))
f <- function(x, w) { w <- w / sum(w); a <- x[, 1] - sum(w * x[, 1]); b <- x[, 2] - sum(w * x[, 2]); sum(w * a * b) / sqrt(sum(w * a^2) * sum(w * b^2)) }
h <- 8e-4
v <- (4 * abc.ci(d, f, eps = h) - abc.ci(d, f, eps = 2 * h)) / 3
cat('{"abc": [', paste(format(v[2:3], digits = 12), collapse = ", "), "]}\n")
