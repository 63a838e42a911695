// Package datasets reads de-identified cohort data into Arrow tables.
//
// A cohort is described by one file, its [Dictionary]: which files hold which
// tables, what each column means (its role, type, unit, instrument, levels and
// missing codes), which arms and visits there are. [Load] reads the files as
// the dictionary types them, checks every cell, and returns an immutable
// [Cohort], or every [Problem] it found at once.
//
// Arrow stops here: other packages take the slices that [Cohort] and [Table]
// hand out, aligned by patient or by row, with NaN or -1 for missing.
package datasets
