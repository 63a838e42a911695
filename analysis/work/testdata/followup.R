# Reference numbers of followup_test.go, from R 4.2 with survival 3.5-3:
# Rscript followup.R, in this folder. Writes followup.csv and followup.json.
library(survival)
options(digits = 17)
set.seed(20260301)
n <- 240
arm <- sample(c("control", "day", "full"), n, TRUE)
age <- round(runif(n, 20, 64))
payer <- sample(c("insurer", "state", "worker"), n, TRUE, c(.5, .3, .2))
site <- sample(paste0("s", 1:25), n, TRUE)
rate <- 0.006 * exp(c(0, .3, .7)[match(arm, c("control", "day", "full"))] - .02 * (age - 40) + .4 * (payer == "state"))
back <- ceiling(rexp(n, rate)); other <- ceiling(rexp(n, 0.0015)); lost <- ceiling(runif(n, 60, 500))
day <- pmin(back, other, lost)
event <- ifelse(day == back, "returned", ifelse(day == other, "retired", "lost"))
d <- data.frame(id = sprintf("p%03d", 1:n), arm, age, payer, site, day, event)
write.csv(d, "followup.csv", row.names = FALSE, quote = FALSE)
d$e <- d$event == "returned"
d$arm <- factor(d$arm); d$payer <- factor(d$payer)
ctl <- coxph.control(eps = 1e-14, iter.max = 60)
out <- list()
f <- coxph(Surv(day, e) ~ arm + age + payer, d, control = ctl)
out$coef <- unname(coef(f)); out$se <- unname(sqrt(diag(vcov(f))))
out$tests <- c(2 * diff(f$loglik), f$wald.test, f$score)
z <- cox.zph(f, terms = FALSE); out$zph <- unname(z$table[, 1])
z <- cox.zph(f, "log", terms = FALSE); out$zph_log <- unname(z$table[, 1])
k <- concordance(f); out$concordance <- unname(c(k$concordance, sqrt(k$var)))
b <- coxph(Surv(day, e) ~ arm + age + payer, d, ties = "breslow", control = ctl); out$breslow <- unname(coef(b))
out$exact <- unname(coef(coxph(Surv(day, e) ~ arm + age + payer, d, ties = "exact", control = ctl)))
r <- coxph(Surv(day, e) ~ arm + age + payer, d, robust = TRUE, control = ctl); out$robust <- unname(sqrt(diag(vcov(r))))
r <- coxph(Surv(day, e) ~ arm + age + payer, d, cluster = site, control = ctl); out$cluster <- unname(sqrt(diag(vcov(r))))
s <- coxph(Surv(day, e) ~ arm + age + strata(payer), d, control = ctl); out$strata <- unname(coef(s))
nd <- data.frame(arm = factor(levels(d$arm), levels(d$arm)), age = mean(d$age), payer = factor("insurer", levels(d$payer)))
# at the mean of the indicators too, as recoup has it: through the model matrix
m <- model.matrix(~ arm + age + payer, d)[, -1]
f2 <- coxph(Surv(day, e) ~ a2 + a3 + age + p2 + p3, data.frame(d[c("day", "e", "age")], a2 = m[, 1], a3 = m[, 2], p2 = m[, 4], p3 = m[, 5]), control = ctl)
nd <- data.frame(a2 = c(0, 1, 0), a3 = c(0, 0, 1), age = mean(d$age), p2 = mean(m[, 4]), p3 = mean(m[, 5]))
q <- summary(survfit(f2, nd, conf.type = "log"), times = 182)
out$adjusted <- as.vector(1 - q$surv); out$adjusted_se <- as.vector(q$std.err); out$adjusted_low <- as.vector(1 - q$upper); out$adjusted_high <- as.vector(1 - q$lower)
for (rho in c(0, .5, 1)) { l <- survdiff(Surv(day, e) ~ arm, d, rho = rho); out[[paste0("rank_", rho)]] <- c(l$chisq, l$obs, l$exp) }
l <- survdiff(Surv(day, e) ~ arm + strata(payer), d, rho = .5); out$rank_strata <- l$chisq
d$cause <- factor(d$event, c("lost", "returned", "retired"))
a <- summary(survfit(Surv(day, cause) ~ arm, d, conf.type = "log-log"), times = 182)
out$incidence <- as.vector(a$pstate[, 2:3]); out$incidence_se <- as.vector(a$std.err[, 2:3])
out$without <- a$pstate[, 1]; out$without_se <- a$std.err[, 1]
cs <- coxph(Surv(day, e) ~ arm + age, d, ties = "breslow", control = ctl); out$cause_specific <- unname(c(coef(cs), sqrt(diag(vcov(cs)))))
writeLines(jsonlite::toJSON(out, digits = I(17), pretty = TRUE), "followup.json")
