# Weights for drop-out with errors that account for their estimation: the stacked
# estimating equations of the logistic model and of the two weighted means, with the
# derivative by finite differences of the mean estimating function (another way than the
# formula of the program). Writes weighted.csv and weighted.json.
# Run: Rscript weighted.R, in this folder. R 4.2.2, base packages alone.
n <- 120
i <- 1:n
arm <- ifelse(i %% 3 == 0, "b", "a")
before <- round(4 + 3 * sin(i) + (i %% 7) / 3, 2)
age <- 30 + (i * 37) %% 41
after <- round(before - 1 - (arm == "a") + 1.5 * cos(2.3 * i) - 0.02 * (age - 50), 2)
seen <- as.numeric(((i * 53) %% 97) / 97 < plogis(1.6 - 0.25 * before + 0.03 * (age - 50) + 0.5 * (arm == "a")))
write.csv(data.frame(id = sprintf("p%03d", i), arm, age, before, after = ifelse(seen == 1, after, NA)), "weighted.csv", row.names = FALSE, na = "", quote = FALSE)
x <- cbind(arm == "a", arm == "b", before, age)
change <- ifelse(seen == 1, after - before, 0)
fit <- glm(seen ~ x - 1, family = binomial, control = glm.control(epsilon = 1e-15, maxit = 100))
g <- coef(fit)
p <- plogis(drop(x %*% g))
mu <- sapply(c("a", "b"), function(k) weighted.mean(change[seen == 1 & arm == k], 1 / p[seen == 1 & arm == k]))
psi <- function(theta) {
  p <- plogis(drop(x %*% theta[1:4]))
  cbind((seen - p) * x, seen * (arm == "a") * (change - theta[5]) / p, seen * (arm == "b") * (change - theta[6]) / p)
}
theta <- c(g, mu)
stopifnot(max(abs(colSums(psi(theta)))) < 1e-7)
a <- sapply(seq_along(theta), function(j) {
  h <- 1e-4 * max(1, abs(theta[j])); e <- replace(numeric(6), j, h)
  (colSums(psi(theta - 2 * e)) - 8 * colSums(psi(theta - e)) + 8 * colSums(psi(theta + e)) - colSums(psi(theta + 2 * e))) / (12 * h)
})
v <- solve(a) %*% crossprod(psi(theta)) %*% t(solve(a))
w <- function(k) { s <- seen == 1 & arm == k; mean(seen[arm == k]) / p[s] }
ess <- function(w) sum(w)^2 / sum(w^2)
num <- function(v) sprintf("%.15g", v)
out <- c(
  sprintf('"change": [%s]', paste(num(mu), collapse = ", ")),
  sprintf('"change_se": [%s]', paste(num(sqrt(diag(v)[5:6])), collapse = ", ")),
  sprintf('"difference": [%s]', paste(num(c(mu[1] - mu[2], sqrt(v[5, 5] + v[6, 6] - 2 * v[5, 6]))), collapse = ", ")),
  sprintf('"seen_change": [%s]', paste(num(sapply(c("a", "b"), function(k) mean(change[seen == 1 & arm == k]))), collapse = ", ")),
  sprintf('"weights_a": [%s]', paste(num(c(sum(seen[arm == "a"]), min(w("a")), mean(w("a")), max(w("a")), ess(w("a")))), collapse = ", ")),
  sprintf('"weights_b": [%s]', paste(num(c(sum(seen[arm == "b"]), min(w("b")), mean(w("b")), max(w("b")), ess(w("b")))), collapse = ", ")))
writeLines(c("{", paste0("  ", out, c(rep(",", length(out) - 1), "")), "}"), "weighted.json")
