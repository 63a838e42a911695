package synthetic

import (
	"math"

	"recoup/simulate/stream"
)

// dose is one dispensed prescription, or the register's word that nothing was
// supplied. Quantity -1 is a missing quantity.
type dose struct {
	day        int
	product    product
	quantity   int
	days       int
	indication string
	none       bool
}

// nothing says that no opioid was supplied for so many days. Without it a day that
// no supply covers is unknown, not free of opioids.
func nothing(day, days int) dose {
	return dose{day: day, product: product{drug: "morphine", route: "oral", unit: "mg"}, days: days, indication: "pain", none: true}
}

// product is one medicine. Factor is what CDC 2022 multiplies its daily dose by;
// a test holds it to the conversion table.
type product struct {
	drug, route, unit string
	strength          float64
	factor            float64
	patch             bool // worn three days
}

var (
	weakProducts   = []product{{"tramadol", "oral", "mg", 50, 0.2, false}, {"hydrocodone", "oral", "mg", 5, 1, false}, {"oxycodone", "oral", "mg", 5, 1.5, false}}
	middleProducts = []product{{"hydrocodone", "oral", "mg", 10, 1, false}, {"oxycodone", "oral", "mg", 10, 1.5, false}, {"tapentadol", "oral", "mg", 100, 0.4, false}, {"morphine", "oral", "mg", 15, 1, false}}
	strongProducts = []product{{"oxycodone", "oral", "mg", 20, 1.5, false}, {"morphine", "oral", "mg", 60, 1, false}, {"hydromorphone", "oral", "mg", 4, 5, false}, {"methadone", "oral", "mg", 10, 4.7, false}, {"fentanyl", "transdermal", "mcg/h", 25, 2.4, true}}
	breakthrough   = product{"oxycodone", "oral", "mg", 5, 1.5, false}
	agonist        = product{"buprenorphine", "sublingual", "mg", 8, math.NaN(), false}
)

// units is how many tablets a day, or patches at a time, come closest to a dose.
func (r product) units(mme float64) float64 {
	return max(1, math.Round(mme/times(r.factor, r.strength)))
}

// supply is a fill of so many days with a share of the full dose.
func (r product) supply(day, days int, units, share float64) dose {
	n := times(units*float64(days), share)
	if r.patch {
		n /= 3
	}
	return dose{day: day, product: r, quantity: max(1, int(math.Round(n))), days: days, indication: "pain"}
}

// mme is the daily dose of a fill.
func (d dose) mme() float64 {
	x := d.product.strength * float64(d.quantity) / float64(d.days) * d.product.factor
	if d.product.patch {
		x *= 3
	}
	return x
}

// opioids draws the prescriptions from 90 days before admission to the end of the
// register, and whether opioids are taken at each visit.
func (m *model) opioids(p *person, c *stream.Cursor) {
	if c.Float64() < forOUD {
		for day := firstDay; day <= lastDay; day += 28 {
			p.doses = append(p.doses, dose{day: day, product: agonist, quantity: 56, days: min(28, lastDay+1-day), indication: "opioid use disorder"})
		}
	}
	on, target := c.Float64() < onOpioids, min(doseMedian*stream.Exp(times(doseSigma, c.Norm())), 1500)
	pick, second, fate := c.Float64(), c.Float64() < 0.25, c.Float64()
	again, when := c.Float64() < resume, c.Float64()
	if !on {
		p.doses = append(p.doses, nothing(firstDay, lastDay-firstDay+1))
		return
	}
	to, resumed := p.fate(fate), lastDay+1
	if to == 0 && again {
		resumed = 60 + int(when*float64(year-60-1))
	}
	list := middleProducts
	if target < 30 {
		list = weakProducts
	} else if target >= 90 {
		list = strongProducts
	}
	r := list[int(pick*float64(len(list)))]
	p.fills(r, r.units(target), to, resumed)
	if second && r != breakthrough {
		p.fills(breakthrough, 2, to, resumed)
	}
	if to == 0 {
		p.doses = append(p.doses, nothing(programEnd, resumed-programEnd))
	}
	for v, at := range occasions {
		p.onOpioids[v] = at.day == 0 || to > 0 || at.day >= resumed
	}
	for i := range p.doses {
		d := &p.doses[i]
		if d.none {
			continue
		}
		for j, day := range []int{-1, year} {
			if d.indication == "pain" && d.day <= day && day < d.day+d.days {
				p.daily[j] += d.mme()
			}
		}
		if c.Float64() < quantityGone {
			d.quantity = -1
		}
	}
}

// fate is the share of the dose at entry that is left after the program.
func (p *person) fate(u float64) float64 {
	w := []wean{weans.done, weans.left, weans.usual}[p.course()]
	switch {
	case u < w.off:
		return 0
	case u < w.off+w.half:
		return 0.5
	}
	return 1
}

// fills writes fills of 30 days before admission, of a week in the program, and of
// 30 days after it; each begins on the day after the one before.
func (p *person) fills(r product, units, to float64, resumed int) {
	put := func(day, days int, share float64) { p.doses = append(p.doses, r.supply(day, days, units, share)) }
	for day := firstDay; day < 0; day += 30 {
		put(day, 30, 1)
	}
	for week := range 4 {
		// To nothing in steps of a quarter; to half in steps of an eighth.
		put(7*week, 7, 1-(1-to)*float64(week)/4)
	}
	share, day := to, programEnd
	if to == 0 {
		share, day = 0.5, resumed
	}
	for ; day <= lastDay; day += 30 {
		put(day, min(30, lastDay+1-day), share)
	}
}

// cost is one priced event, on a day from admission.
type cost struct {
	day      int
	category string
	amount   float64
}

// ratioOf is the share of care left in the year after admission.
func (k care) ratioOf(course int) float64 {
	return [...]float64{k.ratio, 1 - partial*(1-k.ratio), usualRatio}[course]
}

// care draws the year before admission and the year from it.
func (m *model) care(p *person, c *stream.Cursor) {
	if p.arm == 0 {
		p.costs = append(p.costs, cost{0, program, programPrice * float64(p.attended)})
	}
	frailty := stream.Exp(times(careFrailty, c.Norm()) - careFrailty*careFrailty/2)
	for _, k := range cares {
		for after, rate := range []float64{k.rate, k.rate * k.ratioOf(p.course())} {
			for range poisson(c, times(rate, frailty)) {
				price := k.mean * stream.Exp(times(k.sigma, c.Norm())-k.sigma*k.sigma/2)
				p.costs = append(p.costs, cost{c.IntN(365) - 365*(1-after), k.category, math.Round(price*100) / 100})
			}
		}
	}
}

// poisson draws a count by inversion, in pieces of at most 20 so that e^-mean does
// not vanish.
func poisson(c *stream.Cursor, mean float64) int {
	n := 0
	for mean > 0 {
		part := min(mean, 20)
		mean -= part
		u, p := c.Float64(), stream.Exp(-part)
		for k, sum := 0, p; u > sum && k < 1000; k++ {
			p = p * part / float64(k+1)
			sum += p
			n++
		}
	}
	return n
}
