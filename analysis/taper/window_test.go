package taper

import (
	"math"
	"slices"
	"testing"
)

var nan = math.NaN()

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 1e-12*math.Max(1, math.Abs(want)) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// months is 30 days of each dose from day 0.
func months(doses ...float64) Daily {
	var d Daily
	for _, v := range doses {
		for range 30 {
			d.Dose = append(d.Dose, v)
		}
	}
	return d
}

func TestMeanAndOffByHand(t *testing.T) {
	d := Daily{From: -2, Dose: []float64{30, 60, nan, 0, 0, 0}} // days -2 to 3
	m, known := d.Mean(Window{-2, 0}, 0.5)
	near(t, "two known days of three", m, 45)
	if known != 2 {
		t.Errorf("%d known days", known)
	}
	m, _ = d.Mean(Window{-2, 0}, 1)
	near(t, "too few known days", m, nan)
	m, _ = d.Mean(Window{10, 20}, 0)
	near(t, "outside", m, nan)
	m, _ = d.Mean(Window{-9, -2}, 0)
	near(t, "partly outside", m, 30)
	for _, c := range []struct {
		w    Window
		want Verdict
	}{{Window{1, 3}, Yes}, {Window{0, 3}, Unknown}, {Window{-1, 3}, No}, {Window{1, 4}, Unknown}, {Window{7, 8}, Unknown}} {
		if got := d.Off(c.w); got != c.want {
			t.Errorf("off on %v: %d, want %d", c.w, got, c.want)
		}
	}
}

func TestReducedByHand(t *testing.T) {
	for _, c := range []struct {
		baseline, now, share float64
		want                 Verdict
	}{
		{100, 50, 0.5, Yes},
		{100, 50.1, 0.5, No},
		{0.3, 0.1 + 0.05, 0.5, Yes},
		{100, 120, 0.5, No},
		{0, 0, 0.5, Unknown},
		{100, nan, 0.5, Unknown},
		{nan, 0, 0.5, Unknown},
		{90, 63, 0.3, Yes},
	} {
		if got := Reduced(c.baseline, c.now, c.share); got != c.want {
			t.Errorf("%v to %v: %d, want %d", c.baseline, c.now, got, c.want)
		}
	}
}

// From 100, months of 90 90 60 60 60 30 0: the falls are 10 0 30 0 0 30 30. The
// 60-day means are 90 75 60 60 45 15, so 15 % is passed in the second, 90 % never.
func TestCourseByHand(t *testing.T) {
	d := months(90, 90, 60, 60, 60, 30, 0)
	fall, whole := d.MaxMonthly(100, 1)
	near(t, "largest fall", fall, 30)
	if !whole {
		t.Error("all seven months are known")
	}
	if d.Tapered(100, 0.15, 1) != Yes || d.Tapered(100, 0.90, 1) != No {
		t.Error("tapered is wrong")
	}
	part := months(90, nan, 86)
	fall, whole = part.MaxMonthly(100, 1)
	near(t, "a month unknown", fall, 10)
	if whole || part.Tapered(100, 0.15, 1) != Unknown {
		t.Error("a month unknown gives a verdict")
	}
	fall, _ = months(110, 130).MaxMonthly(100, 1)
	near(t, "a dose that rises", fall, -10)
	// A straight fall from 100 to 0 in 210 days is 100/7 percent a month.
	var line Daily
	for i := range 210 {
		line.Dose = append(line.Dose, 100-float64(i)*100/210)
	}
	// Twice the dose and twice the baseline are the same course.
	twice := Daily{Dose: slices.Clone(line.Dose)}
	for i := range twice.Dose {
		twice.Dose[i] *= 2
	}
	for baseline, d := range map[float64]Daily{100: line, 200: twice} {
		fall, whole := d.MaxMonthly(baseline, 1)
		near(t, "a straight fall", fall, 100./7)
		if !whole {
			t.Error("all months are known")
		}
	}
}

func TestParseWindow(t *testing.T) {
	if w, err := parseWindow(" -28 : -1"); err != nil || w != (Window{-28, -1}) {
		t.Errorf("%v %v", w, err)
	}
	for _, s := range []string{"", "5", "9:3", "a:b", "1:99999", "1:2:3"} {
		if _, err := parseWindow(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}

// Week 0: patient 0 has 10 and 20, patient 1 has 40. Over records 70/3; over
// patients (15 + 40)/2. With m = 70/3 the patients' residual sums are
// 30 - 2m = -50/3 and 40 - m = 50/3, so the variance is 2 · 2·(50/3)² / 3² and the
// error 100/9. Day -1 is in week -1.
func TestByWeekByHand(t *testing.T) {
	ws := ByWeek([]int32{0, 1, 0, 0, -1, 1, 1}, []float64{0, 6, 3, -1, 2, 21, nan}, []float64{10, 40, 20, 8, 99, nan, 5}, -1, 3)
	near(t, "mean over records", ws[1].MeanRecords, 70./3)
	near(t, "its error", ws[1].SERecords, 100./9)
	if len(ws) != 5 || ws[1].Records != 3 || !slices.Equal(ws[1].PatientMeans, []float64{15, 40}) || ws[0].MeanRecords != 8 {
		t.Errorf("weeks %+v", ws)
	}
	near(t, "one patient has no error", ws[0].SERecords, nan)
	near(t, "an empty week", ws[4].MeanRecords, nan)
	if ByWeek(nil, nil, nil, 2, 1) != nil {
		t.Error("a backward range has weeks")
	}
}
