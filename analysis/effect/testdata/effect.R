# Makes trial.csv and effect.json, the reference numbers of package effect.
# Base R alone (4.2.2): every number is a call or a formula written out here.
# Run in this folder: Rscript effect.R
set.seed(20220113)
n <- c(23, 31)
arm <- rep(c("program", "usual"), n)
base <- round(pmin(10, pmax(1, rnorm(sum(n), 6.5, 1.6))), 1)
site <- rep_len(c("N", "S", "E", "W", "C"), sum(n))
age <- round(rnorm(sum(n), 48, 11))
after <- round(pmin(10, pmax(0, 0.6 * base + 0.02 * (age - 48) - 1.2 * (arm == "program") + rnorm(sum(n), 1, 1.4))), 1)
after[c(4, 17, 30, 44)] <- NA
d <- data.frame(id = sprintf("p%02d", seq_along(arm)), arm, site, age, base, after)
write.csv(d, "trial.csv", row.names = FALSE, na = "")
cc <- d[!is.na(d$after), ]
cc$change <- cc$after - cc$base
x <- cc$change[cc$arm == "program"]; y <- cc$change[cc$arm == "usual"]
out <- list()
put <- function(name, ...) out[[name]] <<- unname(c(...))
w <- t.test(x, y); st <- t.test(x, y, var.equal = TRUE)
put("welch", w$estimate[1] - w$estimate[2], w$stderr, w$parameter, w$p.value, w$conf.int)
put("pooled", st$stderr, st$parameter, st$p.value, st$conf.int)
o <- t.test(x); put("change_program", o$estimate, o$stderr, o$conf.int, o$p.value, sd(x), sd(x) * sqrt((length(x) - 1) / qchisq(c(.975, .025), length(x) - 1)))
J <- function(df) exp(lgamma(df / 2) - log(sqrt(df / 2)) - lgamma((df - 1) / 2))
nct <- function(t, df) sapply(c(.975, .025), function(p) uniroot(function(nc) pt(t, df, nc) - p, c(t - 8, t + 8), tol = 1e-13)$root)
smd <- function(x, y) {
  n1 <- length(x); n2 <- length(y); df <- n1 + n2 - 2
  s <- sqrt(((n1 - 1) * var(x) + (n2 - 1) * var(y)) / df); k <- sqrt(1 / n1 + 1 / n2)
  g <- J(df) * (mean(x) - mean(y)) / s
  c(g, sqrt(1 / n1 + 1 / n2 + g^2 / (2 * (n1 + n2))), J(df) * k * nct((mean(x) - mean(y)) / s / k, df))
}
put("g_change", smd(x, y))
put("g_post", smd(cc$after[cc$arm == "program"], cc$after[cc$arm == "usual"]))
b1 <- cc$base[cc$arm == "program"]; b2 <- cc$base[cc$arm == "usual"]
df <- length(x) + length(y) - 2
pool <- function(a, b) ((length(a) - 1) * var(a) + (length(b) - 1) * var(b)) / df
dd <- (mean(x) - mean(y)) / sqrt(pool(b1, b2)); g <- J(df) * dd
se <- J(df) * sqrt(pool(x, y) * (1 / length(x) + 1 / length(y)) / pool(b1, b2) + dd^2 / (2 * df))
put("g_baseline", g, se, g + c(-1, 1) * qnorm(.975) * se)
nx <- length(x); a1 <- cc$after[cc$arm == "program"]
dz <- mean(x) / sd(x); gz <- J(nx - 1) * dz
put("dz", gz, sqrt(1 / nx + gz^2 / (2 * nx)), J(nx - 1) * nct(dz * sqrt(nx), nx - 1) / sqrt(nx))
gp <- J(nx - 1) * mean(x) / sd(b1); sp <- sqrt(2 * (1 - cor(b1, a1)) / nx + gp^2 / (2 * nx))
put("dpre", gp, sp, gp + c(-1, 1) * qnorm(.975) * sp)
v <- (var(a1) / mean(a1)^2 + var(b1) / mean(b1)^2 - 2 * cov(a1, b1) / (mean(a1) * mean(b1))) / nx
put("percent_of_means", 100 * (mean(a1) / mean(b1) - 1), 100 * (mean(a1) / mean(b1) * exp(c(-1, 1) * qnorm(.975) * sqrt(v)) - 1))
f <- lm(after ~ I(arm == "program") + base + age + factor(site, levels = unique(site)), cc)
X <- model.matrix(f); e <- resid(f); h <- hatvalues(f); n0 <- nrow(X); p0 <- ncol(X); XX <- solve(crossprod(X))
sand <- function(w) sqrt((XX %*% crossprod(X * sqrt(w)) %*% XX)[2, 2])
cl <- rowsum(X * e, cc$site); G <- nrow(cl)
s <- summary(f)$coefficients
put("ancova_model", s[2, ], confint(f)[2, ])
put("ancova_robust", sand(e^2), sand(e^2 * n0 / (n0 - p0)), sand(e^2 / (1 - h)), sand(e^2 / (1 - h)^2))
put("ancova_cluster", sqrt((XX %*% (crossprod(cl) * G / (G - 1) * (n0 - 1) / (n0 - p0)) %*% XX)[2, 2]), G - 1)
at <- colMeans(X); at[2] <- 1; one <- at; at[2] <- 0
put("adjusted_means", one %*% coef(f), at %*% coef(f), sqrt(t(one) %*% vcov(f) %*% one))
put("slope", s[3, 1:2])
num <- function(v) paste0("[", paste(format(v, digits = 17, trim = TRUE, scientific = NA), collapse = ", "), "]")
writeLines(c("{", paste0("  \"", names(out), "\": ", sapply(out, num), c(rep(",", length(out) - 1), "")), "}"), "effect.json")
