# Group-based trajectory models of three families on made data with values missing: the
# likelihood written out and maximised by optim, errors by numDeriv's second derivatives.
# trajectories_test.go holds the kernel against these.
#
#   Rscript trajectories.R    writes trajectories.csv and trajectories.json
suppressMessages(library(numDeriv))
set.seed(77)
n <- 160; times <- c(0, 4, 12, 26, 52); m <- length(times)
k <- rep(sample(1:2, n, TRUE, c(0.6, 0.4)), each = m)
d <- data.frame(id = rep(sprintf("p%03d", 1:n), each = m), t = rep(times, n))
u <- d$t / 52
eta <- ifelse(k == 1, 3 - 3.5 * u, 8 + 3 * u - 2 * u^2)
d$cnorm <- round(pmin(10, pmax(0, eta + rnorm(n * m, 0, 1.8))), 2)
d$zip <- ifelse(runif(n * m) < 0.25, 0, rpois(n * m, exp(ifelse(k == 1, 0.2 - 0.8 * u, 1.6 + 0.3 * u))))
d$logit <- rbinom(n * m, 1, plogis(ifelse(k == 1, -1.8 - 0.5 * u, 0.4 + 1.6 * u)))
gone <- sample(which(d$t > 0), 70)
d[gone, c("cnorm", "zip", "logit")] <- NA
write.csv(d, "trajectories.csv", row.names = FALSE, quote = FALSE)
d <- d[!is.na(d$cnorm), ]
u <- d$t / 52
id <- factor(d$id)
mix <- function(th, group) { # th: logit of the second share, then what group() takes
  a <- rowsum(group(1, th[-1]), id)[, 1]; b <- rowsum(group(2, th[-1]), id)[, 1] + th[1]
  top <- pmax(a, b)
  sum(top + log(exp(a - top) + exp(b - top))) - nlevels(id) * log1p(exp(th[1]))
}
cn <- function(own) function(g, th) {
  b <- if (g == 1) th[1:2] else th[3:5]
  s <- exp(th[if (own && g == 2) 7 else 6]); e <- b[1] + b[2] * u + if (g == 2) b[3] * u^2 else 0
  ifelse(d$cnorm <= 0, pnorm((0 - e) / s, log.p = TRUE), ifelse(d$cnorm >= 10, pnorm((e - 10) / s, log.p = TRUE), dnorm(d$cnorm, e, s, log = TRUE)))
}
zi <- function(g, th) {
  b <- th[2 * g - 1:0]; mu <- exp(b[1] + b[2] * u); r <- plogis(th[5])
  ifelse(d$zip == 0, log(r + (1 - r) * exp(-mu)), log(1 - r) + dpois(d$zip, mu, log = TRUE))
}
lo <- function(g, th) { b <- th[2 * g - 1:0]; dbinom(d$logit, 1, plogis(b[1] + b[2] * u), log = TRUE) }
fit <- function(start, group) {
  f <- function(th) -mix(th, group)
  o <- list(par = start)
  for (i in 1:4) o <- optim(o$par, f, function(th) grad(f, th), method = "BFGS", control = list(reltol = 1e-16, maxit = 1000))
  for (i in 1:3) o$par <- o$par - solve(hessian(f, o$par), grad(f, o$par)) # to the last digits
  list(ll = -f(o$par), par = o$par, se = sqrt(diag(solve(hessian(f, o$par)))), grad = max(abs(grad(f, o$par))))
}
r <- list(cnorm = fit(c(-0.4, 3, -3.5, 8, 3, -2, 0.6), cn(FALSE)), cnorm_own = fit(c(-0.4, 3, -3.5, 8, 3, -2, 0.6, 0.6), cn(TRUE)),
  zip = fit(c(-0.4, 0.2, -0.8, 1.6, 0.3, -1), zi), logit = fit(c(-0.4, -1.8, -0.5, 0.4, 1.6), lo))
num <- function(x) paste0("[", paste(sprintf("%.14g", x), collapse = ", "), "]")
out <- c()
for (key in names(r)) {
  x <- r[[key]]
  stopifnot(x$grad < 1e-5)
  out <- c(out, sprintf('"%s": {"loglik": %.14g, "par": %s, "se": %s}', key, x$ll, num(x$par), num(x$se)))
}
cat("{\n", paste(out, collapse = ",\n"), "\n}\n", file = "trajectories.json", sep = "")
