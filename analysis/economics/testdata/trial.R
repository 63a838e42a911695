# A small made trial: regressions of cost, effect and net benefit with HC2 errors, and
# Fieller's interval, for trial_test.go.
#
#   Rscript trial.R    writes trial.csv and trial.json
suppressMessages({library(sandwich); library(jsonlite)})
set.seed(7)
n <- 60
d <- data.frame(id = sprintf("p%02d", 1:n), arm = rep(c("program", "usual"), length.out = n))
d$u0 <- round(runif(n, 0.2, 0.6), 2)
d$age <- sample(25:65, n, TRUE)
d$u1 <- round(pmin(1, d$u0 + rnorm(n, ifelse(d$arm == "program", 0.15, 0), 0.1)), 2)
d$u2 <- round(pmin(1, d$u0 + rnorm(n, ifelse(d$arm == "program", 0.2, 0.05), 0.12)), 2)
d$cost <- round(rgamma(n, 2, scale = 800) + ifelse(d$arm == "program", 2000, 0) + 20 * d$age)
d$u2[c(5, 22)] <- NA
write.csv(d, "trial.csv", row.names = FALSE, quote = FALSE)
d$qaly <- (d$u0 + d$u1) / 2 * 12 * 7 / 365.25 + (d$u1 + d$u2) / 2 * 40 * 7 / 365.25
d <- d[complete.cases(d), ]
d$x <- as.numeric(d$arm == "program")
one <- function(f) {
  get <- function(y) { m <- lm(update(f, paste(y, "~ .")), d); v <- vcovHC(m, "HC2")["x", "x"]; c(coef(m)[["x"]], sqrt(v), m$df.residual) }
  m <- lm(update(f, cbind(cost, qaly) ~ .), d); X <- model.matrix(m); h <- rowSums((X %*% solve(crossprod(X))) * X)
  b <- (X %*% solve(crossprod(X)))[, "x"]; r <- resid(m)
  cov <- sum(b^2 * r[, 1] * r[, 2] / (1 - h))
  cost <- get("cost"); qaly <- get("qaly"); t <- qt(0.975, cost[3])
  roots <- polyroot(c(cost[1]^2 - t^2 * cost[2]^2, -2 * (cost[1] * qaly[1] - t^2 * cov), qaly[1]^2 - t^2 * qaly[2]^2))
  list(cost = cost, qaly = qaly, benefit = get("I(50000 * qaly - cost)"), icer = cost[1] / qaly[1], fieller = sort(Re(roots)))
}
write(toJSON(list(plain = one(~ x), adjusted = one(~ x + u0 + age)), digits = 14, auto_unbox = TRUE, pretty = TRUE), "trial.json")
