# Writes the fixtures of this folder and, as haven reads them back, what a reader
# must find in them: cells.json. Run here: Rscript make.R
# R 4.2, haven 2.5.1 (ReadStat), jsonlite 1.8.4.
library(haven)

visits <- tibble::tibble(
  id = c("007", "7", "a b", "\u00e9t\u00e9", "  x "),
  num = c(1.5, -0.1, 1e-300, 8.9e307, NA),
  tagged = c(1, tagged_na("a"), tagged_na("z"), NA, -2.25),
  whole = c(2147483620L, -2147483647L, 0L, NA, 1000000L),
  flag = c(TRUE, FALSE, NA, TRUE, TRUE),
  sex = labelled(c(1, 2, tagged_na("b"), 2, 1), c(male = 1, female = 2, "not asked" = tagged_na("b")), label = "Sex at birth"),
  pain = labelled(c(0, 10, 5, 3, NA), c("no pain" = 0, "worst" = 10), label = "Pain now"),
  seen = as.Date(c("2020-02-29", "1899-12-31", "1960-01-01", NA, "2199-12-31")),
  at = as.POSIXct(c("2021-01-02 03:04:05", "1959-12-31 23:59:59", NA, "2024-06-30 12:00:00", "2000-01-01 00:00:00"), tz = "UTC"),
  words = c("", "line\nbreak", "quote \"", ",;", strrep("w", 244))
)
attr(visits$num, "label") <- "A number \u00b5g"
long <- visits
long$strl <- c(strrep("x", 3000), "", "short", strrep("y", 2500), strrep("x", 3000))

versions <- c("114" = 10, "115" = 12, "117" = 13, "118" = 14, "119" = 15)
for (release in names(versions)) {
  data <- if (release >= "117") long else visits
  # ReadStat does not decode long strings of 117, so only later ones have an accent there.
  if (release >= "118") data$strl[4] <- strrep("\u00e9", 2500)
  write_dta(data, paste0("v", release, ".dta"), version = versions[[release]])
}
write_dta(visits[0, ], "empty.dta", version = 14)

text <- function(x) {
  out <- if (is.character(x)) x
    else if (inherits(x, "Date")) format(x, "%Y-%m-%d")
    else if (inherits(x, "POSIXct")) format(x, "%Y-%m-%dT%H:%M:%S", tz = "UTC")
    else sprintf("%.17g", as.double(x))
  missing <- is.na(x)
  out[missing] <- ""
  if (is.double(x) && !inherits(x, c("Date", "POSIXct"))) {
    tags <- na_tag(x)
    out[!is.na(tags)] <- paste0(".", tags[!is.na(tags)])
  }
  unname(out)
}

describe <- function(x) {
  labels <- attr(x, "labels")
  list(
    title = if (is.null(attr(x, "label"))) "" else attr(x, "label"),
    labels = if (is.null(labels)) list() else lapply(seq_along(labels), function(i) list(value = text(labels[i]), label = names(labels)[i])),
    cells = text(x)
  )
}

expected <- list()
for (file in sort(list.files(pattern = "[.]dta$"))) {
  data <- read_dta(file)
  expected[[file]] <- lapply(names(data), function(n) c(list(name = n), describe(zap_formats(data[[n]]))))
}
jsonlite::write_json(expected, "cells.json", auto_unbox = TRUE, pretty = 1, null = "null")
