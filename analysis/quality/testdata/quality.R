# Makes quality.json, the reference numbers of package quality.
# Base R alone (4.2.2): every number is a call or a formula written out here.
# Run in this folder: Rscript quality.R
out <- list()
put <- function(name, ...) out[[name]] <<- unname(c(...))

# XmR of twelve values, one of them far out.
x <- c(-1.9, -2.3, -1.6, -2.2, -1.8, -2.6, 1.7, -2.0, -2.4, -1.5, -2.1, -2.7)
mr <- abs(diff(x)); d2 <- 2 / sqrt(pi)
put("x", x)
put("xmr", mean(x), mean(mr), mean(mr) / d2, mean(x) - 3 * mean(mr) / d2, mean(x) + 3 * mean(mr) / d2)
kept <- mr[mr <= 3.267 * mean(mr)]
put("xmr_screened", length(mr) - length(kept), mean(kept), mean(kept) / 1.128, mean(x) - 3 * mean(kept) / 1.128, mean(x) + 3 * mean(kept) / 1.128)

# p and p' of ten counts that vary more than chance gives.
e <- c(31, 52, 28, 60, 35, 44, 71, 30, 58, 40); n <- c(90, 110, 95, 120, 101, 99, 130, 88, 117, 104)
p <- sum(e) / sum(n); s <- sqrt(p * (1 - p) / n); z <- (e / n - p) / s
put("events", e); put("n", n)
put("p", p, s[1], p - 3 * s[1], p + 3 * s[1], p - 3 * s[10], p + 3 * s[10])
sz <- mean(abs(diff(z))) / d2
put("laney", sz, max(0, p - 3 * sz * s[1]), p + 3 * sz * s[1], p - 3 * sz * s[10], p + 3 * sz * s[10])
put("chisq", sum(z^2), pchisq(sum(z^2), length(n) - 1, lower.tail = FALSE))

# Funnel of the same counts as sites.
limit <- function(target, n, p) { r <- qbinom(p, n, target); pmin(1, pmax(0, (r - (pbinom(r, n, target) - p) / dbinom(r, n, target)) / n)) }
put("exact_low95", limit(p, n, .025)); put("exact_high95", limit(p, n, .975))
put("exact_low998", limit(p, n, .001)); put("exact_high998", limit(p, n, .999))
put("rare", limit(.03, c(1, 5, 20, 60, 400, 20000), .999), limit(.03, c(1, 5, 20, 60, 400, 20000), .025))
q <- quantile(z, c(.1, .9)); phi <- mean(pmin(pmax(z, q[1]), q[2])^2); k <- length(n); w <- 1 / s^2
tau2 <- max(0, (k * phi - (k - 1)) / (sum(w) - sum(w^2) / sum(w)))
put("overdispersion", phi, tau2, 1 + 2 * sqrt(2 / k))
put("z", z); put("z_additive", (e / n - p) / sqrt(s^2 + tau2))
put("additive", p - qnorm(.975) * sqrt(s[1]^2 + tau2), p + qnorm(.999) * sqrt(s[1]^2 + tau2))
put("multiplicative", p - qnorm(.975) * sqrt(phi) * s[1], p + qnorm(.999) * sqrt(phi) * s[1])
put("normal", p - qnorm(.975) * s[1], p + qnorm(.999) * s[1])

# Share of points of 20 normal values outside their own limits, by simulation.
set.seed(1); k <- 200000
m <- matrix(rnorm(20 * k), k); sg <- rowMeans(abs(m[, -1] - m[, -20])) / d2
put("false_alarms", mean(abs(m - rowMeans(m)) > 3 * sg), sd(rowMeans(abs(m - rowMeans(m)) > 3 * sg)))

num <- function(v) paste0("[", paste(ifelse(is.na(v), "null", formatC(v, digits = 17, format = "g", width = 1)), collapse = ", "), "]")
writeLines(c("{", paste0("  \"", names(out), "\": ", vapply(out, num, ""), ifelse(seq_along(out) < length(out), ",", "")), "}"), "quality.json")
