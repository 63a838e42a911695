package impute

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
)

// TippingOptions are the settings of impute/tipping-point.
type TippingOptions struct {
	Deltas      []float64         `opt:"deltas" doc:"what is added to imputed values of the arm, in the outcome's unit; none for nine steps from 0 to about two standard deviations worse"`
	Reference   []float64         `opt:"reference-deltas" doc:"what is added to imputed values of the reference: more than one for a two-way table"`
	Shape       string            `opt:"shape" doc:"the same delta at every visit missed, or one more for each visit missed in a row" choices:"constant|cumulative"`
	Term        string            `opt:"term" doc:"the estimate that is followed; auto is the first difference or ratio with an interval"`
	Strategy    string            `opt:"strategy" doc:"what is assumed before the delta is added" choices:"mar|jump-to-reference|copy-increments|copy-reference|last-mean"`
	Variance    string            `opt:"variance" doc:"rubin: multiple imputation; jackknife or bootstrap: of conditional mean imputation" choices:"rubin|jackknife|bootstrap"`
	Analysis    string            `opt:"analysis" doc:"the analysis that is run on each completed cohort; auto is effect/ancova with a reference and effect/mean-change without"`
	With        map[string]string `opt:"with" doc:"settings of that analysis, each by its name: with.covariates=age"`
	Model       string            `opt:"model" doc:"one covariance of visits and slopes for all arms, or for each arm its own" choices:"shared|by-arm"`
	Covariates  []string          `opt:"covariates" doc:"columns of the patients in the model, beside the outcome at baseline"`
	Imputations int               `opt:"imputations" doc:"completed cohorts, with variance=rubin"`
	Replicates  int               `opt:"replicates" doc:"samples, with variance=bootstrap"`
}

