# A segmented regression with AR(1) errors by Prais and Winsten and by Cochrane and Orcutt,
# worked out from their formulas, and by nlme with periods missing; autocorrelations and
# Ljung and Box's test of the residuals: series_test.go holds the kernel against these.
#
#   Rscript series.R    writes series.csv and series.json
suppressMessages({library(nlme); library(sandwich); library(lmtest)})
set.seed(5)
n <- 40
t <- 1:n
y <- round(5 - 0.03 * t - 0.8 * (t > 22) + 0.05 * pmax(0, t - 22) + as.numeric(arima.sim(list(ar = 0.6), n, sd = 0.3)), 3)
d <- data.frame(t = t, post = as.integer(t > 22), after = pmax(0, t - 22), y = y)
write.csv(d, "series.csv", row.names = FALSE, quote = FALSE)
X <- model.matrix(~ t + post + after, d)
ar <- function(without) {
  b <- solve(crossprod(X), crossprod(X, y)); rho <- 0
  repeat {
    e <- drop(y - X %*% b)
    new <- sum(e[-1] * e[-n]) / sum(e[-n]^2)
    C <- diag(n); C[cbind(2:n, 1:(n - 1))] <- -new; C[1, 1] <- sqrt(1 - new^2)
    if (without) C <- C[-1, ]
    f <- lm.fit(C %*% X, C %*% y)
    b <- f$coefficients
    if (abs(new - rho) < 1e-14) break
    rho <- new
  }
  s2 <- sum(f$residuals^2) / (nrow(C) - 4)
  list(coef = b, se = sqrt(diag(s2 * solve(crossprod(C %*% X)))), rho = new)
}
gaps <- d[-c(7, 18, 19, 30), ]
control <- glsControl(tolerance = 1e-13, msTol = 1e-15, maxIter = 1000, msMaxIter = 1000)
g <- function(method) {
  f <- gls(y ~ t + post + after, gaps, correlation = corAR1(form = ~ t), method = method, control = control)
  list(coef = coef(f), se = sqrt(diag(vcov(f))), phi = as.numeric(coef(f$modelStruct$corStruct, unconstrained = FALSE)), ll = as.numeric(logLik(f)), sigma = f$sigma)
}
m <- lm(y ~ t + post + after, d)
num <- function(x) paste0("[", paste(sprintf("%.14g", x), collapse = ", "), "]")
out <- c()
add <- function(name, x) for (k in names(x)) out <<- c(out, sprintf('"%s_%s": %s', name, k, num(x[[k]])))
add("prais", ar(FALSE)); add("cochrane", ar(TRUE)); add("reml", g("REML")); add("ml", g("ML"))
add("ols", list(acf = acf(resid(m), lag.max = 5, plot = FALSE)$acf[-1], box = c(Box.test(resid(m), 5, "Ljung-Box")$statistic, Box.test(resid(m), 5, "Ljung-Box")$p.value),
  dw = dwtest(m)$statistic, nw = sqrt(diag(NeweyWest(m, lag = 3, prewhite = FALSE))), nw0 = sqrt(diag(NeweyWest(m, lag = 0, prewhite = FALSE)))))
cat("{\n", paste(out, collapse = ",\n"), "\n}\n", file = "series.json", sep = "")
