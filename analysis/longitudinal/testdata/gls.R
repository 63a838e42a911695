# Generalised least squares with an unstructured covariance and with compound symmetry, by
# restricted likelihood, on a made trial with missing visits: the numbers that
# mmrm_test.go holds longitudinal/mmrm against where no other reference is at hand.
#
#   Rscript gls.R    writes gls.csv and gls.json
suppressMessages(library(nlme))
set.seed(7)
n <- 60
d <- expand.grid(visit = c("mid", "end", "late"), id = sprintf("p%02d", 1:n))
arm <- rep(c("A", "B"), length.out = n)
base <- round(rnorm(n, 6, 1.6), 1)
u <- rnorm(n, 0, 1)
d$arm <- rep(arm, each = 3)
d$base <- rep(base, each = 3)
d$y <- round(1 + 0.6 * d$base + rep(u, each = 3) + rnorm(3 * n, 0, 1.2) - (d$arm == "A") * rep(c(0.5, 1, 1.2), n), 1)
d$y[c(3, 14, 15, 40, 41, 42, 77, 90, 93, 120, 150, 155, 179)] <- NA
write.csv(d, "gls.csv", row.names = FALSE, quote = FALSE)
d <- d[!is.na(d$y), ]
d$visit <- factor(d$visit, c("mid", "end", "late"))
d$v <- as.integer(d$visit)
used <- unique(d$id)
d$b <- d$base - mean(base[match(used, sprintf("p%02d", 1:n))])
control <- glsControl(opt = "optim", maxIter = 500, msMaxIter = 500, tolerance = 1e-12, msTol = 1e-14)
one <- function(correlation, weights) {
  f <- gls(y ~ 0 + arm:visit + visit:b, d, correlation = correlation, weights = weights, method = "REML", control = control)
  s <- summary(f)$tTable
  k <- function(a, v) paste0("arm", a, ":visit", v)
  v <- levels(d$visit)
  dif <- sapply(v, function(x) s[k("A", x), 1] - s[k("B", x), 1])
  V <- vcov(f)
  se <- sapply(v, function(x) sqrt(V[k("A", x), k("A", x)] + V[k("B", x), k("B", x)] - 2 * V[k("A", x), k("B", x)]))
  list(deviance = -2 * as.numeric(logLik(f)), visit = v, difference = unname(dif), se = unname(se),
    mean = unname(sapply(v, function(x) s[k("A", x), 1])), mean_se = unname(sapply(v, function(x) s[k("A", x), 2])))
}
r <- list(us = one(corSymm(form = ~ v | id), varIdent(form = ~ 1 | v)), cs = one(corCompSymm(form = ~ 1 | id), NULL))
num <- function(x) paste0("[", paste(sprintf("%.12g", x), collapse = ", "), "]")
cat("{\n", file = "gls.json")
for (key in names(r)) {
  x <- r[[key]]
  cat(sprintf('"%s": {"deviance": %.12g, "visit": ["%s"], "difference": %s, "se": %s, "mean": %s, "meanSE": %s}%s\n', key, x$deviance,
    paste(x$visit, collapse = '", "'), num(x$difference), num(x$se), num(x$mean), num(x$mean_se), if (key == "us") "," else ""), file = "gls.json", append = TRUE)
}
cat("}\n", file = "gls.json", append = TRUE)
