# Reference numbers of the comparisons with patient data in both arms, on 240 patients
# made by formulas. Run in this folder: Rscript arms.R  (R 4.2, survival 3.5, jsonlite)
# Derivatives of estimates by the parameters of the weights are taken by numbers, with
# every estimate worked out anew, not by formula.
library(survival); library(jsonlite)
i <- 1:240
d <- data.frame(id = sprintf("P%03d", i), age = 30 + (i * 37) %% 41, pain = 3 + (i * i * 7) %% 71 / 10,
  site = c("north", "south", "west")[1 + (i * 11) %% 7 %% 3])
u <- (i * 137 + 11) %% 241 / 241
d$t <- as.numeric(u < plogis(-0.6 + 0.04 * (d$age - 50) + 0.25 * (d$pain - 6) + 0.5 * (d$site == "south")))
d$y <- 2 + 0.7 * d$pain - 0.03 * d$age - 1.1 * d$t + (i * 53) %% 29 / 9 + 0.4 * d$t * (d$site == "west")
d$b <- as.numeric((i * 89 + 5) %% 239 / 239 < plogis(0.5 - 0.3 * (d$pain - 6) + 0.8 * d$t))
d$time <- round(20 + (i * 71) %% 211 + 30 * d$t - 2 * (d$pain - 6), 0)
d$event <- as.numeric((i * 7) %% 10 < 7)
write.csv(transform(d, arm = ifelse(t == 1, "program", "usual"))[, c("id", "arm", "age", "pain", "site", "y", "b", "time", "event")], "arms.csv", row.names = FALSE, quote = FALSE)
X <- model.matrix(~ age + pain + site, d); t <- d$t; n <- nrow(d)
ctl <- glm.control(epsilon = 1e-15, maxit = 100)
ps <- glm(t ~ X - 1, family = binomial, control = ctl); e <- fitted(ps); I <- solve(vcov(ps))
weight <- function(g, target) { e <- plogis(drop(X %*% g)); switch(target,
  ate = t / e + (1 - t) / (1 - e), att = t + (1 - t) * e / (1 - e), atc = t * (1 - e) / e + (1 - t), ato = t * (1 - e) + (1 - t) * e) }
wm <- function(x, w) sum(w * x) / sum(w)
gradient <- function(f, at) sapply(seq_along(at), function(j) { h <- 1e-4 * max(abs(at[j]), 0.01); s <- function(k) { b <- at; b[j] <- b[j] + k * h; f(b) }; (8 * (s(1) - s(-1)) - (s(2) - s(-2))) / (12 * h) })
# estimate by weights -> value, influence with weights as known
mean_diff <- function(y) list(value = function(w) wm(y[t == 1], w[t == 1]) - wm(y[t == 0], w[t == 0]),
  influence = function(w) t * w * (y - wm(y[t == 1], w[t == 1])) / sum(w * t) - (1 - t) * w * (y - wm(y[t == 0], w[t == 0])) / sum(w * (1 - t)))
S <- Surv(d$time, d$event); tau <- 200
km <- function(w, a) { z <<- d[t == a, ]; z$wt <<- w[t == a]; survfit(Surv(time, event) ~ 1, z, weights = wt, robust = TRUE) } # resid() looks for z anew
area <- function(fit) { x <- c(0, fit$time[fit$time < tau], tau); s <- c(1, fit$surv[fit$time < tau]); sum(diff(x) * s) }
rmst <- list(value = function(w) area(km(w, 1)) - area(km(w, 0)), influence = function(w) { out <- numeric(n)
  for (a in 1:0) out[t == a] <- (2 * a - 1) * w[t == a] * resid(km(w, a), times = tau, type = "auc"); out })
cox <- function(ties) list(value = function(w) coef(coxph(S ~ t, weights = w, ties = ties, control = coxph.control(eps = 1e-14, iter.max = 100))),
  influence = function(w) resid(coxph(S ~ t, weights = w, ties = ties, control = coxph.control(eps = 1e-14, iter.max = 100)), type = "dfbeta", weighted = TRUE))
stacked <- function(k, target) {
  w <- weight(coef(ps), target); D <- gradient(function(g) k$value(weight(g, target)), coef(ps))
  phi <- k$influence(w) + drop((X * (t - e)) %*% solve(I, D))
  c(k$value(w), sqrt(sum(phi^2)), sqrt(sum(k$influence(w)^2)))
}
# entropy balancing by optim on the dual, then Newton steps; stacked with the mean of the target
Z <- scale(X[, -1])
ebal <- function(a, m) { z <- sweep(Z[t == a, ], 2, m); dual <- function(l) log(sum(exp(z %*% l)))
  l <- optim(rep(0, ncol(z)), dual, method = "BFGS", control = list(maxit = 1000, reltol = 1e-14))$par
  for (k in 1:20) { p <- drop(exp(z %*% l)); p <- p / sum(p); g <- colSums(z * p); l <- l - solve(crossprod(z, z * p) - tcrossprod(g), g) }
  p <- drop(exp(z %*% l)); list(w = p / sum(p), l = l, z = z) }