// TippingPoint is impute/tipping-point.
var TippingPoint = analysis.New(analysis.Analysis{
	Name:     "impute/tipping-point",
	Title:    "Tipping point (delta adjustment)",
	Estimand: "how much worse than assumed patients no longer seen must have been for the conclusion to turn, in the outcome's unit",
	Doc: `Values are imputed as in impute/reference-based (missing at random unless strategy= says otherwise), a delta is added to each imputed one, and the analysis is run again: for each delta of the arm and each of the reference.
shape=constant adds the same delta at every visit missed; cumulative adds it once at the first visit missed, twice at the next, and so on. A visit missed between others counts too.
The conclusion turns where the interval begins, or ceases, to hold no effect (0, or 1 of a ratio). tipping_delta is that delta of the arm nearest to 0 among those asked for, found between two of them to the last digit, with the imputations kept as they are; it is empty where the conclusion holds over all of them. Whether so large a delta is plausible is a clinical judgement: hold it against an important difference.
Table tipping: each pair of deltas with the estimate, interval, p and whether the interval holds no effect. Series tipping: the estimate and interval over deltas of the arm.
Variances: see impute/reference-based.
R: rbmi::delta_template(), analyse(delta = ), pool.`,
	Refs:  []string{"Yan, Lee and Li 2009, Journal of Biopharmaceutical Statistics 19, 1085-1098", refReference},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, TippingOptions{Reference: []float64{0}, Shape: "constant", Term: "auto", Strategy: atRandom, Variance: viewRubin, Analysis: "auto", Model: "shared", Imputations: 50, Replicates: 200}, tippingPoint)

// tipping is a study whose estimate is followed over deltas.
type tipping struct {
	*study
	o    TippingOptions
	key  analysis.Key
	null float64
}

func tippingPoint(ctx context.Context, in analysis.Input, q analysis.Question, o TippingOptions) (analysis.Result, error) {
	if q.Arm == "" && len(in.Cohort.Arms()) > 1 {
		return analysis.Result{}, fmt.Errorf("%w: expected the arm that the delta is added in: --arm NAME, and --reference NAME to compare with", analysis.ErrOptions)
	}
	if q.Reference == "" && (o.Strategy != atRandom && o.Strategy != lastMean || len(o.Reference) != 1 || o.Reference[0] != 0) {
		return analysis.Result{}, fmt.Errorf("%w: that strategy and reference-deltas need a reference: --reference NAME", analysis.ErrOptions)
	}
	if len(o.Reference) == 0 {
		return analysis.Result{}, fmt.Errorf("%w: expected a delta of the reference, such as reference-deltas=0", analysis.ErrOptions)
	}
	if o.Analysis == "auto" {
		o.Analysis = map[bool]string{true: "effect/mean-change", false: "effect/ancova"}[q.Reference == ""]
	}
	s, err := newStudy(in, q, studyOptions{
		analysis: o.Analysis, with: o.With, strategy: o.Strategy, model: o.Model, view: o.Variance,
		covariates: o.Covariates, imputations: o.Imputations, replicates: o.Replicates,
	})
	if err != nil {
		return analysis.Result{}, err
	}
	if !s.incomplete() {
		return s.nothingMissing(ctx, s.inner)
	}
	if err := s.fitAll(ctx); err != nil {
		return analysis.Result{}, err
	}
	results, err := s.results(ctx, delta{})
	if err != nil {
		return analysis.Result{}, err
	}
	r := s.answer(results, strategyWords[o.Strategy]+", with a delta added")
	t := &tipping{study: s, o: o}
	first, err := t.follow(r.Estimates)
	if err != nil {
		return r, err
	}
	if len(o.Deltas) == 0 {
		t.o.Deltas, r.Warnings = t.steps(r.Warnings)
	}
	slices.Sort(t.o.Deltas)
	r.Tables = r.Tables[:1] // what was missing; the errors of delta 0 are in impute/reference-based
	r.Estimates = nil
	return t.grid(ctx, r, first)
}

// follow finds the estimate that is followed.
func (t *tipping) follow(all []analysis.Estimate) (analysis.Estimate, error) {
	var terms []string
	for _, e := range all {
		null, ok := map[analysis.Scale]float64{analysis.ScaleDifference: 0, analysis.ScaleStandardised: 0, analysis.ScaleRiskDiff: 0, analysis.ScalePercent: 0, analysis.ScaleRatio: 1}[e.Scale]
		if !ok || !e.CI.Low.OK() {
			continue
		}
		if e.Term == t.o.Term || t.o.Term == "auto" && (len(t.groups) == 1 || e.Reference != "") {
			t.key, t.null = e.Key(), null
			return e, nil
		}
		terms = append(terms, e.Term)
	}
	return analysis.Estimate{}, fmt.Errorf("%w: %s has no estimate %q with an interval to follow; it has: %v", analysis.ErrOptions, t.inner.analysis.Name, t.o.Term, terms)
}

// steps are nine deltas from none to about two standard deviations at the visit, in the
// direction that is worse.
func (t *tipping) steps(ws []analysis.Warning) ([]float64, []analysis.Warning) {
	var seen []float64
	for _, v := range t.values[t.asked] {
		if !math.IsNaN(v) {
			seen = append(seen, v)
		}
	}
	mean, squares := 0.0, 0.0
	for _, v := range seen {
		mean += (v - seen[0]) / float64(len(seen))
	}
	for _, v := range seen {
		squares += (v - seen[0] - mean) * (v - seen[0] - mean)
	}
	step := math.Sqrt(squares/math.Max(1, float64(len(seen)-1))) / 4
	if step > 0 { // to one digit of 1, 2 or 5
		ten := math.Pow(10, math.Floor(math.Log10(step)))
		for _, nice := range []float64{1, 2, 5, 10} {
			if nice*ten >= step*0.9 {
				step = nice * ten
				break
			}
		}
	} else {
		step = 1
	}
	if !t.known {
		ws = append(ws, analysis.Warning{Code: analysis.WarnNoDirection, Message: "the outcome has no instrument, so higher was taken as worse", Cure: "name its instrument in the cohort file, or set deltas"})
	} else if !t.lower {
		step = -step
	}
	var out []float64
	for k := range 9 {
		out = append(out, float64(k)*step)
	}
	return out, ws
}

// at returns the estimate for deltas of the arm and of the reference.
func (t *tipping) estimate(ctx context.Context, arm, reference float64) (analysis.Estimate, error) {
	by := []float64{arm}
	if len(t.groups) == 2 {
		by = append(by, reference)
	}
	results, err := t.results(ctx, delta{by, t.o.Shape == "cumulative"})
	if err != nil {
		return analysis.Estimate{}, err
	}
	for i := range results { // the one that is followed alone
		results[i].Estimates = slices.DeleteFunc(results[i].Estimates, func(e analysis.Estimate) bool { return e.Key() != t.key })
	}
	if t.view != viewRubin {
		return spread(results, t.shares, t.level, t.how, t.view == viewJackknife)[0], nil
	}
	return pool(results, t.level, t.how)[0].Estimate, nil
}

// margin is how far the interval is from no effect: above 0 where it does not hold it.
func (t *tipping) margin(e analysis.Estimate) float64 {
	return math.Max(float64(e.CI.Low)-t.null, t.null-float64(e.CI.High))
}

func (t *tipping) grid(ctx context.Context, r analysis.Result, first analysis.Estimate) (analysis.Result, error) {
	table := analysis.Table{
		Name: "tipping", Title: "The answer over deltas",
		Columns: []string{"delta of the arm", "delta of the reference", "estimate", "std error", "low", "high", "p", "interval holds no effect"},
	}
	for _, reference := range t.o.Reference {
		line := analysis.Series{Name: "tipping", Group: t.groups[0].Name, XUnit: strings.TrimSpace("delta of the arm " + t.field.Unit), YUnit: first.Unit}
		if len(t.groups) == 2 {
			line.Group = fmt.Sprintf("%+g in %s", reference, t.groups[1].Name)
		}
		var margins []float64
		for _, arm := range t.o.Deltas {
			e, err := t.estimate(ctx, arm, reference)
			if err != nil {
				return r, err
			}
			e.N = first.N
			e.Definition = t.named(arm, reference)
			r.Estimates = append(r.Estimates, e)
			margins = append(margins, t.margin(e))
			holds := "yes"
			if t.margin(e) > 0 {
				holds = "no"
			}
			table.Rows = append(table.Rows, append(numbers(arm, reference, float64(e.Value), float64(e.SE), float64(e.CI.Low), float64(e.CI.High), float64(e.P)), analysis.Text(holds)))
			line.Points = append(line.Points, analysis.Point{X: analysis.Num(arm), Y: e.Value, Low: e.CI.Low, High: e.CI.High, N: first.N.Arm + first.N.Reference})
		}
		r.Series = append(r.Series, line)
		e, err := t.turn(ctx, first, margins, reference)
		if err != nil {
			return r, err
		}
		r.Estimates = append(r.Estimates, e)
	}
	r.Tables = append(r.Tables, table)
	return r, nil
}

func (t *tipping) named(arm, reference float64) string {
	s := fmt.Sprintf("delta %+g in %s", arm, t.groups[0].Name)
	if len(t.groups) == 2 {
		s += fmt.Sprintf(", %+g in %s", reference, t.groups[1].Name)
	}
	return s
}

// turn finds the delta of the arm, nearest to none, at which the conclusion turns.
func (t *tipping) turn(ctx context.Context, first analysis.Estimate, margins []float64, reference float64) (analysis.Estimate, error) {
	e := analysis.NewEstimate("tipping_delta", analysis.ScaleDifference)
	e.Outcome, e.Visit, e.Arm, e.Reference, e.Unit, e.N = first.Outcome, first.Visit, first.Arm, first.Reference, t.field.Unit, first.N
	e.Method = analysis.Method{Name: fmt.Sprintf("delta (%s) of the arm at which the %g %% interval of %s turns; %s", t.o.Shape, 100*t.level, first.Term, t.how), R: "rbmi::analyse(delta = )", Ref: refReference}
	if len(t.groups) == 2 {
		e.Definition = fmt.Sprintf("delta %+g in %s", reference, t.groups[1].Name)
	}
	best := -1
	for k := 1; k < len(margins); k++ {
		if (margins[k-1] > 0) != (margins[k] > 0) && (best < 0 || near0(t.o.Deltas[k-1], t.o.Deltas[k]) < near0(t.o.Deltas[best-1], t.o.Deltas[best])) {
			best = k
		}
	}
	if best < 0 {
		holds := "holds no effect"
		if len(margins) > 0 && margins[0] > 0 {
			holds = "does not hold no effect"
		}
		return e.Warn("no-tipping-point", fmt.Sprintf("the interval %s at every delta from %g to %g, so the conclusion does not turn there", holds, t.o.Deltas[0], t.o.Deltas[len(t.o.Deltas)-1]), "ask for larger deltas, or for some on the other side of 0"), nil
	}
	at, err := t.between(ctx, [2]float64{t.o.Deltas[best-1], t.o.Deltas[best]}, [2]float64{margins[best-1], margins[best]}, reference)
	e.Value = analysis.Num(at)
	return e, err
}

// between finds where the margin crosses 0 between two deltas, by the Illinois rule: the
// imputations stay as they are, so the margin is smooth.
func (t *tipping) between(ctx context.Context, delta, margin [2]float64, reference float64) (float64, error) {
	width := math.Abs(delta[1] - delta[0])
	last, kept := math.Inf(1), -1
	for range 60 {
		c := (delta[0]*margin[1] - delta[1]*margin[0]) / (margin[1] - margin[0])
		if math.Abs(c-last) < 1e-12*width || margin[0] == margin[1] {
			return c, nil
		}
		last = c
		e, err := t.estimate(ctx, c, reference)
		if err != nil {
			return c, err
		}
		m := t.margin(e)
		if m == 0 || math.IsNaN(m) {
			return c, nil
		}
		end := 0 // the end that c takes the place of
		if (m > 0) == (margin[1] > 0) {
			end = 1
		}
		if kept == end {
			margin[1-end] /= 2
		}
		delta[end], margin[end], kept = c, m, end
	}
	return last, nil
}

// near0 is how far the nearer end of an interval is from 0.
func near0(a, b float64) float64 { return math.Min(math.Abs(a), math.Abs(b)) }
