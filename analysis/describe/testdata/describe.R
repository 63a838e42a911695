# Makes describe.json, the reference numbers of package describe.
# Base R alone (4.2.2): every number is a call or a formula written out here.
# Run in this folder: Rscript describe.R
out <- list()
put <- function(name, ...) out[[name]] <<- unname(c(...))
age1 <- c(34, 51, 47, 62, 29, 55, 40); age2 <- c(45, 58, 39, 66, 71)
s <- function(x) c(length(x), mean(x), sd(x), median(x), quantile(x, c(.25, .75)), t.test(x)$conf.int)
put("age1", age1); put("age2", age2)
put("number1", s(age1)); put("number2", s(age2))
put("smd_number", (mean(age1) - mean(age2)) / sqrt((var(age1) + var(age2)) / 2))
smd <- function(a, b) { # Yang and Dalton, with the last level left out instead of the first
  p <- a / sum(a); q <- b / sum(b); k <- length(a) - 1
  S <- ((diag(p) - p %o% p) + (diag(q) - q %o% q))[1:k, 1:k] / 2; d <- (p - q)[1:k]
  sqrt(drop(t(d) %*% solve(S, d)))
}
a <- c(12, 35, 56, 55); b <- c(4, 32, 64, 54)
put("levels1", a); put("levels2", b)
put("smd_levels", smd(a, b), smd(a[1:3], b[1:3]), smd(a[1:2], b[1:2]))
cost <- c(0, 0, 1200, 250.5, 19000, 800, 0, 430, 5600, 75); success <- c(0, 1, 1, 0, 0, 1, 0, 1, 0, 1)
put("cost", cost); put("success", success)
put("cost_summary", mean(cost), sd(cost) / sqrt(10), t.test(cost)$conf.int, median(cost), quantile(cost, c(.25, .75)))
r <- sum(cost) / sum(success); se <- sqrt(10 / 9 * sum((cost - r * success)^2)) / sum(success)
put("per_success", r, se, r * exp(c(-1, 1) * qnorm(.975) * se / r))
put("wilson", prop.test(7, 12, correct = FALSE)$conf.int)
num <- function(v) paste0("[", paste(formatC(v, digits = 17, format = "g", width = 1), collapse = ", "), "]")
writeLines(c("{", paste0("  \"", names(out), "\": ", vapply(out, num, ""), ifelse(seq_along(out) < length(out), ",", "")), "}"), "describe.json")
