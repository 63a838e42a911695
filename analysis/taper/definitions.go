package taper

import (
	"fmt"
	"math"

	"recoup/analysis"
)

// Lengths that the published definitions name, in days.
const (
	year        = 365
	quarter     = 91
	twoMonths   = 60
	stableDose  = 50.0 // MME a day
	registryMin = 40.0 // MME a day
	about       = 42   // days on either side of 12 months after discharge
)

// course is one patient as the definitions see it.
type course struct {
	Daily
	baseline   float64 // over the days of the options
	discharged float64
}

// finding is whether a patient belongs to a definition's denominator, and whether
// it holds of that patient.
type finding struct{ in, is Verdict }

// published is a definition of the literature.
type published struct {
	analysis.Definition
	term      string
	mme       bool   // has a threshold in MME
	discharge bool   // asks about discharge
	sooner    bool   // a yes is known as soon as it is seen, a no only when every day is
	lacksIn   string // why nobody's belonging is known
	lacksIs   string // why nobody's answer is known
	judge     func(p course, x *definer) finding
	visit     func(x *definer) string
}

const (
	neprash = "Neprash et al., PMC8175547"
	bao     = "Bao et al., PMC8311577"
	noYear  = "no patient has 12 months of known doses before day 0"
)

// own marks what the sources leave open.
func own(text string) string { return " [this project's own choice: " + text + "]" }

var definitions = []published{
	fentonBy("fenton-15", 0.15, fenton),
	fentonBy("fenton-30", 0.30, fenton+", sensitivity analysis"),
	{
		Definition: analysis.Definition{
			Name:   "rapid-taper",
			Rule:   "of the patients tapered by fenton-15: largest fall from one 30-day month to the next above 40 % of baseline, which is over 10 % a week",
			Source: "Fenton et al. 2019, PMC6902834; its threshold of the speed by bu.edu's summary",
		},
		term: "rapid_taper", mme: true, sooner: true, lacksIn: noYear, lacksIs: "no tapered patient has seven months of known doses",
		visit: sevenMonths, judge: rapid,
	},
	{
		Definition: analysis.Definition{
			Name:   "neprash-stopped",
			Rule:   "of patients on long-term therapy (each of the four quarters before day 0 with opioids on more than 60 days): at least 60 consecutive days without" + own("quarters of 91 days that end with day -1; days with a dose above 0 stand for days supplied; the 60 days lie within follow_up"),
			Source: neprash,
		},
		term: "neprash_stopped", sooner: true, lacksIn: "no patient has four quarters of known days before day 0", lacksIs: "no such patient has days known to be free of opioids, or a record without long gaps; unknown is not stopped",
		visit: followed, judge: stoppedLongTerm,
	},
	{
		Definition: analysis.Definition{
			Name:   "neprash-abrupt",
			Rule:   "of those who stopped by neprash-stopped: the mean dose of the last month before the stop less than 50 % below that of the 7th to 12th month before it" + own("months of 30 days, counted back from the first day of the stop"),
			Source: neprash,
		},
		term: "neprash_abrupt", lacksIn: "no patient is known to have stopped or not by neprash-stopped", lacksIs: "no patient who stopped has a known dose in the 7th to 12th month before",
		visit: followed, judge: abrupt,
	},
	{
		Definition: analysis.Definition{
			Name:   "bao-stopped",
			Rule:   "of patients on opioids at entry: a gap of at least 30 days" + own("the gap lies within follow_up; on opioids at entry is a mean dose of the baseline above 0"),
			Source: bao,
		},
		term: "bao_stopped", sooner: true, lacksIn: "no patient has a known dose at entry", lacksIs: "no such patient has days known to be free of opioids, or a record without long gaps; unknown is not stopped",
		visit: followed, judge: func(p course, x *definer) finding {
			v, _ := p.Stopped(x.follow(), 30)
			return finding{onOpioids(p), v}
		},
	},
	{
		Definition: analysis.Definition{
			Name:   "off-at-discharge",
			Rule:   "of patients on opioids at entry: off daily opioids on the day of discharge",
			Source: "Rome et al. 2004 (132 of 135), programs that require weaning",
		},
		term: "off_at_discharge", discharge: true, lacksIn: "no patient has a known dose at entry", lacksIs: "no patient has a known dose on the day of discharge",
		visit: func(*definer) string { return "discharge" }, judge: func(p course, _ *definer) finding {
			return finding{onOpioids(p), p.offOn(p.discharged)}
		},
	},
	{
		Definition: analysis.Definition{
			Name:   "resumed-12-months",
			Rule:   "of patients on opioids at entry and off at discharge: on opioids again 12 months after discharge, as the patient says" + own("a dose above 0 on any known day of the 365 ± 42 days from discharge"),
			Source: "Huffman et al. 2013",
		},
		term: "resumed_12_months", discharge: true, lacksIn: "no patient has known doses at entry and on the day of discharge", lacksIs: "no patient who was off at discharge has a known dose 12 months later",
		visit: func(*definer) string { return "12 months from discharge" }, judge: resumedLater,
	},
	registryBy("registry-50", 0, "of patients on opioids at entry"),
	registryBy("registry-50-over-40", registryMin, "of patients with more than 40 MME a day at entry"),
}

func fentonBy(name string, share float64, source string) published {
	return published{
		Definition: analysis.Definition{
			Name: name,
			Rule: "of patients with a stable baseline (a mean of at least 50 MME a day over the 12 months before, and at least 2 months of follow-up): mean daily MME " +
				fmt.Sprintf("at least %g %% below", 100*share) + " that baseline, in any of 6 overlapping 60-day windows within 7 months" +
				own("one index day a patient, day 0; days -365 to -1; windows of days 0-59, 30-89 ... 150-209; follow-up by a known mean of the first window; not tapered only where all six are known"),
			Source: source,
		},
		term: fmt.Sprintf("fenton_%g", 100*share), mme: true, sooner: true, lacksIn: noYear, lacksIs: "no patient with a stable year has seven months of known doses",
		visit: sevenMonths, judge: func(p course, x *definer) finding {
			in, base := p.stable(x.o.MinKnown)
			return finding{in, p.Tapered(base, share, x.o.MinKnown)}
		},
	}
}

