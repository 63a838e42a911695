# Reference numbers for the survival kernels, from R's survival package.
# Run in this folder: Rscript km.R > km.json
# The data km.csv have ties of events with events and with censorings, and more
# censorings than events.
suppressPackageStartupMessages(library(survival))
num <- function(x) paste0("[", paste(ifelse(is.na(x), "null", formatC(x, digits = 17, format = "g")), collapse = ", "), "]")
out <- character()
put <- function(name, x) out <<- c(out, sprintf("  \"%s\": %s", name, num(unname(x))))
d <- read.csv("km.csv")
grid <- c(5, 12, 21, 50, 75, 90)
for (type in c("log", "log-log", "plain")) {
  f <- survfit(Surv(time, event) ~ 1, d, conf.type = type)
  s <- summary(f, times = grid)
  q <- quantile(f, c(.25, .5))
  put(paste0(type, " lower"), s$lower); put(paste0(type, " upper"), s$upper)
  put(paste0(type, " quantile"), q$quantile); put(paste0(type, " quantile lower"), q$lower)
  put(paste0(type, " quantile upper"), q$upper)
}
put("time", grid); put("n.risk", s$n.risk); put("surv", s$surv); put("se", s$std.err)
r <- summary(survfit(Surv(time, event) ~ 1, d), rmean = 60)$table
put("rmean60", r[c("rmean", "se(rmean)")])
l <- survdiff(Surv(time, event) ~ arm, d)
put("logrank", c(l$obs[1], l$exp[1], l$var[1, 1], l$chisq, pchisq(l$chisq, 1, lower.tail = FALSE)))
cat("{\n", paste(out, collapse = ",\n"), "\n}\n", sep = "")
