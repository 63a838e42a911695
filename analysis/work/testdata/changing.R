# Reference numbers of TestChangingAgainstSurvival, from R's survival package:
# Rscript changing.R, in this folder, after followup.R. Writes changing.csv and
# changing.json. Visits in weeks 0, 4, 12 and 26 have made-up values of pain; some are
# missing, of a few patients the first.
library(survival)
options(digits = 17)
d <- read.csv("followup.csv")
d$e <- d$event == "returned"
i <- seq_len(nrow(d))
v <- do.call(rbind, lapply(c(0, 4, 12, 26), function(w) data.frame(id = d$id, visit = paste0("w", w), week = w, pain = (i * 7 + w * 3 + (i * w) %% 13) %% 11, i = i)))
v <- v[(v$i + v$week) %% 5 != 0, ]
v <- v[order(v$id, v$week), ]
write.csv(v[, c("id", "visit", "pain")], "changing.csv", row.names = FALSE, quote = FALSE)
d$w <- (i - 1) %% 3 + 1
rows <- do.call(rbind, lapply(split(d, d$id), function(p) {
  x <- v[v$id == p$id & 7 * v$week < p$day, ]
  if (nrow(x) == 0) return(NULL)
  data.frame(p, start = 7 * x$week, stop = c(7 * x$week[-1], p$day), pain = x$pain, ev = c(rep(FALSE, nrow(x) - 1), p$e))
}))
rows$arm <- factor(rows$arm)
ctl <- coxph.control(eps = 1e-14, iter.max = 60)
f <- coxph(Surv(start, stop, ev) ~ arm + age + pain, rows, control = ctl)
r <- coxph(Surv(start, stop, ev) ~ arm + age + pain, rows, cluster = id, control = ctl)
s <- coxph(Surv(start, stop, ev) ~ arm + age + pain, rows, cluster = site, control = ctl)
w <- coxph(Surv(start, stop, ev) ~ arm + age + pain, rows, weights = w, cluster = id, control = ctl)
z <- cox.zph(f, terms = FALSE)
out <- list(coef = coef(f), se = sqrt(diag(vcov(f))), robust = sqrt(diag(vcov(r))), cluster = sqrt(diag(vcov(s))),
  weighted = coef(w), weighted_se = sqrt(diag(vcov(w))), zph = z$table[, 1],
  concordance = c(concordance(f)$concordance), n = c(length(unique(rows$id)), sum(rows$ev)))
num <- function(x) paste0("[", paste(formatC(unname(x), digits = 17, format = "g"), collapse = ", "), "]")
cat("{\n", paste(sprintf('  "%s": %s', names(out), sapply(out, num)), collapse = ",\n"), "\n}\n", sep = "", file = "changing.json")