func registryBy(name string, over float64, text string) published {
	d := published{
		Definition: analysis.Definition{
			Name: name, Rule: text + ": a mean dose of the window at least 50 % below that of the baseline" + own("the days of both"),
			Source: "ePPOC, by painaustralia.org.au; subgroup over 40 mg in Rajappa et al. 2019, 10.1097/PR9.0000000000000780",
		},
		term: "registry_50", mme: over > 0, lacksIn: "no patient has a known dose at entry", lacksIs: "no such patient has a known dose in the window",
		visit: func(x *definer) string { return x.window.String() },
	}
	if over > 0 {
		d.term = "registry_50_over_40"
	}
	d.judge = func(p course, x *definer) finding {
		now, _ := p.Mean(x.window, x.o.MinKnown)
		in := Unknown
		if !math.IsNaN(p.baseline) {
			in = verdict(p.baseline > over)
		}
		return finding{in, Reduced(p.baseline, now, 0.5)}
	}
	return d
}

func sevenMonths(*definer) string { return Window{0, horizon}.String() }
func followed(x *definer) string  { return x.follow().String() }
func (x *definer) follow() Window { return Window{0, x.followUp - 1} }
func onOpioids(p course) Verdict  { return above(p.baseline, 0) }
func (d Daily) offOn(day float64) Verdict {
	if math.IsNaN(day) {
		return Unknown
	}
	return d.Off(Window{int(day), int(day)})
}

// above returns whether a mean is above a bound, Unknown for NaN.
func above(mean, bound float64) Verdict {
	if math.IsNaN(mean) {
		return Unknown
	}
	return verdict(mean > bound)
}

// both is Yes where both hold, No where one does not.
func both(a, b Verdict) Verdict {
	switch {
	case a == No || b == No:
		return No
	case a == Unknown || b == Unknown:
		return Unknown
	}
	return Yes
}

// stable returns whether the year before day 0 had a mean of at least 50 MME a day
// and two months of follow-up are known, and that mean.
func (p course) stable(atLeast float64) (Verdict, float64) {
	base, _ := p.Mean(Window{-year, -1}, atLeast)
	if math.IsNaN(base) {
		return Unknown, base
	}
	first, _ := p.Mean(Window{0, twoMonths - 1}, atLeast)
	return verdict(base >= stableDose*(1-slack) && !math.IsNaN(first)), base
}

func rapid(p course, x *definer) finding {
	in, base := p.stable(x.o.MinKnown)
	v, whole := p.MaxMonthly(base, x.o.MinKnown)
	return finding{both(in, p.Tapered(base, 0.15, x.o.MinKnown)), faster(v, 40, whole)}
}

// longTerm returns whether each of the four quarters before day 0 had opioids on more
// than 60 days.
func (d Daily) longTerm() Verdict {
	out := Yes
	for k := range 4 {
		to := -1 - quarter*k
		on, unknown := d.count(Window{to - quarter + 1, to})
		switch {
		case on > 60:
		case on+unknown > 60:
			out = both(out, Unknown)
		default:
			return No
		}
	}
	return out
}

// count returns the days of the window with a dose above 0, and those unknown.
func (d Daily) count(w Window) (on, unknown int) {
	days := d.in(w)
	unknown = w.To - w.From + 1 - len(days)
	for _, v := range days {
		switch {
		case v > 0:
			on++
		case math.IsNaN(v):
			unknown++
		}
	}
	return on, unknown
}

// Stopped returns whether the dose was zero on so many days in a row within the
// window, and the first day of the first such run. It is No only where no run of
// days that are zero or unknown is as long.
func (d Daily) Stopped(w Window, days int) (v Verdict, day int) {
	zero, maybe, v := 0, 0, No
	for at := w.From; at <= w.To; at++ {
		dose := d.At(at)
		switch {
		case dose > 0:
			zero, maybe = 0, 0
		case math.IsNaN(dose):
			zero = 0
			maybe++
		default:
			zero++
			maybe++
		}
		if zero >= days {
			return Yes, at - days + 1
		}
		if maybe >= days {
			v = Unknown
		}
	}
	return v, 0
}

func stoppedLongTerm(p course, x *definer) finding {
	v, _ := p.Stopped(x.follow(), 60)
	return finding{p.longTerm(), v}
}

func abrupt(p course, x *definer) finding {
	v, day := p.Stopped(x.follow(), 60)
	f := finding{in: both(p.longTerm(), v), is: Unknown}
	if v == Yes {
		last, _ := p.Mean(Window{day - month, day - 1}, x.o.MinKnown)
		before, _ := p.Mean(Window{day - 12*month, day - 6*month - 1}, x.o.MinKnown)
		if r := Reduced(before, last, 0.5); r != Unknown {
			f.is = verdict(r == No)
		}
	}
	return f
}

func resumedLater(p course, _ *definer) finding {
	f := finding{both(onOpioids(p), p.offOn(p.discharged)), Unknown}
	if math.IsNaN(p.discharged) {
		return f
	}
	w := Window{int(p.discharged) + year - about, int(p.discharged) + year + about}
	switch on, unknown := p.count(w); {
	case on > 0:
		f.is = Yes
	case unknown < w.To-w.From+1:
		f.is = No
	}
	return f
}
