# Makes variants.json from trial.csv: reference numbers of the further methods of
# package effect. Base R 4.2.2 and metafor 3.8.1; formulas without an R function
# are written out here. Run in this folder: Rscript variants.R
suppressPackageStartupMessages(library(metafor))
d <- read.csv("trial.csv"); cc <- d[!is.na(d$after), ]
x <- cc[cc$arm == "program", ]; y <- cc[cc$arm == "usual", ]
out <- list(); put <- function(name, ...) out[[name]] <<- unname(c(...))
# percent change
px <- 100 * (x$after - x$base) / x$base; py <- 100 * (y$after - y$base) / y$base
o <- t.test(px); put("mean_of_percentages", o$estimate, o$stderr, o$conf.int)
w <- t.test(px, py); put("difference_of_percentages", w$estimate[1] - w$estimate[2], w$stderr, w$parameter, w$p.value, w$conf.int)
rom <- escalc("ROM", m1i = mean(x$after), sd1i = sd(x$after), n1i = nrow(x), m2i = mean(y$after), sd2i = sd(y$after), n2i = nrow(y))
put("ratio_at_visit", exp(rom$yi), exp(rom$yi) * sqrt(rom$vi), exp(rom$yi + c(-1, 1) * qnorm(.975) * sqrt(rom$vi)))
w <- t.test(x$after, y$after); put("difference_at_visit", w$estimate[1] - w$estimate[2], w$stderr, w$parameter, w$p.value, w$conf.int)
# order: Brunner-Munzel written out, Wilcoxon by R
cx <- round(x$after - x$base, 9); cy <- round(y$after - y$base, 9); n1 <- length(cx); n2 <- length(cy)
R <- rank(c(cx, cy)); Rx <- R[1:n1]; Ry <- R[-(1:n1)]
th <- (mean(Rx) - (n1 + 1) / 2) / n2
v1 <- var(Rx - rank(cx)) / (n1 * n2^2); v2 <- var(Ry - rank(cy)) / (n2 * n1^2)
df <- (v1 + v2)^2 / (v1^2 / (n1 - 1) + v2^2 / (n2 - 1)); t0 <- (th - .5) / sqrt(v1 + v2)
put("brunner_munzel", th, sqrt(v1 + v2), df, t0, 2 * pt(-abs(t0), df), th + c(-1, 1) * qt(.975, df) * sqrt(v1 + v2))
nm <- function(t) abs(t - th) - qnorm(.975) * sqrt(t * (1 - t) / n1 / n2 * (1 + ((n1 + n2) / 2 - 1) * ((1 - t) / (2 - t) + t / (1 + t))))
put("newcombe_5", uniroot(nm, c(1e-9, th), tol = 1e-14)$root, uniroot(nm, c(th, 1 - 1e-9), tol = 1e-14)$root)
wx <- wilcox.test(cx, cy, exact = FALSE, correct = FALSE); put("wilcoxon", wx$statistic, wx$p.value)
# responders of 30 percent within sites
g <- ifelse(is.na(d$after), 0, 100 * (d$base - d$after) / d$base >= 30 - 1e-9)
tab <- function(s, a) { k <- d$site == s & d$arm == a; c(sum(g[k]), sum(k)) }
S <- t(sapply(unique(d$site), function(s) c(tab(s, "program"), tab(s, "usual"))))
mh <- function(m) { r <- rma.mh(ai = S[, 1], n1i = S[, 2], ci = S[, 3], n2i = S[, 4], measure = m, correct = FALSE, drop00 = FALSE, add = 0, to = "none"); c(r$beta, r$se) }
put("mh_rd", mh("RD")); put("mh_rr", mh("RR")); put("mh_or", mh("OR"))
A <- array(rbind(S[, 1], S[, 3], S[, 2] - S[, 1], S[, 4] - S[, 3]), c(2, 2, nrow(S)))
put("cmh_p", mantelhaen.test(A, correct = FALSE)$p.value)
# reliable change of both arms together, reliability .85, norm 2 (1.5), lower is better
p <- cc$base; q <- cc$after; m <- mean(p); s <- sd(p); r <- .85; sem <- s * sqrt(1 - r); b <- m + r * (p - m)
sv <- sd(q); rv <- (sv^2 - sem^2) / sv^2
rd <- (s^2 - sem^2 + sv^2 - sem^2 - 2 * s * sv * cor(p, q)) / (s^2 + sv^2 - 2 * s * sv * cor(p, q))
ix <- list(jt = (q - p) / (sqrt(2) * sem), en = (q - b) / sem, gln = (q - b) / (s * sqrt(1 - r^2)),
  nk = (q - b) / (s * sqrt(r^2 * (1 - r) + 1 - r)), ha = (rd * (q - p) + (1 - rd) * (mean(q) - m)) / (sqrt(rd) * sqrt(2) * sem))
