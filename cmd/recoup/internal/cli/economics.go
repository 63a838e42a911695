package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/analysis/economics"
	"recoup/reports"
	"recoup/reports/render"
	"recoup/simulate"
)

// economicsFlags are the flags of analyze economics.
type economicsFlags struct {
	draws, parameters string
	wtp               string
	reference         string
	out               string
	informationFlags
}

// informationFlags ask what it is worth to learn more.
type informationFlags struct {
	groups  []string
	at      float64
	study   economics.Study
	perYear float64
	years   int
	rate    float64
	figure  string
}

// add gives a command the flags; patients is the one of how many a decision is for, first
// the figure where none is named.
func (f *informationFlags) add(c *cobra.Command, patients, first string) {
	fl := c.Flags()
	fl.StringArrayVar(&f.groups, "group", nil, "NAME=PARAMETER,PARAMETER...: parameters that would become known together; may be given more than once")
	fl.Float64Var(&f.at, "at", math.NaN(), "willingness to pay that tables and figures of information are shown at; the middle one where not given")
	fl.StringVar(&f.study.Group, "study", "", "parameter or group that a proposed study would inform")
	fl.Float64Var(&f.study.Prior, "prior", 0, "with --study: what is known today, as a number of patients")
	fl.Float64SliceVar(&f.study.Sizes, "sizes", nil, "with --study: patients in the study")
	fl.Float64Var(&f.perYear, patients, 0, "patients a year that the decision is for")
	fl.IntVar(&f.years, "years", 1, "with --"+patients+": years that the decision holds for")
	fl.Float64Var(&f.rate, "rate", 0.03, "with --"+patients+": discount rate a year")
	fl.StringVar(&f.figure, "figure", "", "with -o FILE.svg or .png: "+strings.Join(informationFigures, ", ")+"; "+first+" where not given")
}

var informationFigures = []string{"plane", "acceptability", "information"}

// check refuses what does not go together, for an output of a format.
func (f informationFlags) check(format string) error {
	switch {
	case f.figure != "" && format != ".svg" && format != ".png":
		return usagef("expected --figure with -o FILE.svg or FILE.png")
	case f.figure != "" && !slices.Contains(informationFigures, f.figure):
		return usagef("there is no figure %q; there are: %s", f.figure, strings.Join(informationFigures, ", "))
	case f.study.Group == "" && (f.study.Prior != 0 || len(f.study.Sizes) > 0):
		return usagef("expected --prior and --sizes with --study")
	}
	return nil
}

// studies are the one proposed, if any.
func (f informationFlags) studies() []economics.Study {
	if f.study.Group == "" {
		return nil
	}
	return []economics.Study{f.study}
}

// population is how many a decision is for; nil where it was not asked.
func (f informationFlags) population(patients string) (*population, error) {
	if f.perYear <= 0 {
		return nil, nil
	}
	n, err := economics.Population(f.perYear, f.years, f.rate)
	if err != nil {
		return nil, usagef("--%s, --years and --rate: %v", patients, err)
	}
	return &population{f.perYear, f.years, f.rate, analysis.Num(n)}, nil
}

