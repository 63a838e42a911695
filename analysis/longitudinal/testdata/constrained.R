# The constrained longitudinal model (baseline as a visit of the outcome, one mean for
# both arms there) and other models of the same made trial by nlme::gls: the numbers
# that mmrm_reference_test.go holds longitudinal/mmrm against.
#
#   Rscript constrained.R    writes constrained.csv and constrained.json
suppressMessages({library(nlme); library(jsonlite)})
set.seed(12)
n <- 50
d <- expand.grid(visit = c("start", "mid", "end", "late"), id = sprintf("p%02d", 1:n), stringsAsFactors = FALSE)
arm <- rep(c("A", "B"), length.out = n); w <- round(runif(n, 0.5, 2), 1); u <- rnorm(n, 0, 1.2); age <- round(rnorm(n, 45, 9))
k <- match(d$id, sprintf("p%02d", 1:n)); v <- match(d$visit, c("start", "mid", "end", "late")) - 1
d$arm <- arm[k]; d$weight <- w[k]; d$age <- age[k]
d$y <- round(6.5 + u[k] + 0.02 * (d$age - 45) + rnorm(4 * n, 0, 0.9) - (0.4 + 0.5 * (d$arm == "A")) * v, 1)
d$y[runif(4 * n) < 0.15] <- NA
d$y[d$id == "p07" & v > 0] <- NA   # a baseline alone
d$y[d$id == "p10" & v == 0] <- NA
write.csv(d, "constrained.csv", row.names = FALSE, quote = FALSE)
d$v <- v; d$place <- v + 1; d$week <- c(0, 4, 8, 26)[v + 1]; d$inverse <- 1 / d$weight; d$k <- k
visits <- c("mid", "end", "late")
control <- glsControl(opt = "optim", maxIter = 1000, msMaxIter = 1000, tolerance = 1e-12, msTol = 1e-14)
row <- function(f, l) { l <- as.numeric(l); c(sum(l * coef(f)), sqrt(drop(t(l) %*% vcov(f) %*% l))) }
out <- list()
# One mean at the start; arm A has columns of its own from the first visit after it.
o <- d[!is.na(d$y), ]
for (x in visits) { o[[paste0("all_", x)]] <- as.numeric(o$visit == x); o[[paste0("a_", x)]] <- as.numeric(o$visit == x & o$arm == "A") }
o$centred <- o$age - mean(age[unique(o$k)])
f <- gls(y ~ all_mid + all_end + all_late + a_mid + a_end + a_late + centred, o, correlation = corSymm(form = ~ place | id), weights = varIdent(form = ~ 1 | v), control = control)
nm <- names(coef(f)); at <- function(...) as.numeric(nm %in% c(...))
out$constrained <- list(deviance = -2 * as.numeric(logLik(f)), patients = length(unique(o$id)),
  difference = lapply(visits, function(x) row(f, at(paste0("a_", x)))),
  change_a = lapply(visits, function(x) row(f, at(paste0("all_", x), paste0("a_", x)))),
  change_b = lapply(visits, function(x) row(f, at(paste0("all_", x)))),
  average = row(f, (at("a_mid") + at("a_end") + at("a_late")) / 3))
# Baseline as a covariate with a slope for each visit.
p <- d[d$v > 0 & !is.na(d$y), ]
p$base <- d$y[d$v == 0][p$k]; p <- p[!is.na(p$base), ]
used <- unique(p$k); p$b <- p$base - mean(d$y[d$v == 0][used])
p$f <- factor(p$visit, visits)
model <- function(correlation, weights, data = p) {
  f <- gls(y ~ 0 + arm:f + f:b, data, correlation = correlation, weights = weights, control = control)
  nm <- names(coef(f))
  list(deviance = -2 * as.numeric(logLik(f)), difference = lapply(visits, function(x) row(f, (nm == paste0("armA:f", x)) - (nm == paste0("armB:f", x)))))
}
out$weighted <- model(corCompSymm(form = ~ 1 | id), varFixed(~ inverse))
out$spatial <- model(corExp(form = ~ week | id), NULL)
complete <- names(which(table(p$id) == 3))
out$complete <- model(corSymm(form = ~ v | id), varIdent(form = ~ 1 | v), within(p[p$id %in% complete, ], b <- base - mean(base[visit == "mid"])))
out$complete$patients <- length(complete)
write(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "constrained.json")
