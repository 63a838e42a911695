package lanes

// Weighted sets dst[i] to a·x[i] + b·y[i], each product rounded. It may be in place.
func Weighted(dst []float64, a float64, x []float64, b float64, y []float64) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i := weightedEights(dst, a, x, b, y); i < n; i++ {
		dst[i] = float64(a*x[i]) + float64(b*y[i])
	}
}

// AddProduct adds (a·x[i])·y[i] to dst[i], each product rounded.
func AddProduct(dst []float64, a float64, x, y []float64) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i := addProductEights(dst, a, x, y); i < n; i++ {
		dst[i] += float64(float64(a*x[i]) * y[i])
	}
}

// Clamp sets x[i] to lo where it is less and to hi where it is more.
func Clamp(x []float64, lo, hi float64) {
	for i := clampEights(x, lo, hi); i < len(x); i++ {
		if x[i] < lo {
			x[i] = lo
		}
		if x[i] > hi {
			x[i] = hi
		}
	}
}

// Pick returns the places where x[i] > over[i], in order, in the memory of list, which
// must have room for all.
func Pick(list []int32, x, over []float64) []int32 {
	n := min(len(list), len(x), len(over))
	list, x, over = list[:n], x[:n], over[:n]
	done, found := pickEights(list, x, over)
	for i := done; i < n; i++ {
		list[found] = int32(i)
		if x[i] > over[i] {
			found++
		}
	}
	return list[:found]
}
