package work

import (
	"math"
	"testing"
)

// madePaths are paths of n patients with a change about every hundred days in the first
// 400, each followed for 30 to 400 days.
func madePaths(n int) []Path {
	u := uint64(3)
	next := func() float64 {
		u = u*6364136223846793005 + 1442695040888963407
		return float64(u>>11) / (1 << 53)
	}
	out := make([]Path, n)
	for i := range out {
		p := Path{From: []float64{0}, State: []int{int(next() * 4)}, End: 30 + math.Floor(next()*371)}
		for day := math.Ceil(-100 * math.Log(next())); day <= p.End; day += math.Ceil(-100 * math.Log(next())) {
			p.From, p.State = append(p.From, day), append(p.State, (p.State[len(p.State)-1]+1+int(next()*3))%4)
		}
		out[i] = p
	}
	return out
}

func BenchmarkStateOccupation10k(b *testing.B) {
	paths := madePaths(10_000)
	for b.Loop() {
		StateOccupation(paths, 4, 365, false)
	}
}
