# A made trial of two years whose patients die or are lost: cost and QALYs, discounted, by
# regressions weighted by the inverse probability of follow-up, for trial_censored_test.go.
#
#   Rscript trial_censored.R    writes trial_censored.csv and trial_censored.json
suppressMessages({library(survival); library(jsonlite)})
set.seed(5)
n <- 90; weeks <- c(0, 26, 104); horizon <- 728; breaks <- c(182, 728); rate <- 0.05; erate <- 0.03
d <- data.frame(id = sprintf("p%02d", 1:n), arm = rep(c("program", "usual"), length.out = n))
x <- as.numeric(d$arm == "program")
d$age <- sample(25:65, n, TRUE)
death <- ceiling(rexp(n, 1 / 2500)); lost <- ceiling(runif(n, 60, 1500))
d$followed <- pmin(death, lost, 900); d$died <- as.integer(death <= lost & death <= 900)
d$u0 <- round(runif(n, 0.2, 0.6), 2)
d$u26 <- round(pmin(1, pmax(0, d$u0 + rnorm(n, 0.1 + 0.1 * x, 0.1))), 2)
d$u104 <- round(pmin(1, pmax(0, d$u0 + rnorm(n, 0.1 + 0.1 * x, 0.15))), 2)
d$u26[d$followed < 182] <- NA; d$u104[d$followed < 728] <- NA
days <- sapply(c(0, 90, 250, 600), function(k) k + sample(0:40, n, TRUE))
bill <- sapply(1:4, function(k) round(rgamma(n, 1.5, scale = 600) * (1 + 0.01 * (d$age - 45))) + (k == 1) * 1500 * x)
for (k in 1:4) { d[[paste0("d", k)]] <- days[, k]; d[[paste0("c", k)]] <- ifelse(days[, k] <= d$followed, bill[, k], 0) }
write.csv(d, "trial_censored.csv", row.names = FALSE, quote = FALSE)

dead <- d$died == 1 & d$followed <= horizon
time <- pmin(d$followed, horizon); complete <- dead | time >= horizon
left <- function(f, t) sapply(t, function(u) { s <- f$surv[f$time < u]; if (length(s)) tail(s, 1) else 1 })
# At equal times all who were followed as long are at risk, so survfit's own order of ties.
K <- lapply(0:1, function(g) survfit(Surv(time, !complete) ~ 1, subset = x == g))
kept <- function(t) ifelse(x == 1, left(K[[2]], t), left(K[[1]], t))
starts <- c(0, head(breaks, -1))
cost <- sapply(seq_along(breaks), function(k) rowSums(sapply(1:4, function(j) {
  day <- d[[paste0("d", j)]]; (day >= starts[k] & day < breaks[k]) * d[[paste0("c", j)]] * (1 + rate)^-(day / 365.25) })))
u <- cbind(d$u0, d$u26, d$u104)
area <- function(i, k) {
  a <- 7 * weeks[k] / 365.25; b <- 7 * weeks[k + 1] / 365.25; v <- u[i, k + 1]
  if (dead[i] && time[i] < 7 * weeks[k + 1]) { b <- time[i] / 365.25; v <- 0 }
  if (b <= a) return(0)
  if (is.na(u[i, k]) || is.na(v)) return(NA)
  integrate(function(t) (u[i, k] + (v - u[i, k]) * (t - a) / (b - a)) * (1 + erate)^-t, a, b, rel.tol = 1e-12)$value
}
qaly <- sapply(1:2, function(k) sapply(1:n, area, k = k))
coefs <- function(y, w, f) { y[w == 0] <- 0; coef(lm(f, cbind(d, y = y, x = x, w = w), weights = w)) }
answer <- function(f) {
  one <- function(y) {
    part <- rowSums(sapply(seq_along(breaks), function(k) {
      b <- breaks[k]; seen <- complete | time >= b
      coefs(y[, k], ifelse(seen, 1 / kept(pmin(time, b)), 0), f) }))
    whole <- coefs(rowSums(y), ifelse(complete, 1 / kept(time), 0), f)
    list(partitioned = unname(part["x"]), weighted = unname(whole["x"]))
  }
  list(cost = one(cost), qaly = one(qaly))
}
write(toJSON(list(plain = answer(y ~ x), adjusted = answer(y ~ x + u0 + age), lost = sum(!complete), dead = sum(dead)), digits = 14, auto_unbox = TRUE, pretty = TRUE), "trial_censored.json")
