# Makes reliable.json: indices, cut-offs and classes of the five methods of reliable
# change for ten patients, from the published formulas. Base R 4.2.2.
# Run in this folder: Rscript reliable.R
pre <- c(52, 47, 61, 38, 55, 44, 58, 49, 63, 41); post <- c(31, 45, 37, 39, 22, 48, 43, 25, 60, 18) # lower is better
r <- .82; r2 <- .74; norm <- 24; norm_sd <- 7
D <- post - pre; M <- mean(pre); M2 <- mean(post)
out <- list(); put <- function(name, x) out[[name]] <<- unname(x)
# s: the SD before from which the error of measurement is taken, own or of a like population
for (case in c("own", "like")) {
  s <- if (case == "own") sd(pre) else 10.5
  sem <- s * sqrt(1 - r)
  true <- r * pre + (1 - r) * M # Kelley's regressed true score
  jt <- D / sqrt(2 * sem^2) # Jacobson and Truax 1991
  en <- (post - true) / sem # Edwards and others 1978, as Speer 1992 gives it
  gln <- (post - true) / (s * sqrt(1 - r^2)) # Hsu 1989, 1995: standard error of prediction
  nk <- (post - true) / sqrt(r^2 * s^2 * (1 - r) + s^2 * (1 - r2)) # Nunnally and Kotsch 1983
  # Hageman and Arrindell 1999: one error of measurement for both occasions, so that the
  # variance of change is true variance and twice that of the error
  rdd <- (var(D) - 2 * sem^2) / var(D)
  ha <- (D * rdd + mean(D) * (1 - rdd)) / (sqrt(rdd) * sqrt(2 * sem^2))
  # improvement from the mean before at which that index is 1.65
  put(paste0("points_hageman-arrindell_", case), (1.65 * sqrt(rdd) * sqrt(2) * sem + mean(D) * (1 - rdd)) / rdd)
  rpost <- (var(post) - sem^2) / var(post)
  st <- sqrt(s^2 - sem^2); nt <- sqrt(norm_sd^2 - sem^2) # of true scores
  put(paste0("jacobson-truax_", case), jt); put(paste0("edwards-nunnally_", case), en)
  put(paste0("gulliksen-lord-novick_", case), gln); put(paste0("nunnally-kotsch_", case), nk)
  put(paste0("hageman-arrindell_", case), ha)
  cut <- c(M - 2 * s, norm + 2 * norm_sd, (s * norm + norm_sd * M) / (s + norm_sd))
  cut_true <- c(M - 2 * st, norm + 2 * nt, (st * norm + nt * M) / (st + nt))
  put(paste0("cut_", case), cut); put(paste0("cut_true_", case), cut_true)
  # individual index of clinical significance against cut-off c, and classes by it:
  # 0 unchanged, 1 recovered, 2 improved, 3 deteriorated
  cs <- (M2 + (post - M2) * rpost - cut_true[3]) / (sqrt(rpost) * sem)
  class <- function(index, crit, past, cutoff) ifelse(index < -crit, ifelse(past & pre > cutoff, 1, 2), ifelse(index > crit, 3, 0))
  put(paste0("class_nunnally-kotsch_", case), class(nk, 1.96, post < cut[3], cut[3]))
  put(paste0("class_gulliksen-lord-novick_", case), class(gln, 1.96, post < cut[3], cut[3]))
  put(paste0("class_hageman-arrindell_", case), class(ha, 1.65, cs < -1.65, cut_true[3]))
}
f <- function(x) paste0("[", paste(formatC(x, digits = 16, format = "g", width = 1), collapse = ", "), "]")
writeLines(c("{", paste0('  "', names(out), '": ', sapply(out, f), c(rep(",", length(out) - 1), "")), "}"), "reliable.json")
