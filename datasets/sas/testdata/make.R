# Writes the fixtures of this folder and, as haven reads them back, what a reader
# must find in them: cells.json. Run here: Rscript make.R
# R 4.2, haven 2.5.1 (ReadStat), jsonlite 1.8.4.
library(haven)

visits <- tibble::tibble(
  id = c("007", "7", "a b", "plain", "  x"),
  num = c(1.5, -0.1, 1e-70, 7e70, NA),
  tagged = c(1, tagged_na("A"), tagged_na("Z"), NA, -2.25),
  whole = c(1, 151, -99, NA, 1000000),
  third = c(1 / 3, 2 / 3, 1e15 + 0.5, 123456789.123456789, -1e-5),
  flag = c(TRUE, FALSE, NA, TRUE, TRUE),
  seen = as.Date(c("2020-02-29", "1899-12-31", "1960-01-01", NA, "2199-12-31")),
  at = as.POSIXct(c("2021-01-02 03:04:05", "1959-12-31 23:59:59", NA, "2024-06-30 12:00:00", "2000-01-01 00:00:00"), tz = "UTC"),
  words = c("", "line\nbreak", "quote \"", ",;", strrep("w", 200))
)
attr(visits$num, "label") <- "A number"
long <- visits
long$a_name_of_more_than_eight <- c("\u00e9", "", strrep("l", 300), "x", "y")
attr(long$a_name_of_more_than_eight, "label") <- paste("A label of more than forty characters,", strrep("v", 60))

write_xpt(visits, "v5.xpt", version = 5, name = "VISITS")
write_xpt(long, "v8.xpt", version = 8, name = "VISITS_OF_ALL_PATIENTS")
write_xpt(visits[0, ], "empty.xpt", version = 5, name = "EMPTY")
write_xpt(visits[c("whole", "flag")], "narrow.xpt", version = 5, name = "NARROW")

text <- function(x) {
  out <- if (is.character(x)) x
    else if (inherits(x, "Date")) format(x, "%Y-%m-%d")
    else if (inherits(x, "POSIXct")) format(x, "%Y-%m-%dT%H:%M:%S", tz = "UTC")
    else sprintf("%.17g", as.double(x))
  out[is.na(unclass(x))] <- ""
  if (is.double(x) && !inherits(x, c("Date", "POSIXct"))) {
    tags <- na_tag(x)
    out[!is.na(tags)] <- paste0(".", toupper(tags[!is.na(tags)]))
  }
  as.list(unname(out))
}

expected <- list()
for (file in sort(list.files(pattern = "[.]xpt$"))) {
  data <- read_xpt(file)
  expected[[file]] <- lapply(names(data), function(n) {
    label <- attr(data[[n]], "label", exact = TRUE)
    list(name = n, title = if (is.null(label)) "" else label, cells = text(zap_label(data[[n]])))
  })
}
jsonlite::write_json(expected, "cells.json", auto_unbox = TRUE, pretty = 1, null = "null")
