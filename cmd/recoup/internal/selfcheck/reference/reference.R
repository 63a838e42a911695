# Makes reference.json: numbers that no analysis's own script has. R 4.2.2, metafor 3.8-1.
# Run in this folder: Rscript reference.R
library(metafor)
out <- list()
put <- function(name, ...) out[[name]] <<- unname(c(...))
put("power_t", power.t.test(delta = 0.5, sd = 1, power = 0.8, strict = TRUE, tol = 1e-12)$n)
put("power_prop", power.prop.test(p1 = 0.3, p2 = 0.5, power = 0.8, strict = TRUE, tol = 1e-12)$n)
# The BCG vaccine trials of Colditz et al. 1994, as metafor has them.
d <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
m <- rma(yi, vi, data = d, method = "REML", control = list(threshold = 1e-12, maxiter = 1000))
h <- rma(yi, vi, data = d, method = "DL", test = "knha")
put("bcg", m$beta, m$se, m$tau2, h$beta, h$se)
num <- function(v) paste0("[", paste(format(v, digits = 17, trim = TRUE, scientific = NA), collapse = ", "), "]")
writeLines(c("{", paste0("  \"", names(out), "\": ", sapply(out, num), c(rep(",", length(out) - 1), "")), "}"), "reference.json")
