# Generalised estimating equations by geepack on made data with missing visits, for three
# families and four working correlations, and the small-sample corrections worked out from
# their formulas with geepack's coefficients: what gee_test.go holds the kernel against.
#
#   Rscript gee.R    writes gee.csv and gee.json
suppressMessages(library(geepack))
set.seed(31)
n <- 40; m <- 4
d <- expand.grid(visit = 1:m, id = 1:n)
d$arm <- rep(rep(0:1, length.out = n), each = m)
d$base <- rep(round(rnorm(n), 2), each = m)
u <- rep(rnorm(n), each = m)
d$gaussian <- round(5 - 0.4 * d$visit - 0.6 * d$arm + 0.5 * d$base + u + rnorm(n * m), 2)
d$binomial <- rbinom(n * m, 1, plogis(-0.6 + 0.3 * d$visit + 0.5 * d$arm + 0.4 * d$base + u))
d$poisson <- rpois(n * m, exp(0.8 - 0.1 * d$visit - 0.3 * d$arm + 0.2 * d$base + 0.5 * u))
gone <- sample(n * m, 22)
d[gone, c("gaussian", "binomial", "poisson")] <- NA
write.csv(d, "gee.csv", row.names = FALSE, quote = FALSE)
d <- d[!is.na(d$gaussian), ]
control <- geese.control(epsilon = 1e-13, maxit = 500)
power <- function(M, a) { e <- eigen(M); Re(e$vectors %*% diag(e$values^a, nrow(M)) %*% solve(e$vectors)) }
corrected <- function(f, R, family, phi) {
  X <- model.matrix(f); b <- coef(f); eta <- drop(X %*% b); y <- f$y
  mu <- switch(family, gaussian = eta, binomial = plogis(eta), poisson = exp(eta))
  v <- switch(family, gaussian = rep(1, length(mu)), binomial = mu * (1 - mu), poisson = mu)
  parts <- lapply(split(seq_along(y), d$id), function(i) {
    w <- d$visit[i]
    V <- phi * outer(sqrt(v[i]), sqrt(v[i])) * R[w, w, drop = FALSE]
    list(D = X[i, , drop = FALSE] * v[i], V = V, e = y[i] - mu[i])
  })
  B <- solve(Reduce(`+`, lapply(parts, function(p) t(p$D) %*% solve(p$V, p$D))))
  se <- function(score) sqrt(diag(B %*% Reduce(`+`, lapply(parts, function(p) tcrossprod(score(p)))) %*% B))
  H <- function(p) p$D %*% B %*% t(p$D) %*% solve(p$V)
  list(md = se(function(p) t(p$D) %*% solve(p$V, solve(diag(length(p$e)) - H(p), p$e))),
    kc = se(function(p) t(p$D) %*% solve(p$V, power(diag(length(p$e)) - H(p), -0.5) %*% p$e)),
    fg = se(function(p) {
      q <- diag(t(p$D) %*% solve(p$V, p$D) %*% B)
      (1 - pmin(0.75, q))^-0.5 * (t(p$D) %*% solve(p$V, p$e))
    }), naive = sqrt(diag(B)))
}
num <- function(x) paste0("[", paste(sprintf("%.14g", x), collapse = ", "), "]")
out <- c()
for (family in c("gaussian", "binomial", "poisson")) for (cs in c("independence", "exchangeable", "ar1", "unstructured")) {
  d$y <- d[[family]]
  # geepack 1.3.9 crashes on an unstructured correlation with gaps, so its columns are given.
  f <- if (cs == "unstructured") geeglm(y ~ visit + arm + base, id = id, data = d, family = family, corstr = "userdefined", control = control,
    zcor = genZcor(clusz = as.vector(table(d$id)), waves = d$visit, corstrv = 4))
  else geeglm(y ~ visit + arm + base, id = id, waves = visit, data = d, family = family, corstr = cs, control = control)
  s <- summary(f)
  a <- f$geese$alpha
  R <- diag(m)
  if (cs == "exchangeable") R[row(R) != col(R)] <- a
  if (cs == "ar1") R <- a^abs(row(R) - col(R))
  if (cs == "unstructured") { k <- 0; for (i in 1:(m - 1)) for (j in (i + 1):m) { k <- k + 1; R[i, j] <- R[j, i] <- a[k] } }
  r <- corrected(f, R, family, f$geese$gamma)
  out <- c(out, sprintf('"%s %s": {"coef": %s, "robust": %s, "naive": %s, "md": %s, "kc": %s, "fg": %s, "alpha": %s, "phi": %.14g, "qic": %.14g}',
    family, cs, num(coef(f)), num(s$coefficients[, 2]), num(sqrt(diag(f$geese$vbeta.naiv))), num(r$md), num(r$kc), num(r$fg),
    if (length(a)) num(a) else "[]", f$geese$gamma, QIC(f)["QIC"]))
  stopifnot(max(abs(r$naive / sqrt(diag(f$geese$vbeta.naiv)) - 1)) < 1e-6)
}
cat("{\n", paste(out, collapse = ",\n"), "\n}\n", file = "gee.json", sep = "")
