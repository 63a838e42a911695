# Reference numbers of compare/maic and compare/stc on 60 patients made by formulas.
# Run in this folder: Rscript indirect.R  (R 4.2, sandwich 3.0, survival 3.5, jsonlite)
library(sandwich); library(jsonlite); library(survival)
i <- 1:60
d <- data.frame(id = i, age = 35 + (i * 7) %% 31, sick = as.numeric((i * 11) %% 13 < 6), arm = (i * 5) %% 3 > 0)
d$before <- 4 + (i * 17 %% 23 * i) %% 7 / 1.5
d$after <- 1 + 0.4 * d$before + 0.04 * d$age + 0.9 * d$sick + (i * i * 3) %% 11 / 4 - 0.8 * d$arm
d$work <- as.numeric(((i * 29) %% 37) / 37 + 0.01 * (d$age - 45) + 0.25 * d$sick < 0.55)
d$time <- 5 + (i * 13) %% 47 + (d$age - 50) / 4 + 10 * d$sick
d$event <- as.numeric((i * 7) %% 5 > 0)
k <- 1:80
pseudo <- data.frame(id = 1000 + k, time = 3 + (k * 19) %% 61, event = as.numeric((k * 3) %% 4 > 0)) # read off a curve
write.csv(pseudo, "pseudo.csv", row.names = FALSE, quote = FALSE)
write.csv(transform(d, arm = ifelse(arm, "program", "usual"), sick = ifelse(sick == 1, "off work", "working"), work = ifelse(work == 1, "working", "not working"))[, c("id", "age", "sick", "arm", "before", "after", "work", "time", "event")], "indirect.csv", row.names = FALSE, quote = FALSE)
ch <- d$after - d$before
m <- 48; s <- 8; p <- 0.6                       # published aggregates
Z <- cbind(d$age - m, (d$age - m)^2 - s^2, d$sick - p)
solve_w <- function(Z) { b <- rep(0, ncol(Z)); for (k in 1:200) { e <- exp(drop(Z %*% b)); g <- colSums(Z * e); if (max(abs(g)) < 1e-11) break; b <- b - solve(crossprod(Z, Z * e), g) }; exp(drop(Z %*% b)) }
w <- solve_w(Z)
# M-estimation: stacked scores of alpha and of the mean, bread by numbers, not by formula.
stacked <- function(y, arm = NULL) {
  b <- coef(lm(log(w) ~ Z - 1)); q <- ncol(Z)
  psi <- function(t) { e <- exp(drop(Z %*% t[1:q])); if (is.null(arm)) cbind(Z * e, e * (y - t[q + 1])) else cbind(Z * e, e * arm * (y - t[q + 1]), e * (1 - arm) * (y - t[q + 2])) }
  t0 <- c(b, if (is.null(arm)) weighted.mean(y, w) else c(weighted.mean(y[arm == 1], w[arm == 1]), weighted.mean(y[arm == 0], w[arm == 0])))
  A <- sapply(seq_along(t0), function(j) { h <- 1e-5 * max(1e-3, abs(t0[j])); u <- v <- t0; u[j] <- u[j] + h; v[j] <- v[j] - h; colSums(psi(u) - psi(v)) / (2 * h) })
  V <- solve(A) %*% crossprod(psi(t0)) %*% t(solve(A))
  k <- if (is.null(arm)) c(rep(0, q), 1) else c(rep(0, q), 1, -1)
  c(sum(k * t0), sqrt(drop(k %*% V %*% k)))
}
f <- lm(ch ~ I(age - m) + I(sick - p), d)
h <- glm(work ~ I(age - m) + I(sick - p), binomial, d, control = glm.control(epsilon = 1e-14))
a <- lm(ch ~ arm * (I(age - m) + I(sick - p)), d)
hc <- function(fit, j, type) sqrt(vcovHC(fit, type)[j, j])
# The published population of the logit model: age normal, sick a level, correlated as
# ours through a latent normal; integrated on a fine grid in place of draws.
r <- cor(d$age, d$sick) * 0.999
g <- qnorm((1:2000 - 0.5) / 2000)
q <- pnorm((qnorm(1 - p) - r * g) / sqrt(1 - r^2), lower.tail = FALSE) # P(sick | age)
pr <- function(sick) plogis(coef(h)[1] + coef(h)[2] * s * g + coef(h)[3] * (sick - p))
ess <- sum(w)^2 / sum(w^2)
both <- function(total) data.frame(time = c(d$time, pseudo$time), event = c(d$event, pseudo$event), ours = rep(1:0, c(60, 80)), w = c(w / sum(w) * total, rep(1, 80)))
cox <- function(total) { f <- coxph(Surv(time, event) ~ ours, both(total), weights = w, robust = TRUE, control = coxph.control(eps = 1e-14, iter.max = 50)); c(coef(f), sqrt(f$var[1, 1])) }
# Infinitesimal jackknife of everything at once: each patient counted a little more and a
# little less, weights, their scale and the Cox model worked out anew.
solve_c <- function(Z, c) { b <- rep(0, ncol(Z)); for (k in 1:200) { e <- exp(drop(Z %*% b)); g <- colSums(Z * e * c); if (max(abs(g)) < 1e-12) break; b <- b - solve(crossprod(Z, Z * e * c), g) }; exp(drop(Z %*% b)) }
fitted_cox <- function(data) unname(coef(coxph(Surv(time, event) ~ ours, data, weights = wt, control = coxph.control(eps = 1e-15, iter.max = 100))))
against <- function(how) function(c) { o <- c[1:60]; v <- solve_c(Z, o); s <- if (how == "n") sum(o) / sum(o * v) else sum(o * v) / sum(o * v^2); data <- both(60); data$wt <- c(o * v * s, c[-(1:60)]); suppressWarnings(fitted_cox(data)) }
within <- function(c) { v <- solve_c(Z, c); data <- transform(d, ours = as.numeric(arm)); data$wt <- v * c; suppressWarnings(fitted_cox(data)) }
jack <- function(f, n) { D <- sapply(1:n, function(i) { s <- function(h) { c <- rep(1, n); c[i] <- 1 + h; f(c) }; h <- 2e-3; (8 * (s(h) - s(-h)) - (s(2 * h) - s(-2 * h))) / (12 * h) }); c(f(rep(1, n)), sqrt(sum(D^2))) }
or_of <- function(c) { v <- solve_c(Z, c) * c; p <- sapply(1:0, function(a) weighted.mean(d$work[d$arm == a], v[d$arm == a])); diff(rev(qlogis(p))) }
rr_of <- function(c) { v <- solve_c(Z, c) * c; p <- sapply(1:0, function(a) weighted.mean(d$work[d$arm == a], v[d$arm == a])); diff(rev(log(p))) }
plain <- coxph(Surv(time, event) ~ arm, d, control = coxph.control(eps = 1e-14, iter.max = 50))
km <- summary(survfit(Surv(time, event) ~ 1, d, weights = w), times = c(20, 35, 50), extend = TRUE)$surv
out <- list(cox_n = cox(60), cox_ess = cox(ess), cox_stacked_n = jack(against("n"), 140), cox_stacked_ess = jack(against("ess"), 140),
  cox_within = jack(within, 60), odds_within = jack(or_of, 60), risk_within = jack(rr_of, 60), cox_within_plain = c(coef(plain), sqrt(vcov(plain)[1, 1])), km = km, 
  ess = sum(w)^2 / sum(w^2), change = c(weighted.mean(ch, w), hc(lm(ch ~ 1, weights = w), 1, "HC0"), hc(lm(ch ~ 1, weights = w), 1, "HC3")), change_stacked = stacked(ch),
  work = c(weighted.mean(d$work, w)), work_stacked = stacked(d$work), anchored_stacked = stacked(ch, as.numeric(d$arm)),
  stc = c(coef(f)[1], hc(f, 1, "HC3"), hc(f, 1, "HC0"), sqrt(vcov(f)[1, 1])), stc_arm = c(coef(a)[2], hc(a, 2, "HC3")),
  stc_logit = c(plogis(coef(h)[1]), hc(h, 1, "HC3")), stc_simulated = mean(q * pr(1) + (1 - q) * pr(0)))
writeLines(toJSON(lapply(out, unname), digits = I(15), pretty = TRUE), "indirect.json")
