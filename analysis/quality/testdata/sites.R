# Makes sites.json, the reference numbers of random intercepts, calibration, limits of
# counts and charts of rare events. R 4.2.2, lme4 1.1-31; the rest is base R.
# Run in this folder: Rscript sites.R
suppressPackageStartupMessages(library(lme4))
out <- list()
put <- function(name, ...) out[[name]] <<- unname(c(...))

# Twelve sites of very unequal size, one of a single patient, one without events.
set.seed(11)
n <- c(1, 3, 8, 12, 20, 25, 30, 40, 45, 60, 70, 86); site <- rep(seq_along(n), n); k <- length(site)
x <- round(rnorm(k, 50, 12)); z <- rbinom(k, 1, .4); u <- rnorm(12, 0, .7)
y <- rbinom(k, 1, plogis(-.5 + .03 * (x - 50) - .6 * z + u[site])); y[site == 3] <- 0
v <- round(2 + .05 * x - z + u[site] + rnorm(k, 0, 1.8), 3)
put("site", site); put("x", x); put("z", z); put("y", y); put("v", v)
ct <- glmerControl(tolPwrss = 1e-13, optimizer = "bobyqa", optCtrl = list(rhoend = 1e-11, maxfun = 1e5))
for (q in c(1, 9)) {
  m <- glmer(y ~ x + z + (1 | site), family = binomial, nAGQ = q, control = ct)
  r <- ranef(m, condVar = TRUE)$site
  put(paste0("glmer", q), fixef(m), sqrt(diag(vcov(m))), sqrt(as.numeric(VarCorr(m)$site)))
  put(paste0("modes", q), r[, 1]); put(paste0("modes_sd", q), sqrt(attr(r, "postVar")[1, 1, ]))
}
put("glmer_loglik", as.numeric(logLik(glmer(y ~ x + z + (1 | site), family = binomial, nAGQ = 1, control = ct))), as.numeric(logLik(glm(y ~ x + z, binomial))))
l <- lmer(v ~ x + z + (1 | site), control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12)))
r <- ranef(l, condVar = TRUE)$site
put("lmer", fixef(l), sqrt(diag(vcov(l))), sqrt(as.numeric(VarCorr(l)$site)), sigma(l), as.numeric(logLik(l)))
put("lmer_modes", r[, 1]); put("lmer_sd", sqrt(attr(r, "postVar")[1, 1, ]))

# Calibration of risks that are too extreme by half.
p <- plogis(1.5 * (-.5 + .03 * (x - 50) - .6 * z)); lp <- qlogis(p)
s <- summary(glm(y ~ lp, family = binomial, control = glm.control(epsilon = 1e-14)))$coefficients
i <- summary(glm(y ~ offset(lp), family = binomial, control = glm.control(epsilon = 1e-14)))$coefficients
a <- p[y == 1]; b <- p[y == 0]
va <- sapply(a, function(t) mean((t > b) + (t == b) / 2)); vb <- sapply(b, function(t) mean((a > t) + (a == t) / 2))
put("risk", p)
put("calibration", s[2, 1:2], i[1, 1:2], mean((y - p)^2), sd((y - p)^2) / sqrt(k), 1 - mean((y - p)^2) / mean((y - mean(y))^2), mean(va), sqrt(var(va) / length(a) + var(vb) / length(b)))

# Poisson limits, interpolated; exact and mid-P are in the reference cases.
limit <- function(mu, p) { r <- qpois(p, mu); pmax(0, r - (ppois(r, mu) - p) / dpois(r, mu)) }
mu <- c(.3, 1, 4.7, 25, 310)
put("poisson_low", limit(mu, .001)); put("poisson_high", limit(mu, .999))

# u and u' of unequal exposure, and charts of rare events.
e <- c(9, 14, 4, 20, 7, 16, 11, 3, 18, 9); t <- c(60, 70, 55, 80, 66, 72, 64, 58, 81, 61)
ub <- sum(e) / sum(t); zz <- (e / t - ub) / sqrt(ub / t); sz <- mean(abs(diff(zz))) * sqrt(pi) / 2
put("u_events", e); put("u_exposure", t)
put("u", ub, max(0, ub - 3 * sqrt(ub / 60)), ub + 3 * sqrt(ub / 60), sz, max(0, ub - 3 * sz * sqrt(ub / 60)), ub + 3 * sz * sqrt(ub / 60))
put("u_exact", limit(ub * 60, pnorm(-3)) / 60, limit(ub * 60, pnorm(3)) / 60)
g <- c(3, 12, 0, 7, 25, 4, 9, 1, 16, 5); gb <- mean(g)
put("gaps", g); put("g", gb, gb + 3 * sqrt(gb * (gb + 1)))
qg <- function(p) pmax(0, log(1 - p) / log(gb / (gb + 1)) - 1)
put("g_probability", qg(.5), qg(pnorm(-3)), qg(pnorm(3)))
w <- g^(1 / 3.6); sw <- mean(abs(diff(w))) * sqrt(pi) / 2
put("t", mean(w)^3.6, max(0, mean(w) - 3 * sw)^3.6, (mean(w) + 3 * sw)^3.6)
put("t_probability", qexp(c(.5, pnorm(-3), pnorm(3)), 1 / gb))
put("median_range", median(abs(diff(g))) / (sqrt(2) * qnorm(.75)))
put("c4", sapply(c(2, 5, 25, 400), function(n) sqrt(2 / (n - 1)) * exp(lgamma(n / 2) - lgamma((n - 1) / 2))))

num <- function(v) paste0("[", paste(ifelse(is.na(v), "null", formatC(v, digits = 17, format = "g", width = 1)), collapse = ", "), "]")
writeLines(c("{", paste0("  \"", names(out), "\": ", vapply(out, num, ""), ifelse(seq_along(out) < length(out), ",", "")), "}"), "sites.json")
