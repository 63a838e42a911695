package fit

// Rising returns the positions of values from the smallest on, those of equal values in
// their order, by a sort on digits. Missing values are not allowed.
func Rising(x []float64) []int32 { return rising(x) }
