# Writes the same cells as CSV, Stata, SPSS and SAS transport files, which must
# give the same digest under one dictionary. Run here: Rscript make.R
# R 4.2, haven 2.5.1 (ReadStat).
library(haven)

n <- 60
set.seed(1)
pain <- round(runif(n, 0, 10), 1)
score <- rnorm(n) * 10^sample(-5:5, n, TRUE)
refused <- seq_len(n) %% 7 == 0
absent <- seq_len(n) %% 11 == 0
sex <- rep(c(1, 2), length.out = n)
seen <- as.Date("2019-12-20") + seq_len(n)
at <- as.POSIXct("2020-02-28 23:59:00", tz = "UTC") + seq_len(n) * 61
count <- as.integer(seq_len(n) * 1000003)

cohort <- function(pain, sex) tibble::tibble(
  id = sprintf("%03d", (seq_len(n) + 1) %/% 2), visit = rep(c("entry", "end"), length.out = n),
  pain = pain, score = replace(score, absent, NA), count = replace(count, absent, NA), sex = sex,
  seen = replace(seen, absent, NA), at = at, note = ifelse(absent, "", paste("seen by", letters[seq_len(n) %% 26 + 1]))
)
labels <- c(male = 1, female = 2)
hole <- replace(pain, absent, NA)

stata <- cohort(replace(hole, refused, tagged_na("a")), labelled(sex, labels))
write_dta(stata, "same114.dta", version = 10)
write_dta(stata, "same.dta", version = 14)
spss <- cohort(labelled_spss(replace(hole, refused, -99), c("refused" = -99), na_values = -99), labelled(sex, labels))
write_sav(spss, "same.sav", compress = "byte")
write_sav(spss, "same.zsav", compress = "zsav")
sas <- cohort(replace(hole, refused, tagged_na("A")), sex)
write_xpt(sas, "same.xpt", version = 8, name = "SAME")
write_xpt(sas, "same5.xpt", version = 5, name = "SAME")

comma <- function(x) chartr(".", ",", sprintf("%.17g", x))
write <- function(x, missing = "") ifelse(is.na(x), missing, x)
text <- cohort(pain, sex)
text$pain <- ifelse(absent & !refused, "", ifelse(refused, "-99", comma(pain)))
text$score <- ifelse(absent, "", comma(text$score))
text$count <- ifelse(absent, "", sprintf("%d", text$count))
text$seen <- write(format(text$seen, "%d/%m/%Y"))
text$at <- format(text$at, "%Y-%m-%dT%H:%M:%S", tz = "UTC")
write.table(text, "same.csv", sep = ";", row.names = FALSE, quote = FALSE)