func (a *app) analyzeEconomics() *cobra.Command {
	var f economicsFlags
	c := &cobra.Command{
		Use:   "economics --draws PSA.csv",
		Short: "Cost and effect by draw: ICER, acceptability, value of information",
		Long: `Compare strategies by the draws of a probabilistic analysis, made by recoup or by any
other program: incremental costs and effects with dominance, net benefit, acceptability
curve and frontier, expected loss, and what better information would be worth.

PSA.csv has a row for each draw, columns cost.NAME and effect.NAME for each strategy, and
a column for each uncertain parameter (or these in a file of their own, row by row:
--parameters); a first column draw, iteration or simulation only numbers the rows. Costs are of one patient, effects any unit of which more is better.

Every figure has its Monte Carlo standard error (MCSE). Knowing a parameter, or a group
of them (--group), is valued by regression: a natural cubic spline of one, a Gaussian
process of several. A study of --sizes patients is valued by what it would leave unknown,
with --prior patients' worth of knowledge today: of a share p, p(1-p)/variance - 1; of a
mean, the variance between patients over the variance of the mean. Values are for one
patient; --patients a year over --years make them those of a population, discounted at
--rate from the first year on.

A value found by regression is biased: upwards, by about its Monte Carlo error, for what
has little influence where strategies are nearly level (noise can only raise a maximum),
most with few draws and large groups; somewhat downwards for what matters, by smoothing.
Take values within 2 MCSE of 0 for none.

-o picks the format: .json, .csv, .parquet, .txt, or .svg and .png for a figure
(--figure plane, acceptability, information).`,
		Example: `  recoup analyze economics --draws psa.csv --wtp 0:100000:10000
  recoup analyze economics --draws psa.csv --wtp 0:100000:1000 --json
  recoup analyze economics --draws psa.csv --parameters parameters.csv --group 'work=p_back,p_relapse'
  recoup analyze economics --draws psa.csv --at 50000 --study p_stay --prior 40 --sizes 50,200 --patients 300 --years 5 --rate 0.03
  recoup analyze economics --draws psa.csv --figure acceptability -o ceac.svg`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.runEconomics(c.Context(), f) },
	}
	fl := c.Flags()
	fl.StringVar(&f.draws, "draws", "", "CSV of the draws (required)")
	fl.StringVar(&f.parameters, "parameters", "", "CSV of the parameters, a row for each draw")
	fl.StringVar(&f.wtp, "wtp", "0:100000:5000", "willingness to pay for a unit of effect: FROM:TO:STEP, or values with commas between")
	fl.StringVar(&f.reference, "reference", "", "strategy that the others are held against; the first where not given")
	f.informationFlags.add(c, "patients", "acceptability")
	fl.StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format")
	return c
}

// economicsResult is the envelope of analyze economics.
type economicsResult struct {
	Schema     string       `json:"schema"`
	Provenance build        `json:"provenance"`
	Sources    []poolSource `json:"sources"`
	// Currency and PriceYear are of a simulation's costs; those of a file of draws are as
	// whoever made it knows.
	Currency    string                `json:"currency,omitempty"`
	PriceYear   int                   `json:"price_year,omitempty"`
	Conventions []simulate.Convention `json:"conventions,omitempty"`
	economics.Result
	Information []economics.Information `json:"information"`
	Population  *population             `json:"population"` // null where none was asked for

	draws economics.Draws
	at    int // which willingness to pay is shown
}

// population is what values for one patient are worth for all.
type population struct {
	PerYear  float64      `json:"patients_per_year"`
	Years    int          `json:"years"`
	Rate     float64      `json:"discount_rate"`
	Patients analysis.Num `json:"discounted_patients"`
}

func (a *app) runEconomics(ctx context.Context, f economicsFlags) error {
	format, err := formatOf(f.out, a.json, ".json", ".csv", ".parquet", ".txt", ".svg", ".png")
	if err != nil {
		return err
	}
	if f.draws == "" {
		return usagef("expected --draws FILE: a CSV of costs and effects by draw")
	}
	if err := f.check(format); err != nil {
		return err
	}
	r, err := f.analyze(ctx)
	if err != nil {
		return err
	}
	return a.toFile(f.out, func(w io.Writer) error {
		switch format {
		case ".json":
			return writeEncoded(w, r)
		case ".csv":
			return r.grid().csv(w)
		case ".parquet":
			return r.grid().parquet(ctx, w)
		case ".svg", ".png":
			return r.draw(w, f.figure, format)
		}
		r.text(w)
		return nil
	})
}

// analyze reads the files and works out all that was asked for.
func (f economicsFlags) analyze(ctx context.Context) (economicsResult, error) {
	r := economicsResult{Schema: "recoup.economics/v1", Provenance: thisBuild(), Information: []economics.Information{}}
	wtp, err := values(f.wtp)
	if err != nil {
		return r, err
	}
	d, parameters, err := f.read(&r)
	if err != nil {
		return r, err
	}
	r.draws = d
	if r.at, err = f.shown(wtp); err != nil {
		return r, err
	}
	if r.Result, err = economics.Analyze(d, economics.Options{WillingnessToPay: wtp}); err != nil {
		return r, fmt.Errorf("%s: %w", filepath.Base(f.draws), err)
	}
	groups, err := grouped(parameters, f.groups)
	if err != nil {
		return r, err
	}
	studies := f.studies()
	if len(groups) > 0 {
		if r.Information, err = economics.PartialInformation(ctx, d, parameters, groups, studies, wtp); err != nil {
			return r, err
		}
	} else if len(studies) > 0 {
		return r, usagef("expected parameters for --study: columns of the draws beside cost.NAME and effect.NAME, or --parameters FILE")
	}
	r.Population, err = f.population("patients")
	return r, err
}

