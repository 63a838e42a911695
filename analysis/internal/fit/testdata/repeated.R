# Mixed models for repeated measures by dense matrices over all values at once: the
# numbers that repeated_reference_test.go holds the sums over patterns against. The
# deviance is written out here, minimised by optim and then by Newton's steps with
# numerical derivatives; robust errors and their degrees of freedom are
# clubSandwich's on the whitened rows; where nlme::gls has the model, its likelihood
# must agree (or the script stops).
#
#   Rscript repeated.R    writes repeated.csv and repeated.json
suppressMessages({library(nlme); library(numDeriv); library(clubSandwich); library(jsonlite)})
set.seed(41)
n <- 36; weeks <- c(2, 6, 14, 26)
d <- expand.grid(visit = 1:4, id = 1:n)
arm <- rep(0:1, length.out = n); site <- rep(c(0, 0, 1), length.out = n); base <- round(rnorm(n, 6, 1.5), 1); weight <- round(runif(n, 0.5, 2), 1)
u <- rnorm(n, 0, 1.1)
d$arm <- arm[d$id]; d$site <- site[d$id]; d$base <- base[d$id]; d$weight <- weight[d$id]
d$y <- round(2 + 0.6 * d$base + u[d$id] * (1 + 0.5 * d$arm) + rnorm(4 * n, 0, 0.8 + 0.15 * d$visit) - 0.4 * d$arm * d$visit, 2)
d$y[d$visit > 1 & runif(4 * n) < 0.18] <- NA
write.csv(d, "repeated.csv", row.names = FALSE, quote = FALSE)
full <- d
d <- d[!is.na(d$y), ]
f <- factor(d$visit)
X <- model.matrix(~ arm * f + base + site, d)
y <- d$y

us <- function(th, k) { L <- matrix(0, k, k); L[upper.tri(L, TRUE)] <- th; L <- t(L); diag(L) <- exp(diag(L)); L %*% t(L) }
ar1h <- function(th, k) { s <- exp(th[1:k]); s %o% s * tanh(th[k + 1])^abs(outer(1:k, 1:k, "-")) }
# The same structures by mmrm's parameters (its src/covariance.h), for the full form of
# Kenward and Roger: second derivatives depend on how a covariance is written.
sds <- function(th, v, k) exp(if (v == 1) rep(th[1], k) else th[1:k])
rhos <- function(th, v) th[-(1:v)] / sqrt(1 + th[-(1:v)]^2)
lags <- function(k) abs(outer(1:k, 1:k, "-"))
correlations <- list(
  cs = function(r, k) ifelse(lags(k) == 0, 1, r), ar1 = function(r, k) r^lags(k),
  toep = function(r, k) matrix(c(1, r)[lags(k) + 1], k),
  ad = function(r, k) outer(1:k, 1:k, Vectorize(function(i, j) prod(r[seq_len(k - 1) >= min(i, j) & seq_len(k - 1) < max(i, j)]))))
peers <- list()
for (h in c("", "h")) for (n. in names(correlations)) local({
  v <- if (h == "h") 4 else 1; f <- correlations[[n.]]
  peers[[paste0(n., h)]] <<- function(th, k) { s <- sds(th, v, k); s %o% s * f(rhos(th, v), k) }
})
peers$us <- function(th, k) { L <- diag(4); for (i in 2:4) for (j in 1:(i - 1)) L[i, j] <- th[4 + (i - 1) * (i - 2) / 2 + j]; L <- exp(th[1:4]) * L; L %*% t(L) }
sizes <- c(us = 10, cs = 2, csh = 5, ar1 = 2, ar1h = 5, toep = 4, toeph = 7, ad = 4, adh = 7)
for (n. in names(peers)) assign(paste0("peer_", n.), peers[[n.]])
spatial <- function(th, k) exp(2 * th[1]) * exp(-abs(outer(weeks, weeks, "-")) * exp(th[2]))
starts <- list(us = function() { L <- diag(4) * 0.3; t(L)[upper.tri(L, TRUE)] }, ar1h = function() c(rep(0.3, 4), 0.3), spatial = function() c(0.3, -3))
for (n. in names(sizes)) local({ k <- sizes[[n.]]; starts[[paste0("peer_", n.)]] <<- function() c(rep(0.3, if (n. == "us" || grepl("h$", n.)) 4 else 1), rep(0.2, k))[1:k] })

