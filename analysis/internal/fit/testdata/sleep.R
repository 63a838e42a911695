# The maximum of the likelihood of a random intercept and slope in balanced data, in closed
# form, for lme4's study of sleep: slopes_test.go holds the kernel against it.
data(sleepstudy, package = "lme4")
l <- lapply(split(sleepstudy, sleepstudy$Subject), function(x) { f <- lm(Reaction ~ Days, x); list(b = coef(f), r = sum(resid(f)^2)) })
B <- sapply(l, `[[`, "b")
s2 <- sum(sapply(l, `[[`, "r")) / (18 * 8)
print(cov(t(B)) * 17 / 18 - s2 * solve(crossprod(cbind(1, 0:9))), digits = 15)
print(s2, digits = 15)