func (f economicsFlags) read(r *economicsResult) (economics.Draws, []economics.Parameter, error) {
	open := func(path string) (*strings.Reader, string, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, "", err
		}
		sum := sha256.Sum256(b)
		r.Sources = append(r.Sources, poolSource{filepath.Base(path), hex.EncodeToString(sum[:])})
		return strings.NewReader(string(b)), filepath.Base(path), nil
	}
	in, name, err := open(f.draws)
	if err != nil {
		return economics.Draws{}, nil, err
	}
	d, parameters, err := economics.ReadDraws(in, name)
	if err != nil {
		return d, nil, err
	}
	if f.parameters != "" {
		if in, name, err = open(f.parameters); err != nil {
			return d, nil, err
		}
		more, err := economics.ReadParameters(in, name, len(d.Cost[0]))
		if err != nil {
			return d, nil, err
		}
		for _, p := range more {
			if slices.ContainsFunc(parameters, func(q economics.Parameter) bool { return q.Name == p.Name }) {
				return d, nil, fmt.Errorf("parameter %s is in %s and in %s: expected it once", p.Name, filepath.Base(f.draws), name)
			}
		}
		parameters = append(parameters, more...)
	}
	if f.reference == "" {
		return d, parameters, nil
	}
	at := slices.Index(d.Strategies, f.reference)
	if at < 0 {
		return d, nil, usagef("there is no strategy %q; there are: %s", f.reference, strings.Join(d.Strategies, ", "))
	}
	for _, x := range []*[][]float64{&d.Cost, &d.Effect} {
		*x = append([][]float64{(*x)[at]}, slices.Delete(slices.Clone(*x), at, at+1)...)
	}
	d.Strategies = append([]string{f.reference}, slices.Delete(slices.Clone(d.Strategies), at, at+1)...)
	return d, parameters, nil
}

// shown is the place of --at among the values.
func (f informationFlags) shown(wtp []float64) (int, error) {
	if math.IsNaN(f.at) {
		return len(wtp) / 2, nil
	}
	at := slices.IndexFunc(wtp, func(w float64) bool { return math.Abs(w-f.at) <= 1e-9*math.Max(1, w) })
	if at < 0 {
		return 0, usagef("expected --at to be one of the values of a unit of effect (--wtp, or the scenario's willingness_to_pay)")
	}
	return at, nil
}

// grouped are the parameters each alone, then the groups.
func grouped(parameters []economics.Parameter, asked []string) ([]economics.Group, error) {
	var out []economics.Group
	for _, p := range parameters {
		out = append(out, economics.Group{Name: p.Name, Parameters: []string{p.Name}})
	}
	for _, g := range asked {
		name, list, ok := strings.Cut(g, "=")
		if !ok || name == "" || list == "" {
			return nil, usagef("expected --group NAME=PARAMETER,PARAMETER")
		}
		if slices.ContainsFunc(out, func(o economics.Group) bool { return o.Name == name }) {
			return nil, usagef("there are two groups or parameters called %q", name)
		}
		group := economics.Group{Name: name, Parameters: strings.Split(list, ",")}
		for _, p := range group.Parameters {
			if !slices.ContainsFunc(parameters, func(q economics.Parameter) bool { return q.Name == p }) {
				return nil, usagef("--group %s: there is no parameter %q", name, p)
			}
		}
		out = append(out, group)
	}
	return out, nil
}

// values reads FROM:TO:STEP, or values with commas between.
func values(s string) ([]float64, error) {
	bad := usagef("expected --wtp FROM:TO:STEP, or values with commas between, rising and not negative; at most 10,001")
	number := func(s string) (float64, bool) {
		x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		return x, err == nil && x >= 0 && !math.IsInf(x, 0)
	}
	var out []float64
	if parts := strings.Split(s, ":"); len(parts) == 3 {
		from, ok1 := number(parts[0])
		to, ok2 := number(parts[1])
		step, ok3 := number(parts[2])
		if !ok1 || !ok2 || !ok3 || !(step > 0) || to < from || (to-from)/step > 10_000 {
			return nil, bad
		}
		for i := 0; from+float64(i)*step <= to*(1+1e-12); i++ {
			out = append(out, from+float64(i)*step)
		}
		return out, nil
	}
	for _, part := range strings.Split(s, ",") {
		x, ok := number(part)
		if !ok || len(out) > 0 && x <= out[len(out)-1] || len(out) > 10_000 {
			return nil, bad
		}
		out = append(out, x)
	}
	return out, nil
}

