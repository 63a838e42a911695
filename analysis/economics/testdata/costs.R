# Costs of patients who were not all followed to the end, and of skewed ones, for
# costs_test.go: mean costs by the estimators of Bang and Tsiatis and of Lin, and gamma and
# two-part models, written out by base R, glm and survfit.
#
#   Rscript costs.R    writes costs.csv and costs.json
suppressMessages({library(survival); library(jsonlite)})
set.seed(11)
n <- 80; L <- 120; breaks <- c(30, 60, 90, 120)
death <- ceiling(rexp(n, 1 / 200)); lost <- ceiling(runif(n, 10, 260))
time <- pmin(death, lost, L); ended <- death <= lost & death <= L; complete <- ended | time >= L
x <- rep(0:1, length.out = n); age <- sample(25:65, n, TRUE)
starts <- c(0, head(breaks, -1))
rate <- rgamma(n, 1.5, scale = 20)
cost <- sapply(seq_along(breaks), function(k) round(rate * pmax(0, pmin(time, breaks[k]) - starts[k]) * runif(n, 0.5, 1.5)))
skewed <- round(exp(5 + 0.4 * x + 0.02 * age) * rgamma(n, 1.2, scale = 1) + 1)
sparse <- ifelse(runif(n) < plogis(1 - 0.5 * x + 0.01 * (age - 45)), skewed, 0)
write.csv(data.frame(time, ended, complete, x, age, c1 = cost[, 1], c2 = cost[, 2], c3 = cost[, 3], c4 = cost[, 4], skewed, sparse), "costs.csv", row.names = FALSE, quote = FALSE)
left <- function(f, t) sapply(t, function(u) { s <- f$surv[f$time < u]; if (length(s)) tail(s, 1) else 1 })
at <- function(f, t) sapply(t, function(u) { s <- f$surv[f$time <= u]; if (length(s)) tail(s, 1) else 1 })
K <- survfit(Surv(time, !complete) ~ 1); S <- survfit(Surv(time, ended) ~ 1)
total <- rowSums(cost)
weighted <- mean(complete * total / left(K, time))
partitioned <- sum(sapply(seq_along(breaks), function(k) { tk <- pmin(time, breaks[k]); mean((complete | time >= breaks[k]) * cost[, k] / left(K, tk)) }))
lin <- sum(sapply(seq_along(breaks), function(k) at(S, starts[k]) * mean(cost[time > starts[k], k])))
control <- glm.control(epsilon = 1e-14, maxit = 100)
g <- glm(skewed ~ x + age, family = Gamma("log"), control = control)
b <- glm(I(sparse > 0) ~ x + age, family = binomial, control = control)
h <- glm(sparse ~ x + age, family = Gamma("log"), subset = sparse > 0, control = control)
both <- function(v) { d <- data.frame(x = v, age = age); mean(predict(b, d, "response") * predict(h, d, "response")) }
one <- function(v) mean(predict(g, data.frame(x = v, age = age), "response"))
write(toJSON(list(weighted = weighted, partitioned = partitioned, lin = lin,
  gamma = list(coef = unname(coef(g)), se = unname(sqrt(diag(vcov(g)))), dispersion = summary(g)$dispersion, arm = one(1), reference = one(0)),
  two_part = list(arm = both(1), reference = both(0))), digits = 15, auto_unbox = TRUE, pretty = TRUE), "costs.json")
