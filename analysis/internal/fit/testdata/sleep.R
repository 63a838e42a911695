# The maximum of the likelihood of a random intercept and slope in balanced data, in closed
# form, for lme4's study of sleep: slopes_test.go holds the kernel against it.
data(sleepstudy, package = "lme4")
l <- lapply(split(sleepstudy, sleepstudy$Subject), function(x) { f <- lm(Reaction ~ Days, x); list(b = coef(f), r = sum(resid(f)^2)) })
B <- sapply(l, `[[`, "b")
s2 <- sum(sapply(l, `[[`, "r")) / (18 * 8)
print(cov(t(B)) * 17 / 18 - s2 * solve(crossprod(cbind(1, 0:9))), digits = 15)
print(s2, digits = 15)

# A correlation of 1 and of -1: lmerTest's degrees of freedom of the mean at 0 and of the slope.
suppressMessages(library(lmerTest))
w <- rbind(c(0.3, -0.2, 0.1, -0.2), c(-0.2, 0.3, -0.3, 0.2), c(0.1, -0.1, -0.2, 0.2), c(-0.3, 0.1, 0.4, -0.2), c(0.1, -0.1, 0, 0), c(0.2, 0.1, -0.4, 0.1))
for (s in c(1, -1 / 3)) {
  d <- expand.grid(i = 1:6, t = 0:3)
  u <- d$i - 3.5
  d$y <- 5 + u + s * u * d$t + w[cbind(d$i, d$t + 1)]
  f <- lmer(y ~ t + (t | i), d, control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12, maxfun = 1e5), check.conv.singular = "ignore"))
  print(coef(summary(f))[, c("Std. Error", "df")], digits = 10)
}
