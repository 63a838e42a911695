package quality

import "math"

// Display is a variable life-adjusted display: how many events fewer than expected
// there have been, case by case.
type Display struct {
	Sum       []float64 // after each case: Σ (risk - event)
	Low, High []float64 // where the sum lies by chance with 95 % at that case, not over all of them
	Variance  []float64 // of the sum: Σ risk (1 - risk)
}

// VLAD returns the display of events (0 or 1) with the risks of each case before it
// was treated:
//
//	V_i = Σ (p_j - y_j),  Var V_i = Σ p_j (1 - p_j)
//
// Up is fewer events than expected. The band holds at one case that was chosen
// beforehand; looked at case after case a sum of chance leaves it sooner or later, so
// it signals nothing: the CUSUM does. A case with a missing event or risk is passed
// over.
//
// R: cumsum(p - y); vlad::eo. Lovegrove and others 1997, Lancet 350:1128.
func VLAD(events, risks []float64) Display {
	var d Display
	sum, variance := 0.0, 0.0
	for i, y := range events {
		if p := risks[i]; !math.IsNaN(y - p) {
			sum += p - y
			variance += float64(p * (1 - p))
		}
		half := 1.959963984540054 * math.Sqrt(variance)
		d.Sum, d.Variance = append(d.Sum, sum), append(d.Variance, variance)
		d.Low, d.High = append(d.Low, -half), append(d.High, half)
	}
	return d
}
