# Reference numbers of the tests of Table 1, by base R: Rscript tests.R > tests.json
age <- c(30, 41, 38, 41, 52, 38, 61, 47, 70, 66, 52)
arm <- factor(rep(c("a", "b", "c"), c(4, 3, 4)))
site <- c("N", "N", "S", "E", "N", "S", "S", "E", "E", "S", "E")
o <- oneway.test(age ~ arm, var.equal = TRUE); k <- kruskal.test(age ~ arm)
x <- suppressWarnings(chisq.test(table(arm, site)))
ac <- arm != "b"; two <- droplevels(arm[ac])
a <- age[arm == "a"]; n <- length(a); m <- function(p) mean((a - mean(a))^p)
g1 <- m(3) / m(2)^1.5; g2 <- m(4) / m(2)^2 - 3
f <- function(v) paste0("[", paste(format(v, digits = 15, trim = TRUE), collapse = ", "), "]")
out <- list(three = c(o$statistic, o$p.value, k$statistic, k$p.value, x$statistic, x$p.value),
  shape = c(g1 * sqrt(n * (n - 1)) / (n - 2), ((n + 1) * g2 + 6) * (n - 1) / ((n - 2) * (n - 3))),
  two = c(oneway.test(age[ac] ~ two, var.equal = TRUE)$p.value, kruskal.test(age[ac] ~ two)$p.value,
    suppressWarnings(chisq.test(table(two, site[ac]))$p.value), fisher.test(table(two, site[ac]))$p.value))
cat("{\n", paste0('  "', names(out), '": ', sapply(out, f), collapse = ",\n"), "\n}\n", sep = "")