crit <- c(jt = 1.96, en = 2, gln = 1.96, nk = 1.96, ha = 1.65)
cut <- (s * 2 + 1.5 * m) / (s + 1.5)
st <- sqrt(s^2 - sem^2); nt <- sqrt(1.5^2 - sem^2); cha <- (st * 2 + nt * m) / (st + nt)
for (k in names(ix)) {
  co <- if (k == "ha") cha else cut
  past <- if (k == "ha") -(mean(q) + (q - mean(q)) * rv - cha) / (sqrt(rv) * sem) > 1.65 else q < co
  rec <- -ix[[k]] > crit[k] & past & p > co; imp <- -ix[[k]] > crit[k] & !rec; det <- ix[[k]] > crit[k]
  put(paste0("reliable_", k), sum(rec[cc$arm == "program"]), sum(imp[cc$arm == "program"]), sum(det[cc$arm == "program"]), sum(rec[cc$arm == "usual"]), sum(imp[cc$arm == "usual"]), sum(det[cc$arm == "usual"]), co)
}
# standardised differences of the visit's values, every variant
m1 <- mean(x$after); m2 <- mean(y$after); s1 <- sd(x$after); s2 <- sd(y$after)
es <- function(m, ...) { e <- escalc(m, m1i = m1, sd1i = s1, n1i = n1, m2i = m2, sd2i = s2, n2i = n2, ...); c(e$yi, sqrt(e$vi)) }
put("smd_ls", es("SMD", vtype = "LS")); put("smd_ub", es("SMD", vtype = "UB")); put("smdh", es("SMDH")); put("smd1", es("SMD1"))
e <- escalc("SMD1", m1i = m2, sd1i = s2, n1i = n2, m2i = m1, sd2i = s1, n2i = n1); put("smd1_arm", -e$yi, sqrt(e$vi))
pp <- function(m, ...) { e <- escalc(m, m1i = mean(x$after), m2i = mean(x$base), ni = nrow(x), ri = cor(x$base, x$after), ...); c(e$yi, sqrt(e$vi)) }
put("smcc", pp("SMCC", sd1i = sd(x$after), sd2i = sd(x$base))); put("smcr", pp("SMCR", sd1i = sd(x$base))); put("smcrh", pp("SMCRH", sd1i = sd(x$base), sd2i = sd(x$after)))
nct <- function(t, df) sapply(c(.975, .025), function(p) uniroot(function(nc) pt(t, df, nc) - p, c(t - 8, t + 8), tol = 1e-13)$root)
J <- function(df) exp(lgamma(df / 2) - log(sqrt(df / 2)) - lgamma((df - 1) / 2))
k <- sqrt(1 / n1 + 1 / n2); put("glass_exact", J(n2 - 1) * k * nct((m1 - m2) / s2 / k, n2 - 1))
n <- nrow(x); sp <- sd(x$base); sq <- sd(x$after); r <- cor(x$base, x$after); mc <- mean(cx); sd2 <- var(cx); j <- J(n - 1)
bonett <- function(s2) { g <- j * mc / sqrt(s2); c(g, j * sqrt(g^2 * (sp^4 + sq^4 + 2 * r^2 * sp^2 * sq^2) / (8 * s2^2 * (n - 1)) + sd2 / (s2 * (n - 1)))) }
put("d_av", bonett((sp^2 + sq^2) / 2))
g <- j * mc / ((sp + sq) / 2); put("d_av_mean", g)
g <- j * mc / sd(cx) * sqrt(2 * (1 - r)); put("d_rm", g, sqrt((1 / n + g^2 / (2 * n)) * 2 * (1 - r)))
# cluster errors, by clubSandwich 0.5.8
suppressPackageStartupMessages({library(clubSandwich); library(sandwich)})
f <- lm(after ~ I(arm == "program") + base + age, cc)
for (k in c("CR0", "CR2")) { v <- vcovCR(f, cluster = cc$site, type = k); ct <- coef_test(f, vcov = v, test = "Satterthwaite"); put(tolower(k), ct$SE[2], if (k == "CR2") ct$df_Satt[2]) }
# standardised responders: glm and the delta method
cc$y <- as.integer(100 * (cc$base - cc$after) / cc$base >= 30 - 1e-9); cc$arm1 <- as.integer(cc$arm == "program")
gl <- glm(y ~ arm1 + base + age, binomial, cc, control = glm.control(epsilon = 1e-14, maxit = 100)); X <- model.matrix(gl); X1 <- X0 <- X; X1[, 2] <- 1; X0[, 2] <- 0
p1 <- plogis(drop(X1 %*% coef(gl))); p0 <- plogis(drop(X0 %*% coef(gl))); g1 <- colMeans(p1 * (1 - p1) * X1); g0 <- colMeans(p0 * (1 - p0) * X0)
for (k in c("model", "HC0", "HC3")) { V <- if (k == "model") vcov(gl) else vcovHC(gl, type = k); put(paste0("gcomp_", k), mean(p1) - mean(p0), sqrt(drop(t(g1 - g0) %*% V %*% (g1 - g0))), coef(gl)[2], sqrt(V[2, 2])) }
# subgroups by site (arms of two and more in each), anchors: age as if it were one
h <- within(cc, {site <- factor(site, unique(d$site)); a <- as.integer(arm == "program")})
fi <- lm(after ~ a * site + base, h); fa <- lm(after ~ a + site + base, h); an <- anova(fa, fi)
put("subgroups", coef(fa)["a"], coef(fi)["a"], coef(fi)["a"] + coef(fi)["a:siteS"], an$F[2], an$`Pr(>F)`[2])
gain <- round(cc$base - cc$after, 9); yes <- cc$age >= 50; lg <- glm(yes ~ gain, binomial, control = glm.control(epsilon = 1e-14)); od <- log(mean(yes) / (1 - mean(yes)))
cuts <- sort(unique(gain)); cuts <- (head(cuts, -1) + tail(cuts, -1)) / 2; yo <- sapply(cuts, function(k) mean(gain[yes] >= k) - mean(gain[!yes] >= k))
pm <- (od - coef(lg)[1]) / coef(lg)[2]
put("anchor", cor(cc$age, gain, method = "spearman"), cuts[which.max(yo)], mean(gain[yes & cc$age <= 55]), pm, pm - (.090 + .103 * cor(gain, yes)) * sd(gain) * od)
b <- x$after - (4 + .8 * (x$base - 4)); ot <- t.test(b); put("beyond", ot$estimate, ot$stderr, ot$conf.int)
z <- (5 - 4) / 1.7; put("by_entry", -.2 * 1.7 * dnorm(z) / pnorm(-z))
num <- function(v) paste0("[", paste(format(v, digits = 17, trim = TRUE, scientific = NA), collapse = ", "), "]")
writeLines(c("{", paste0("  \"", names(out), "\": ", sapply(out, num), c(rep(",", length(out) - 1), "")), "}"), "variants.json")
