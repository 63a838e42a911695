# Marginal and mixed models of a made trial with missing visits, by geepack, lme4,
# lmerTest and pbkrtest: the
# numbers that the tests of this package hold the analyses against.
#
#   Rscript panel.R    writes panel.csv and panel.json
suppressMessages({library(geepack); library(lme4); library(nlme); library(lmerTest)})
set.seed(11)
n <- 80; week <- c(0, 4, 12, 26); m <- length(week)
d <- expand.grid(k = 1:m, id = sprintf("p%02d", 1:n))
d$week <- week[d$k]
arm <- rep(c("A", "B"), length.out = n); age <- round(rnorm(n, 50, 12))
u <- rnorm(n, 0, 1.1); s <- rnorm(n, 0, 0.05) - 0.02 * u
d$arm <- rep(arm, each = m); d$age <- rep(age, each = m)
d$y <- round(6.5 + rep(u, each = m) + (rep(s, each = m) - 0.05 - 0.04 * (d$arm == "A")) * d$week + 0.01 * (d$age - 50) + rnorm(n * m, 0, 0.8), 1)
d$y[sample(which(d$week > 0), 38)] <- NA
write.csv(d[, c("id", "arm", "age", "week", "y")], "panel.csv", row.names = FALSE, quote = FALSE)

# Responders: 30 % less than at baseline, at the visits after it.
base <- d$y[d$k == 1]
r <- d[d$k > 1, ]
r$base <- rep(base, each = m - 1)
r$hit <- as.integer(100 * (r$base - r$y) / r$base >= 30 - 1e-9)
r <- r[!is.na(r$hit), ]
r$A <- as.integer(r$arm == "A")
r$visit <- factor(r$week)
f <- geeglm(hit ~ 0 + visit + A:visit + base + age, id = factor(id), waves = k, data = r, family = binomial, corstr = "exchangeable", control = geese.control(epsilon = 1e-13, maxit = 500))
one <- r[!duplicated(r$id), ]
share <- function(a, v) {
  nd <- one; nd$A <- a; nd$visit <- factor(v, levels(r$visit))
  X <- model.matrix(delete.response(terms(f)), nd)
  p <- plogis(drop(X %*% coef(f)))
  list(p = mean(p), g = colMeans(X * p * (1 - p)))
}
V <- f$geese$vbeta
at <- lapply(levels(r$visit), function(v) {
  a <- share(1, v); b <- share(0, v); g <- a$g - b$g
  c(a$p, sqrt(a$g %*% V %*% a$g), b$p, sqrt(b$g %*% V %*% b$g), a$p - b$p, sqrt(g %*% V %*% g))
})
k <- grep(":A$", names(coef(f)))

d <- d[!is.na(d$y), ]
d$A <- as.integer(d$arm == "A")
d$c <- d$age - mean(age)
control <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12, maxfun = 1e5))
mixed <- function(random, REML) {
  f <- lmer(as.formula(paste("y ~ week * A + c +", random)), d, REML = REML, control = control)
  b <- fixef(f); V <- as.matrix(vcov(f))
  g <- rbind(slopeA = c(0, 1, 0, 0, 1), slopeB = c(0, 1, 0, 0, 0), diff = c(0, 0, 0, 0, 1), A12 = c(1, 12, 1, 0, 12), diff12 = c(0, 0, 1, 0, 12))
  df <- if (REML) sapply(c("Satterthwaite", "Kenward-Roger"), function(how) apply(g, 1, function(l) { x <- contest1D(f, l, ddf = how); c(x$df, x[["Std. Error"]]) }))
  list(value = drop(g %*% b), se = sqrt(diag(g %*% V %*% t(g))), df = df, vc = as.data.frame(VarCorr(f))$vcov, loglik = as.numeric(logLik(f)))
}
l <- lme(y ~ week * A + c, random = ~ week | id, data = d, method = "REML", control = lmeControl(msTol = 1e-14, tolerance = 1e-12, opt = "optim", maxIter = 500, msMaxIter = 500))
sp <- mixed("(week | id)", TRUE)
stopifnot(abs(as.numeric(logLik(l)) - sp$loglik) < 1e-5)
num <- function(x) paste0("[", paste(sprintf("%.14g", x), collapse = ", "), "]")
iv <- intervals(l, which = "var-cov")
out <- c(sprintf('"wald": %s', num(c(t(as.matrix(iv$reStruct$id[, c("lower", "upper")])), iv$sigma[c(1, 3)]))), sprintf('"gee_shares": %s', num(unlist(at))), sprintf('"gee_log_odds_ratio": %s', num(coef(f)[k])), sprintf('"gee_log_odds_ratio_se": %s', num(sqrt(diag(V))[k])))
for (key in c("intercept", "slope", "uncorrelated")) for (REML in c(TRUE, FALSE)) {
  x <- mixed(c(intercept = "(1 | id)", slope = "(week | id)", uncorrelated = "(week || id)")[key], REML)
  for (what in names(x)) if (!is.null(x[[what]])) out <- c(out, sprintf('"%s_%s_%s": %s', key, if (REML) "reml" else "ml", what, num(x[[what]])))
}
cat("{\n", paste(out, collapse = ",\n"), "\n}\n", file = "panel.json", sep = "")
