# Reference numbers of spells_test.go, from R 4.2 with survival 3.5-3:
# Rscript spells.R, in this folder. Writes spells.csv, people.csv and spells.json.
library(survival)
set.seed(20260302)
states <- c("working", "modified duty", "retired", "off work")
n <- 80
people <- data.frame(id = sprintf("p%02d", 1:n), arm = rep(c("a", "b"), length.out = n), age = round(runif(n, 25, 60)))
q <- rbind(c(0, .2, .12, .68), c(.5, 0, .12, .38), c(0, 0, 0, 0), c(.35, .6, .05, 0)) # where to
rate <- c(.004, .02, 0, .012)
spells <- NULL
for (i in 1:n) {
  end <- ceiling(runif(1, 40, 420)); day <- 0
  state <- sample(4, 1, prob = c(.1, .1, 0, .8))
  while (day <= end) {
    r <- rate[state] * ifelse(people$arm[i] == "b" && state == 4, .6, 1)
    stay <- if (r > 0) ceiling(rexp(1, r)) else 1e6
    spells <- rbind(spells, data.frame(id = people$id[i], from = day, to = min(day + stay - 1, end), status = states[state]))
    day <- day + stay
    if (day <= end) state <- sample(4, 1, prob = q[state, ])
  }
}
write.csv(spells, "spells.csv", row.names = FALSE, quote = FALSE)
write.csv(people, "people.csv", row.names = FALSE, quote = FALSE)
# A transition happens on the first day in the new state; follow-up ends with its last day.
rows <- do.call(rbind, lapply(split(spells, spells$id), function(s) {
  k <- nrow(s)
  data.frame(id = s$id, start = s$from, stop = c(s$from[-1], s$to[k]), from = s$status, event = c(s$status[-1], "censor"))
}))
rows <- rows[rows$stop > rows$start, ]
rows$event <- factor(rows$event, c("censor", states)); rows$from <- factor(rows$from, states)
rows$arm <- people$arm[match(rows$id, people$id)]
out <- list()
f <- survfit(Surv(start, stop, event) ~ 1, rows, id = id, istate = from)
s <- summary(f, times = c(1, 91, 140))
o <- match(states, f$states)
out$share <- as.vector(t(s$pstate[, o])); out$share_se <- as.vector(t(s$std.err[, o]))
t <- summary(f, rmean = 140)$table
out$days <- unname(t[o, "rmean"])
# With influence = TRUE the errors hold that of the shares on day 0, without it they do not.
f <- survfit(Surv(start, stop, event) ~ 1, rows, id = id, istate = from, influence = TRUE)
s <- summary(f, times = c(1, 91, 140)); out$share_se_estimated <- as.vector(t(s$std.err[, o]))
at <- c(0, f$time); k <- which(at < 140)
d <- apply(f$influence.pstate[, k, o], c(1, 3), function(x) sum(x * diff(c(at[k], 140)))); out$days_se <- sqrt(colSums(d^2))
# Relapses: work and modified duty are one state.
spells$at <- spells$status %in% c("working", "modified duty")
work <- do.call(rbind, lapply(split(spells, spells$id), function(s) {
  r <- rle(s$at); last <- cumsum(r$lengths); first <- last - r$lengths + 1
  w <- which(r$values)
  if (!length(w)) return(NULL)
  nxt <- last[w] + 1
  data.frame(id = s$id[1], start = s$from[first[w]], stop = s$to[last[w]] + 1, relapse = nxt <= nrow(s) & s$status[pmin(nxt, nrow(s))] == "off work", number = seq_along(w))
}))
work$arm <- people$arm[match(work$id, people$id)]; work$age <- people$age[match(work$id, people$id)]
ctl <- coxph.control(eps = 1e-13, iter.max = 60)
work$k <- pmin(work$number, 2)
for (m in c("ag", "total", "gap")) {
  fit <- switch(m,
    ag = coxph(Surv(start, stop, relapse) ~ I(arm == "a") + age, work, cluster = id, control = ctl),
    total = coxph(Surv(start, stop, relapse) ~ I(arm == "a") + age + strata(k), work, cluster = id, control = ctl),
    gap = coxph(Surv(stop - start, relapse) ~ I(arm == "a") + age + strata(k), work, cluster = id, control = ctl))
  out[[m]] <- unname(coef(fit)); out[[paste0(m, "_se")]] <- unname(sqrt(diag(fit$var)))
}
whole <- do.call(rbind, lapply(split(spells, spells$id), function(s) {
  e <- work$stop[work$id == s$id[1] & work$relapse]; end <- max(s$to) + 1
  data.frame(id = s$id[1], start = c(0, e), stop = c(e, end), relapse = c(rep(1, length(e)), 0))
}))
whole <- whole[whole$stop > whole$start, ]
g <- survfit(Surv(start, stop, relapse) ~ 1, whole, id = id)
s <- summary(g, times = c(91, 140)); out$mcf <- s$cumhaz; out$mcf_se <- s$std.chaz
writeLines(jsonlite::toJSON(out, digits = I(17), pretty = TRUE), "spells.json")