entropy <- function(y, target) {
  who <- if (target == "ate") rep(TRUE, n) else t == 1; m <- colMeans(Z[who, ]); value <- 0; phi <- numeric(n)
  for (a in 1:0) {
    if (target == "att" && a == 1) { p <- rep(1, sum(t)) / sum(t); mu <- mean(y[t == 1]); phi[t == 1] <- phi[t == 1] + p * (y[t == 1] - mu); value <- value + mu; next }
    b <- ebal(a, m); mu <- sum(b$w * y[t == a]); sign <- 2 * a - 1
    A <- crossprod(b$z, b$z * b$w); B <- solve(A, colSums(b$z * b$w * (y[t == a] - mu)))
    phi[t == a] <- phi[t == a] + sign * b$w * (y[t == a] - mu - drop(b$z %*% B))
    phi[who] <- phi[who] + sign * drop(sweep(Z[who, ], 2, m) %*% B) / sum(who)
    value <- value + sign * mu
  }
  c(value, sqrt(sum(phi^2)))
}
robust <- function(y, binary) {
  d$out <- y
  one <- function(a) if (binary) predict(glm(out ~ age + pain + site, binomial, d, subset = t == a, control = ctl), d, "response") else predict(lm(out ~ age + pain + site, d, subset = t == a), d)
  m <- list(one(0), one(1)); out <- list()
  for (target in c("ate", "att", "atc")) {
    g <- switch(target, ate = rep(1, n), att = t, atc = 1 - t)
    h <- switch(target, ate = list(1 / (1 - e), 1 / e), att = list(e / (1 - e), rep(1, n)), atc = list(rep(1, n), (1 - e) / e))
    eif <- function(q, psi) (g * (q[[2]] - q[[1]] - psi) + t * h[[2]] * (y - q[[2]]) - (1 - t) * h[[1]] * (y - q[[1]])) / mean(g)
    psi <- mean(eif(m, 0)); out[[paste0("aipw_", target)]] <- c(psi, sd(eif(m, psi)) / sqrt(n))
    lo <- if (binary) 0 else min(y); hi <- if (binary) 1 else max(y); edge <- if (binary) 1e-12 else 5e-4
    for (how in c("weights", "covariate")) {
      q <- lapply(0:1, function(a) { off <- qlogis(pmin(pmax((m[[a + 1]] - lo) / (hi - lo), edge), 1 - edge)); hh <- h[[a + 1]]; v <- t == a
        f <- suppressWarnings(if (how == "weights") glm((y - lo) / (hi - lo) ~ 1, binomial, offset = off, weights = hh, subset = v, control = ctl) else glm((y - lo) / (hi - lo) ~ hh - 1, binomial, offset = off, subset = v, control = ctl))
        lo + (hi - lo) * plogis(off + coef(f) * if (how == "weights") 1 else hh) })
      psi <- sum(g * (q[[2]] - q[[1]])) / sum(g); out[[paste0("tmle_", how, "_", target)]] <- c(psi, sd(eif(q, psi)) / sqrt(n))
    }
  }
  out
}
# Firth: the modified score equations by a root finder of its own (bias-corrected Newton
# with hat values from a QR decomposition), on data that age separates.
firth <- function(X, y) { Z <- X; m <- colMeans(X)[-1]; s <- apply(X, 2, sd)[-1]; Z[, -1] <- scale(X[, -1]); b <- rep(0, ncol(Z))
  for (k in 1:10000) { p <- plogis(drop(Z %*% b)); w <- p * (1 - p); Q <- qr.Q(qr(Z * sqrt(w))); step <- solve(crossprod(Z, Z * w), crossprod(Z, y - p + rowSums(Q^2) * (0.5 - p))); b <- b + pmin(pmax(drop(step), -1), 1); if (max(abs(step)) < 1e-13) break }
  p <- plogis(drop(Z %*% b)); w <- p * (1 - p); Q <- qr.Q(qr(Z * sqrt(w))); stopifnot(max(abs(crossprod(Z, y - p + rowSums(Q^2) * (0.5 - p)))) < 1e-10)
  slope <- b[-1] / s; c(b[1] - sum(slope * m), slope) }
separated <- as.numeric(d$age > 52)
r <- list(firth = firth(X, t), firth_separated = unname(firth(X, separated)), tau = tau)
for (target in c("ate", "att", "atc", "ato")) {
  r[[paste0("weighted_", target)]] <- stacked(mean_diff(d$y), target); r[[paste0("share_", target)]] <- stacked(mean_diff(d$b), target)
  r[[paste0("rmst_", target)]] <- stacked(rmst, target); r[[paste0("efron_", target)]] <- stacked(cox("efron"), target); r[[paste0("breslow_", target)]] <- stacked(cox("breslow"), target)
}
one <- rep(1, n)
r$rmst_plain <- c(rmst$value(one), sqrt(sum(rmst$influence(one)^2)), area(km(one, 1)), area(km(one, 0)))
r$efron_plain <- c(cox("efron")$value(one), sqrt(sum(cox("efron")$influence(one)^2)))
for (target in c("ate", "att")) r[[paste0("entropy_", target)]] <- entropy(d$y, target)
r <- c(r, robust(d$y, FALSE), setNames(robust(d$b, TRUE), paste0("binary_", names(robust(d$b, TRUE)))))
write(toJSON(lapply(r, unname), digits = NA, pretty = TRUE), "arms.json")
