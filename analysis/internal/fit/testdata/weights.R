# Reference numbers for case weights, from R's survival package.
# Run in this folder: Rscript weights.R > weights.json
# The data are km.csv, with weights 0.5, 1, 1.5, 2 in the order of the rows, again and
# again, and a covariate x of the row number modulo 7.
suppressPackageStartupMessages(library(survival))
num <- function(x) paste0("[", paste(ifelse(is.na(x), "null", formatC(x, digits = 17, format = "g")), collapse = ", "), "]")
out <- character()
put <- function(name, x) out <<- c(out, sprintf("  \"%s\": %s", name, num(unname(x))))
d <- read.csv("km.csv")
i <- seq_len(nrow(d)) - 1
d$w <- (i %% 4 + 1) / 2
d$x <- i %% 7
d$id <- i
grid <- c(5, 12, 21, 50, 75, 90)
f <- survfit(Surv(time, event) ~ 1, d, weights = w, robust = TRUE)
s <- summary(f, times = grid)
put("time", grid); put("surv", s$surv); put("se", s$std.err); put("lower", s$lower); put("upper", s$upper)
q <- quantile(f, c(.25, .5))
put("quantile", q$quantile); put("quantile lower", q$lower); put("quantile upper", q$upper)
k <- coxph(Surv(time, event) ~ x + arm, d, weights = w, robust = TRUE, control = coxph.control(eps = 1e-14))
put("coef", coef(k)); put("robust", sqrt(diag(k$var))); put("model", sqrt(diag(k$naive.var)))
z <- cox.zph(k, "identity")$table
put("zph", z[, "chisq"])
put("concordance", c(concordance(k)$concordance, sqrt(concordance(k)$var)))
cat("{\n", paste(out, collapse = ",\n"), "\n}\n", sep = "")
