// Package impute answers questions in spite of missing values, under named assumptions
// about them. It completes a cohort many times over, runs any analysis of the catalog on
// each completed cohort and pools what it finds.
package impute