// grid has a row for each value of a unit of effect and strategy.
func (r economicsResult) grid() grid {
	g := grid{head: strings.Fields("willingness_to_pay strategy net_benefit net_benefit_mcse increment increment_mcse probability probability_mcse expected_loss best evpi evpi_mcse")}
	for _, h := range g.head {
		g.right = append(g.right, h != "strategy" && h != "best")
	}
	for _, v := range r.Values {
		for _, d := range v.Strategies {
			g.rows = append(g.rows, []string{
				v.WillingnessToPay.Text(), d.Strategy, d.NetBenefit.Text(), d.NetBenefitMCSE.Text(), d.Increment.Text(), d.IncrementMCSE.Text(),
				d.Probability.Text(), d.ProbabilityMCSE.Text(), d.ExpectedLoss.Text(), v.Best, v.EVPI.Text(), v.EVPIMCSE.Text(),
			})
		}
	}
	return g
}

func (r economicsResult) text(w io.Writer) {
	draws := "draws"
	if r.Draws == 1 {
		draws = "draw"
	}
	fmt.Fprintf(w, "%d %s of %s\n\n", r.Draws, draws, r.Sources[0].File)
	economicsText(w, r.Result, "effect", 12)
	r.informationText(w)
	for _, x := range r.Warnings {
		fmt.Fprintf(w, "warning: %s [%s]\n", x.Message, x.Code)
	}
	fmt.Fprintf(w, "recoup %s\n", version)
}

// fewStrategies are few enough to be found in the order of the scenario.
const fewStrategies = 4

// bestFirst puts more than a few strategies in order of net benefit.
func bestFirst(list []economics.Decision) []economics.Decision {
	if len(list) <= fewStrategies {
		return list
	}
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b economics.Decision) int { return cmp.Compare(b.NetBenefit, a.NetBenefit) })
	return out
}

// economicsText writes the comparison for a person, with at most so many values of a unit
// of effect.
func economicsText(w io.Writer, e economics.Result, effect string, most int) {
	n := newNotes()
	mark := func(reason string) string {
		if reason == "" {
			return ""
		}
		return " " + n.mark(reason)
	}
	right := func(n int) []bool { return append([]bool{false}, slices.Repeat([]bool{true}, n)...) }
	t := grid{head: []string{"strategy", "cost", "MCSE", effect, "MCSE", "more cost", "more " + effect, "ICER", "MCSE", ""}, right: append(right(8), false)}
	for _, x := range e.Table {
		t.rows = append(t.rows, []string{
			x.Strategy, number(float64(x.Cost)), number(float64(x.CostMCSE)), number(float64(x.Effect)), number(float64(x.EffectMCSE)),
			number(float64(x.Comparison.Cost)), number(float64(x.Comparison.Effect)), number(float64(x.ICER)), number(float64(x.ICERMCSE)), string(x.Status) + mark(x.Reason),
		})
	}
	t.text(w)
	if len(e.Against) > 0 {
		fmt.Fprintf(w, "\nAgainst %s:\n", e.Reference)
		g := grid{head: []string{"strategy", "more cost", "MCSE", "more " + effect, "MCSE", "ICER", "MCSE", ""}, right: append(right(6), false)}
		for _, x := range e.Against {
			g.rows = append(g.rows, []string{x.Strategy, number(float64(x.Cost)), number(float64(x.CostMCSE)), number(float64(x.Effect)), number(float64(x.EffectMCSE)), number(float64(x.ICER)), number(float64(x.ICERMCSE)), strings.TrimSpace(mark(x.Reason))})
		}
		g.text(w)
	}
	fmt.Fprintf(w, "\nNet monetary benefit, willingness to pay x %s - cost:\n", effect)
	v := grid{head: []string{"willingness to pay", "strategy", "net benefit", "MCSE", "best in share of draws", "expected loss", "EVPI", "MCSE"}, right: []bool{true, false, true, true, true, true, true, true}}
	every := max(1, (len(e.Values)+most-1)/most)
	for i := 0; i < len(e.Values); i += every {
		x := e.Values[i]
		wtp := number(float64(x.WillingnessToPay))
		for k, d := range bestFirst(x.Strategies) {
			if k > 0 && len(x.Strategies) > fewStrategies {
				wtp = ""
			}
			best, evpi, error := "", "", ""
			if d.Strategy == x.Best {
				best, evpi, error = " (best)", number(float64(x.EVPI)), number(float64(x.EVPIMCSE))
			}
			v.rows = append(v.rows, []string{wtp, d.Strategy + best, number(float64(d.NetBenefit)), number(float64(d.NetBenefitMCSE)), number(float64(d.Probability)), number(float64(d.ExpectedLoss)), evpi, error})
		}
	}
	v.text(w)
	if every > 1 {
		fmt.Fprintf(w, "(each %s of %d values of a unit is shown; --json and -o FILE.csv have all)\n", ordinal(every), len(e.Values))
	}
	for i, x := range n.list {
		fmt.Fprintf(w, "[%d] %s\n", i+1, x)
	}
}

