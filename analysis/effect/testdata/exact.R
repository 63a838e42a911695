# Numbers of base R for exact and rank methods: Rscript exact.R > exact.json
u <- UCBAdmissions # Admit x Gender x Dept
A <- aperm(u, c(2, 1, 3)) # gender by admission
m <- mantelhaen.test(A, exact = TRUE)
# Three small strata, as events and patients of arm and reference
small <- array(c(4, 1, 6, 9, 3, 2, 2, 8, 0, 1, 5, 4), c(2, 2, 3))
s <- mantelhaen.test(small, exact = TRUE)
# R finds its roots to 1e-4 alone; these are the same equations to 1e-14.
tight <- function(A) {
  w <- 1; at <- 0
  for (i in seq_len(dim(A)[3])) {
    n1 <- sum(A[1, , i]); n2 <- sum(A[2, , i]); k <- sum(A[, 1, i]); s <- max(0, k - n2):min(k, n1)
    at <- at + A[1, 1, i] - s[1]
    d <- dhyper(s, n1, n2, k); v <- numeric(length(w) + length(d) - 1)
    for (j in seq_along(d)) v[j - 1 + seq_along(w)] <- v[j - 1 + seq_along(w)] + d[j] * w
    w <- v
  }
  s <- seq_along(w) - 1; l <- log(w)
  p <- function(t) { v <- l + s * t; v <- exp(v - max(v)); v / sum(v) }
  r <- function(f) exp(uniroot(f, c(-12, 12), tol = 1e-15)$root)
  c(r(function(t) sum(s * p(t)) - at), r(function(t) sum(p(t)[s >= at]) - .025), r(function(t) sum(p(t)[s <= at]) - .025))
}
one <- function(x1, n1, x2, n2) array(c(x1, x2, n1 - x1, n2 - x2), c(2, 2, 1))
g <- glm(cbind(c(4, 1, 3, 2, 0, 1), c(6, 9, 2, 8, 5, 4)) ~ rep(c(1, 0), 3) + factor(rep(1:3, each = 2)), binomial, control = glm.control(epsilon = 1e-14, maxit = 100))
cc <- mantelhaen.test(small)
change <- c(1.2, -0.4, 3, 2.5, -1, 0.7, 4.1, -2.2, 5)
tied <- c(1, 1, -1, 2, 0, 3, -2, 2, 4, 0, 5)
w1 <- wilcox.test(change, exact = TRUE)
w2 <- suppressWarnings(wilcox.test(tied, exact = FALSE))
# Exact p of tied ranks by going through all signs
x <- tied[tied != 0]; r <- rank(abs(x)); v <- sum(r[x > 0])
all <- as.matrix(expand.grid(rep(list(0:1), length(r)))) %*% r
exact <- min(1, 2 * min(mean(all <= v + 1e-9), mean(all >= v - 1e-9)))
f <- function(v) paste0("[", paste(format(v, digits = 15, trim = TRUE), collapse = ", "), "]")
out <- list(
  ucb = c(tight(A), m$p.value),
  small = c(tight(small), s$p.value),
  newcombe1 = tight(one(56, 70, 48, 80)), newcombe2 = tight(one(9, 10, 3, 10)), newcombe3 = tight(one(6, 7, 2, 7)),
  small_logit = c(coef(g)[2], sqrt(vcov(g)[2, 2])),
  small_corrected = c(cc$statistic, cc$p.value),
  ranks = c(w1$statistic, w1$p.value),
  ranks_tied = c(w2$statistic, w2$p.value, exact))
cat("{\n", paste0('  "', names(out), '": ', sapply(out, f), collapse = ",\n"), "\n}\n", sep = "")
