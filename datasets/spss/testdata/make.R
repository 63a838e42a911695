# Writes the fixtures of this folder and, as haven reads them back, what a reader
# must find in them: cells.json. Run here: Rscript make.R
# R 4.2, haven 2.5.1 (ReadStat), jsonlite 1.8.4, PSPP 1.6.2.
library(haven)

visits <- tibble::tibble(
  id = c("007", "7", "a b", "\u00e9t\u00e9", "  x"),
  num = c(1.5, -0.1, 1e-300, 8.9e307, NA),
  whole = c(1, 151, -99, NA, 1000000),
  sex = labelled_spss(c(1, 2, 9, 2, 8), c(male = 1, female = 2, "not asked" = 9), na_values = c(8, 9), label = "Sex at birth"),
  pain = labelled(c(0, 10, 5, 3, NA), c("no pain" = 0, "worst" = 10), label = "Pain now"),
  score = labelled_spss(c(20, -1, -99, -3.5, 0), c(refused = -99), na_range = c(-Inf, -1)),
  answer = labelled_spss(c("y", "n", "zz", "", "y"), c(yes = "y", no = "n", unclear = "zz"), na_values = "zz"),
  seen = as.Date(c("2020-02-29", "1899-12-31", "1582-10-15", NA, "2199-12-31")),
  at = as.POSIXct(c("2021-01-02 03:04:05", "1959-12-31 23:59:59", NA, "2024-06-30 12:00:00", "2000-01-01 00:00:00"), tz = "UTC"),
  a_name_that_is_longer_than_eight = c("", "line\nbreak", "quote \"", ",;", strrep("w", 255)),
  very_long = c(strrep("x", 600), "", "short", paste0(strrep("a", 255), strrep("b", 255), strrep("c", 90)), strrep("\u00e9", 300))
)
write_sav(visits, "plain.sav", compress = "none")
write_sav(visits, "byte.sav", compress = "byte")
write_sav(visits, "zlib.zsav", compress = "zsav")
write_sav(visits[0, ], "empty.sav")

# PSPP writes what haven does not: the other date formats, ranges with a value,
# labels of long texts, a file in Windows-1252.
syntax <- "
SET LOCALE='windows-1252'.
DATA LIST LIST (',') /name (A20) n (F8.2) d (EDATE10) t (TIME8) m (MOYR8) q (QYR6) w (WKYR8) s (DATETIME20).
BEGIN DATA
caf\u00e9,1.5,1.2.2020,12:30:00,MAR 2010,4 Q 2010,6 WK 2010,01-JAN-2020 10:11:12
none,-5,29.2.2000,0:00:01,DEC 1999,1 Q 1999,53 WK 2010,31-DEC-1999 23:59:59
,7,,,,,,
END DATA.
VARIABLE LABELS name 'Who it is: \u00fc' n 'A number'.
VALUE LABELS n -9 'no answer' 7 'seven' /name 'none' 'nobody' 'cafe' 'a house'.
MISSING VALUES n (-9 THRU -5, 7) /name ('none').
SAVE OUTFILE='%s' /%s.
"
run <- function(out, how) {
  file <- tempfile(fileext = ".sps")
  writeLines(iconv(sprintf(syntax, out, how), "UTF-8", "windows-1252"), file, useBytes = TRUE)
  stopifnot(system2("pspp", c("-b", "--syntax-encoding=windows-1252", file)) == 0)
}
run("pspp.sav", "COMPRESSED")
run("pspp.zsav", "ZCOMPRESSED")
run("pspp-plain.sav", "UNCOMPRESSED")

text <- function(x) {
  out <- if (is.character(x)) unclass(x)
    else if (inherits(x, "Date")) format(x, "%Y-%m-%d")
    else if (inherits(x, "POSIXct")) format(x, "%Y-%m-%dT%H:%M:%S", tz = "UTC")
    else sprintf("%.17g", as.double(x))
  out[is.na(unclass(x))] <- ""
  as.vector(unname(out))
}

describe <- function(x) {
  labels <- attr(x, "labels", exact = TRUE)
  list(
    title = if (is.null(attr(x, "label", exact = TRUE))) "" else attr(x, "label", exact = TRUE),
    labels = if (is.null(labels)) list() else lapply(seq_along(labels), function(i) list(value = text(labels[i]), label = names(labels)[i])),
    missing = as.list(text(attr(x, "na_values"))),
    cells = as.list(text(x))
  )
}

expected <- list()
for (file in sort(list.files(pattern = "[.]z?sav$"))) {
  data <- read_sav(file, user_na = TRUE)
  expected[[file]] <- lapply(names(data), function(n) c(list(name = n), describe(data[[n]])))
}
jsonlite::write_json(expected, "cells.json", auto_unbox = TRUE, pretty = 1, null = "null")