# V of all values: blocks of each patient, by group, divided by the weight.
dense <- function(th, cov, group, w) {
  per <- length(th) / length(unique(group))
  V <- matrix(0, nrow(d), nrow(d))
  for (g in unique(group)) {
    S <- cov(th[(g * per + 1):((g + 1) * per)], 4)
    for (i in unique(d$id[group == g])) { r <- which(d$id == i); V[r, r] <- S[d$visit[r], d$visit[r]] / w[r[1]] }
  }
  V
}
solved <- function(V, X) { W <- chol2inv(chol(V)); C <- solve(t(X) %*% W %*% X); list(W = W, C = C, b = drop(C %*% t(X) %*% W %*% y)) }
deviance <- function(th, cov, group, w, reml, X) {
  V <- dense(th, cov, group, w)
  R <- tryCatch(chol(V), error = function(e) NULL); if (is.null(R)) return(1e10)
  s <- tryCatch(solved(V, X), error = function(e) NULL); if (is.null(s)) return(1e10)
  r <- y - X %*% s$b
  out <- 2 * sum(log(diag(R))) + drop(t(r) %*% s$W %*% r) + length(y) * log(2 * pi)
  if (reml) out <- out + determinant(t(X) %*% s$W %*% X)$modulus[1] - ncol(X) * log(2 * pi)
  out
}
fit <- function(name, group = rep(0, nrow(d)), w = rep(1, nrow(d)), reml = TRUE, X. = X) {
  cov <- get(name); X <- X.
  dev <- function(th) deviance(th, cov, group, w, reml, X)
  th <- rep(starts[[name]](), length(unique(group)))
  th <- optim(th, dev, method = "BFGS", control = list(maxit = 2000, reltol = 1e-13))$par
  for (k in 1:3) th <- th - solve(hessian(dev, th), grad(dev, th))
  V <- dense(th, cov, group, w); s <- solved(V, X)
  A <- 2 * solve(hessian(dev, th))
  J <- jacobian(function(t) as.vector(solved(dense(t, cov, group, w), X)$C), th)
  dV <- jacobian(function(t) as.vector(dense(t, cov, group, w)), th)
  p <- ncol(X)
  satt <- function(l) { g <- apply(J, 2, function(j) drop(t(l) %*% matrix(j, p) %*% l)); drop(2 * (t(l) %*% s$C %*% l)^2 / (t(g) %*% A %*% g)) }
  WX <- s$W %*% X
  D <- lapply(seq_along(th), function(h) matrix(dV[, h], nrow(d)))
  P <- lapply(D, function(m) -t(WX) %*% m %*% WX)
  inner <- matrix(0, p, p)
  for (h in seq_along(th)) for (l in seq_along(th)) inner <- inner + A[h, l] * (t(WX) %*% D[[h]] %*% s$W %*% D[[l]] %*% WX - P[[h]] %*% s$C %*% P[[l]])
  # The full form: less a quarter of the second derivatives, by columns of V.
  full <- inner
  if (startsWith(name, "peer_")) for (h in seq_along(th)) {
    second <- jacobian(function(t) as.vector(jacobian(function(u) { t. <- t; t.[h] <- u; as.vector(cov(t., 4)) }, t[h])), th)
    for (l in seq_along(th)) {
      S <- matrix(second[, l], 4); B <- matrix(0, nrow(d), nrow(d))
      for (i in unique(d$id)) { r <- which(d$id == i); B[r, r] <- S[d$visit[r], d$visit[r]] / w[r[1]] }
      full <- full - A[h, l] * t(WX) %*% B %*% WX / 4
    }
  }
  list(th = th, full = s$C + 2 * s$C %*% full %*% s$C, V = V, C = s$C, b = s$b, A = A, P = P, W = s$W, satt = satt, kr = s$C + 2 * s$C %*% inner %*% s$C, dev = dev(th), gradient = max(abs(grad(dev, th))))
}
plain <- function(m) list(deviance = m$dev, coef = unname(m$b), se = unname(sqrt(diag(m$C))), df = apply(diag(length(m$b)), 1, m$satt), kr_se = unname(sqrt(diag(m$kr))))
robust <- function(m, X) {
  K <- solve(t(chol(m$V))); Xt <- K %*% X; yt <- drop(K %*% y)
  l <- lm(yt ~ Xt - 1)
  # lm's own sigma does not enter: CR errors are of residuals alone.
  out <- lapply(c("CR0", "CR2", "CR3"), function(type) { V <- vcovCR(l, cluster = d$id, type = type)
    t <- coef_test(l, vcov = V, test = "Satterthwaite"); list(se = t$SE, df = if ("df_Satt" %in% names(t)) t$df_Satt else t$df) })
  names(out) <- c("CR0", "CR2", "CR3"); out
}
# Joint tests of the three columns of arm by visit, and of arm with them.
joint <- function(m, columns) {
  L <- diag(ncol(X))[columns, ]; q <- nrow(L); B <- L %*% m$b; LCL <- L %*% m$C %*% t(L)
  e <- eigen(LCL); nu <- sapply(1:q, function(k) m$satt(drop(t(e$vectors[, k]) %*% L))); E <- sum(nu / (nu - 2))
  F <- drop(t(B) %*% solve(LCL) %*% B) / q
  M <- t(L) %*% solve(LCL) %*% L %*% m$C
  Z <- lapply(m$P, function(P) M %*% P %*% m$C)
  tr <- function(a) sum(diag(a))
  a1 <- a2 <- 0
  for (h in seq_along(Z)) for (k in seq_along(Z)) { a1 <- a1 + m$A[h, k] * tr(Z[[h]]) * tr(Z[[k]]); a2 <- a2 + m$A[h, k] * tr(Z[[h]] %*% Z[[k]]) }
  g <- ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2); den <- 3 * q + 2 * (1 - g)
  bb <- (a1 + 6 * a2) / (2 * q); Es <- 1 / (1 - a2 / q)
  Vs <- 2 / q * (1 + g / den * bb) / (1 - (q - g) / den * bb)^2 / (1 - (q + 2 - g) / den * bb)
  rho <- Vs / (2 * Es^2); mm <- 4 + (q + 2) / (q * rho - 1)
  Fk <- drop(t(B) %*% solve(L %*% m$kr %*% t(L)) %*% B) / q * mm / (Es * (mm - 2))
  list(f = F, denominator = 2 * E / (E - q), p = pf(F, q, 2 * E / (E - q), lower.tail = FALSE), kr_f = Fk, kr_denominator = mm, kr_p = pf(Fk, q, mm, lower.tail = FALSE))
}
agrees <- function(m, correlation, weights) {
  control <- glsControl(opt = "optim", maxIter = 500, msMaxIter = 500, tolerance = 1e-12, msTol = 1e-14)
  d$f <- f
  g <- gls(y ~ arm * f + base + site, d, correlation = correlation, weights = weights, control = control)
  stopifnot(abs(-2 * as.numeric(logLik(g)) - m$dev) < 1e-4, all(abs(coef(g)[colnames(X)] - m$b) < 1e-3))
}
d$week <- weeks[d$visit]; d$inverse <- 1 / d$weight
m_us <- fit("us"); m_group <- fit("us", group = d$arm); m_group_ar1h <- fit("ar1h", group = d$arm)
m_weight <- fit("ar1h", w = d$weight); m_spatial <- fit("spatial"); m_spatial_ml <- fit("spatial", reml = FALSE)
agrees(m_us, corSymm(form = ~ visit | id), varIdent(form = ~ 1 | visit))
agrees(m_weight, corCAR1(0.3, form = ~ visit | id), varComb(varFixed(~ inverse), varIdent(form = ~ 1 | visit)))
agrees(m_spatial, corExp(form = ~ week | id), NULL)
m_peers <- lapply(names(sizes), function(n.) fit(paste0("peer_", n.)))
for (m in m_peers) stopifnot(m$gradient < 1e-5)
stopifnot(abs(m_peers[[1]]$dev - m_us$dev) < 1e-8)
for (m in list(m_us, m_group, m_group_ar1h, m_weight, m_spatial)) stopifnot(m$gradient < 1e-5)
out <- list(
  full = setNames(lapply(m_peers, function(m) list(deviance = m$dev, kr_se = unname(sqrt(diag(m$full))), linear_se = unname(sqrt(diag(m$kr))))), names(sizes)),
  us = plain(m_us), group = plain(m_group), group_ar1h = plain(m_group_ar1h), weight = plain(m_weight), spatial = plain(m_spatial), spatial_ml = plain(m_spatial_ml),
  robust_us = robust(m_us, X), robust_weight = robust(m_weight, X), robust_group = robust(m_group, X),
  interaction = joint(m_us, 8:10), arm = joint(m_us, c(2, 8:10)), interaction_group = joint(m_group, 8:10))
write(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "repeated.json")
cat(colnames(X), "\n"); print(sapply(list(m_us, m_group, m_group_ar1h, m_weight, m_spatial), function(m) m$gradient))
