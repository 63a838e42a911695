# Interval-censored times by plain self-consistency, to the last digit: Rscript turnbull.R
# Visits of 60 made-up patients at their own days; every seventh is never seen to have
# the event, every eleventh is known to the day.
i <- 1:60
gap <- 5 + (i * 7) %% 11
time <- 4 + (i * i * 13) %% 97
L <- gap * floor((time - 1e-9) / gap); R <- L + gap
R[i %% 7 == 0] <- Inf
exact <- i %% 11 == 0; L[exact] <- R[exact] <- time[exact]
# innermost intervals: every left end that a right end follows at once
at <- c(L, R); kind <- c(ifelse(L == R, -1, 1), rep(0, 60))
o <- order(at, kind); at <- at[o]; kind <- kind[o]
k <- which(kind[-1] == 0 & kind[-length(kind)] != 0)
q <- at[k]; p <- at[k + 1]
A <- outer(seq_along(L), seq_along(q), Vectorize(function(a, j) {
  if (L[a] == R[a]) as.numeric(q[j] == L[a] && p[j] == L[a]) else as.numeric(L[a] <= q[j] && p[j] <= R[a] && !(q[j] == p[j] && q[j] == L[a]))
}))
m <- rep(1 / length(q), length(q))
for (n in 1:200000) m <- m * colSums(A / as.vector(A %*% m)) / nrow(A)
write.csv(data.frame(left = L, right = R), "turnbull.csv", row.names = FALSE, quote = FALSE)
num <- function(x) paste(ifelse(is.finite(x), sprintf("%.15g", x), "1e300"), collapse = ", ")
writeLines(sprintf('{"left": [%s],\n "right": [%s],\n "mass": [%s],\n "loglik": [%s]}', num(q), num(p), num(m), num(sum(log(A %*% m)))), "turnbull.json")