func ordinal(n int) string {
	switch {
	case n%100 >= 11 && n%100 <= 13:
	case n%10 == 1:
		return fmt.Sprint(n, "st")
	case n%10 == 2:
		return fmt.Sprint(n, "nd")
	case n%10 == 3:
		return fmt.Sprint(n, "rd")
	}
	return fmt.Sprint(n) + "th"
}

func (r economicsResult) informationText(w io.Writer) {
	at := r.Values[r.at]
	all := func(v analysis.Num) string {
		if r.Population == nil {
			return ""
		}
		return number(float64(v * r.Population.Patients))
	}
	if r.Population != nil {
		fmt.Fprintf(w, "\nFor %s patients (%s a year over %d years, discounted at %s): EVPI %s at %s\n",
			number(float64(r.Population.Patients)), analysis.Num(r.Population.PerYear).Text(), r.Population.Years, analysis.Num(r.Population.Rate).Text(), all(at.EVPI), number(float64(at.WillingnessToPay)))
	}
	if len(r.Information) == 0 {
		return
	}
	fmt.Fprintf(w, "\nWhat it would be worth to know a parameter (EVPPI) at %s for a unit of effect, for a patient:\n", number(float64(at.WillingnessToPay)))
	n := newNotes()
	g := grid{head: []string{"parameter or group", "EVPPI", "MCSE", "share of EVPI", "for the population", "by", ""}, right: []bool{false, true, true, true, true, false, false}}
	var samples [][]string
	for _, x := range economics.Ranked(r.Information, r.at) {
		v := x.Values[r.at]
		note := ""
		if x.Reason != "" {
			note = n.mark(x.Reason)
		}
		g.rows = append(g.rows, []string{x.Group, number(float64(v.EVPPI)), number(float64(v.EVPPIMCSE)), number(float64(v.Share)), all(v.EVPPI), x.Method, note})
		for _, s := range v.Samples {
			samples = append(samples, []string{x.Group, s.Size.Text(), number(float64(s.EVSI)), number(float64(s.EVSIMCSE)), all(s.EVSI)})
		}
	}
	g.text(w)
	if len(samples) > 0 {
		fmt.Fprintln(w, "\nWhat a study would be worth (EVSI), its cost not taken off:")
		grid{head: []string{"of", "patients in the study", "EVSI", "MCSE", "for the population"}, right: []bool{false, true, true, true, true}, rows: samples}.text(w)
	}
	for i, x := range n.list {
		fmt.Fprintf(w, "[%d] %s\n", i+1, x)
	}
}

// draw draws one figure.
func (r economicsResult) draw(w io.Writer, name, format string) error {
	if name != "information" && r.Draws < 2 {
		return fmt.Errorf("%w: acceptability and a plane need two draws", analysis.ErrCannot)
	}
	var figure reports.Figure
	switch name {
	case "plane":
		if len(r.draws.Strategies) < 2 {
			return fmt.Errorf("%w: a plane needs two strategies or more, and the file has one", errInvalidInput)
		}
		at := r.Values[r.at]
		figure = reports.PlaneFigure(r.draws, max(1, slices.Index(r.draws.Strategies, at.Best)), float64(at.WillingnessToPay))
	case "information":
		if len(r.Information) == 0 {
			return fmt.Errorf("%w: there are no parameters to draw the value of", analysis.ErrCannot)
		}
		figure = reports.InformationFigure(r.Information, r.at)
	default:
		figure = reports.AcceptabilityFigure(r.Result)
	}
	return drawFigure(w, figure, format)
}

// drawFigure writes a figure as .svg or .png.
func drawFigure(w io.Writer, f reports.Figure, format string) error {
	if format == ".png" {
		return render.PNG(w, f, render.Size{}, 0)
	}
	return render.SVG(w, f, render.Size{})
}
