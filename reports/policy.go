package reports

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
	"recoup/analysis/economics"
	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// PolicyInput is what a policy brief is made of. What was not worked out is nil or empty,
// and the brief says so in its place.
type PolicyInput struct {
	Scenario  design.Scenario
	Evidence  evidence.Set
	Result    simulate.Result
	Draws     economics.Draws
	Economics economics.Result
	At        int // which willingness to pay the brief is about
	// Curve is the same comparison at many values of a unit of effect, for the figure of
	// acceptability; Economics where it has none.
	Curve       economics.Result
	Strategy    string
	Tornado     *economics.Tornado
	Information []economics.Information
	Budget      []BudgetYear
	PerPatient  []StrategyCost // what the budget is made of
	Kinds       []BudgetKind
	Occupancy   []Occupancy
	Success     []economics.Success
	Facts       []Fact
	Lang        string // BCP 47 tag of the brief's language; "" for English

	in Language
}

// BudgetKind is the impact on one kind of cost by year. Kinds come as they add up: the
// parts of the total, each with its own parts behind it, the total, then what it leaves out.
type BudgetKind struct {
	Kind   string
	PartOf string // the kind it is summed into; empty for totals and what stands beside them
	Impact []float64
}

// Occupancy is a break-even with where the income comes from.
type Occupancy struct {
	From string
	economics.Occupancy
}

// Policy builds the policy brief of a scenario: one page that says which strategy, at what
// willingness to pay, how sure, what it costs each year and what would change the answer;
// then the detail.
func Policy(in PolicyInput) (Report, error) {
	if in.At < 0 || in.At >= len(in.Economics.Values) {
		return Report{}, fmt.Errorf("the brief is about value %d of %d of a unit of effect", in.At+1, len(in.Economics.Values))
	}
	var err error
	if in.in, err = LanguageOf(in.Lang); err != nil {
		return Report{}, err
	}
	answer, err := in.answer()
	if err != nil {
		return Report{}, err
	}
	r := Report{
		Title: "Policy brief", Subtitle: in.Scenario.Title, Audience: "those who pay for and plan programs", Lang: in.in.Tag(),
		Sections:   []Section{answer, in.strategies(), in.worth(), in.budget(), in.sensitivity(), in.methods(), in.cheers()},
		Provenance: Provenance{Facts: in.Facts},
	}
	for _, w := range in.Economics.Warnings {
		r.Warnings = append(r.Warnings, Warning{Code: w.Code, Text: upper(w.Message) + ".", Lang: "en"})
	}
	return in.in.Translate(r), nil
}

// text writes a text in the brief's language, and usd an amount.
func (in PolicyInput) text(english string, arguments ...any) string {
	return in.in.Text(english, arguments...)
}

// usd is an amount with its currency.
func (in PolicyInput) usd(v analysis.Num) string { return in.in.Number(float64(v)) + " " + in.code() }

// code is the currency, and amount a sum of it.
func (in PolicyInput) code() string {
	code, _ := in.Scenario.Money()
	return code
}

func (in PolicyInput) amount(v float64) string { return in.usd(analysis.Num(v)) }

// priceDate says what prices costs are of, and what was moved.
func (in PolicyInput) priceDate() string {
	switch {
	case in.Scenario.PriceYear == 0:
		return in.text("{0}; prices are as the evidence and the designs state them, not moved to one year", in.code())
	case len(in.Scenario.Moved) == 0:
		return in.text("{0}; nothing was moved", in.Scenario.MoneyName())
	}
	return in.text("{0}; what was moved, by which index and from which source, stands in the settings under Methods", in.Scenario.MoneyName())
}

func (in PolicyInput) value() economics.AtWillingness { return in.Economics.Values[in.At] }

// figureOf is a number with decimals for its size.
func figureOf(v float64, decimals int) Cell {
	c := money(v)
	c.Format.Decimals = decimals
	if math.IsNaN(v) {
		c.Why = "not available"
	}
	return c
}

// spanned is a number with an interval where there is one.
func spanned(v, low, high float64, decimals int) Cell {
	c := figureOf(v, decimals)
	if !math.IsNaN(low) && !math.IsNaN(high) {
		c.Low, c.High, c.Format.Kind = low, high, Interval
	}
	return c
}

// reasoned is because in the words of an analysis.
func reasoned(c Cell, reason string) Cell {
	if c = because(c, reason); reason != "" {
		c.Lang = "en"
	}
	return c
}

func because(c Cell, reason string) Cell {
	if math.IsNaN(c.Value) && reason != "" {
		c.Why = reason
	}
	return c
}

// answer is the first page. Its sentences follow rules that cannot say more than the
// simulation shows: a lead within 2 Monte Carlo standard errors is none, a single draw has
// no probability, and a probability is one of draws of this model.
func (in PolicyInput) answer() (Section, error) {
	v := in.value()
	wtp := float64(v.WillingnessToPay)
	lead, err := economics.LeadAt(in.Draws, wtp)
	if err != nil {
		return Section{}, err
	}
	s := Section{ID: "answer", Title: "The answer on one page"}
	for _, text := range []string{in.choice(lead), in.sureness(lead), in.price(), in.changes()} {
		if text != "" {
			s.Blocks = append(s.Blocks, Paragraph{Text: Say(text)})
		}
	}
	s.Blocks = append(s.Blocks, in.tiles(lead))
	assumed, unverified := in.weak()
	s.Blocks = append(s.Blocks, Notice{Level: Caution, Title: "What this rests on", Text: Say(in.text(
		"A model, not observed patients: of {0} parameters {1} are assumed and {2} come from sources not yet checked. Monte Carlo errors and draws say how far the numbers of this model may be off by chance and by the spread its evidence states; they do not say how right the model is. Its known limits stand under Methods.",
		len(in.Evidence.Parameters), assumed, unverified))})
	return s, nil
}

func (in PolicyInput) weak() (assumed, unverified int) {
	for _, p := range in.Evidence.Parameters {
		switch p.Status {
		case evidence.Guess:
			assumed++
		case evidence.Unverified:
			unverified++
		}
	}
	return assumed, unverified
}

// settled says whether a lead is more than Monte Carlo error.
func settled(l economics.Lead) bool {
	return math.Abs(float64(l.Difference)) >= 2*float64(l.MCSE) // false where either is not known
}

// choice says which strategy.
func (in PolicyInput) choice(l economics.Lead) string {
	at := in.in.Number(float64(in.value().WillingnessToPay)) + " " + in.Scenario.MoneyName()
	switch {
	case l.Next == "":
		return in.text("There is one strategy, {0}, so there is nothing to choose between.", l.Best)
	case math.IsNaN(float64(l.MCSE)):
		return in.text("At {0} for a QALY {1} has the highest net benefit in this simulation, {2} a patient more than {3}; its Monte Carlo error is not known, so that lead may be chance.", at, l.Best, in.usd(l.Difference), l.Next)
	case !settled(l):
		return in.text("At {0} for a QALY this simulation does not tell {1} and {2} apart: their net benefits differ by {3} a patient, within 2 Monte Carlo standard errors ({4}).", at, l.Best, l.Next, in.usd(l.Difference), in.in.Number(float64(l.MCSE)))
	}
	return in.text("At {0} for a QALY {1} has the highest mean net benefit, {2} a patient more than {3} (Monte Carlo standard error {4}).", at, l.Best, in.usd(l.Difference), l.Next, in.in.Number(float64(l.MCSE)))
}

// sureness says how sure, over the draws of the parameters.
func (in PolicyInput) sureness(l economics.Lead) string {
	v := in.value()
	if l.Next == "" {
		return ""
	}
	if in.Economics.Draws < 2 {
		return in.text("The parameters stood at their base values, so nothing can be said of how sure that is: simulate 100 or more draws.")
	}
	p, se := float64(v.Probability), 0.0
	for _, d := range v.Strategies {
		if d.Strategy == v.Best {
			se = float64(d.ProbabilityMCSE)
		}
	}
	text := in.text("{0} is the best in {1} % of {2} draws of the parameters (Monte Carlo standard error {3} points).", v.Best, in.in.Digits(percentOf(p)), in.Economics.Draws, in.in.Digits(fmt.Sprintf("%.1f", 100*se)))
	if p < 0.5 {
		text += " " + in.text("That is fewer than half of them, although it is the best on average.")
	}
	if in.Economics.Draws < 100 {
		text += " " + in.text("So few draws give a coarse figure.")
	}
	return text + " " + in.text("Choosing now and being wrong in the others costs {0} a patient on average over all draws (expected value of perfect information).", in.usd(v.EVPI))
}

// percentOf writes a share in percent, with as many decimals as tell it from none and all.
func percentOf(p float64) string {
	for decimals := 0; ; decimals++ {
		text := strconv.FormatFloat(100*p, 'f', decimals, 64)
		v, _ := strconv.ParseFloat(text, 64)
		if decimals == 6 || (v > 0 || p <= 0) && (v < 100 || p >= 1) {
			return text
		}
	}
}

// price says what it costs in each year.
func (in PolicyInput) price() string {
	if len(in.Budget) == 0 {
		return ""
	}
	first, last := in.Budget[0], in.Budget[len(in.Budget)-1]
	say := func(y BudgetYear) string {
		pattern := "{0} more in year {1}"
		if y.Impact < 0 {
			pattern = "{0} less in year {1}"
		}
		text := in.text(pattern, in.amount(math.Abs(y.Impact)), y.Year)
		if !math.IsNaN(y.Lower) {
			text += " " + in.text("(95 % of draws: {0} to {1})", in.in.Number(y.Lower), in.in.Number(y.Upper))
		}
		return text
	}
	years := say(first)
	if len(in.Budget) > 1 {
		years = in.text("{0} and {1}", years, say(last))
	}
	return in.text("For {0} new patients a year at first, {1} of them in {2}, the budget of the {3} perspective is {4} than without it, not discounted.", in.in.Number(first.NewPatients), in.in.Number(first.OnProgram), in.Strategy, in.text(in.Scenario.Perspective), years)
}

// changes says what would change the answer.
func (in PolicyInput) changes() string {
	t := in.Tornado
	if t == nil {
		return ""
	}
	if math.Abs(float64(t.NetBenefit)) < 2*float64(t.NetBenefitMCSE) && len(t.Swings) > 2 {
		return in.text("{0} and {1} lie within Monte Carlo error of each other in the base case, so small changes may tip the choice; the parameters that move it most are {2}, {3} and {4}.", t.Strategy, t.Reference, t.Swings[0].Parameter, t.Swings[1].Parameter, t.Swings[2].Parameter)
	}
	var names []string
	for _, s := range t.Swings {
		if s.Changes && float64(s.Width) >= 2*math.Max(float64(s.AtLow.ChangeMCSE), float64(s.AtHigh.ChangeMCSE)) {
			names = append(names, s.Parameter)
		}
	}
	if len(names) == 0 {
		return in.text("No parameter that was moved alone to the ends of its 95 % range, by more than Monte Carlo error, makes another strategy the best; several together may.")
	}
	n := min(3, len(names))
	list := strings.Join(names[:n], ", ")
	if len(names) > n {
		list = in.text("{0} and {1} more", list, len(names)-n)
	}
	return in.text("Another strategy is the best when one of these parameters alone lies at an end of its 95 % range: {0}.", list)
}

func (in PolicyInput) tiles(l economics.Lead) Tiles {
	v := in.value()
	share := Cell{Value: float64(v.Probability), Low: math.NaN(), High: math.NaN(), SD: math.NaN(), Format: Format{Kind: Percent}, Basis: NoPatients()}
	if in.Economics.Draws < 2 {
		share.Why = "one set of parameters has no probability"
	}
	out := Tiles{Tiles: []Tile{
		{Label: "Lead in net benefit", Value: because(figureOf(float64(l.Difference), 0), "one strategy"), Detail: Say(in.text("{3} a patient, {0} over {1}; Monte Carlo standard error {2}", l.Best, l.Next, in.in.Number(float64(l.MCSE)), in.Scenario.MoneyName()))},
		{Label: "Best in share of draws", Value: share, Detail: Say(v.Best)},
	}}
	for _, c := range in.Economics.Against {
		if c.Strategy == in.Strategy {
			out.Tiles = append(out.Tiles, Tile{Label: "Cost of one QALY more", Value: reasoned(figureOf(float64(c.ICER), 0), c.Reason), Detail: Say(in.text("{0} against {1}", c.Strategy, c.Versus))})
		}
	}
	if len(in.Budget) > 0 {
		y := in.Budget[0]
		out.Tiles = append(out.Tiles, Tile{Label: "Budget impact in year 1", Value: spanned(y.Impact, y.Lower, y.Upper, 0), Detail: Say(in.Scenario.MoneyName() + ", " + in.Strategy)})
	}
	return out
}

// shownOutcomes are what strategies are shown to achieve.
var shownOutcomes = []string{"pain_change_horizon", "pain_responder_horizon", "interference_horizon", "off_opioids_horizon", "working_horizon", "sustained_return", "overdose", "death", "qaly", "cost"}

// outcome names an outcome of the simulation for readers.
func (in PolicyInput) outcome(name string) string {
	return in.text(strings.ReplaceAll(strings.TrimSuffix(name, "_horizon"), "_", " "))
}

func (in PolicyInput) strategies() Section {
	t := Table{ID: "outcomes", Caption: in.text("What each strategy achieves over {0} weeks: mean (95 % of draws)", in.Scenario.HorizonWeeks), Columns: []Column{{Label: "Outcome"}, {Label: "Unit"}}}
	for _, st := range in.Result.Strategies {
		t.Columns = append(t.Columns, Column{Label: st.Name, Align: Right})
	}
	notes := map[string]string{}
	for _, o := range in.Result.Outcomes {
		notes[o.Name] = o.Note
	}
	for i, e := range in.Result.Strategies[0].Estimates {
		if !slices.Contains(shownOutcomes, e.Outcome) {
			continue
		}
		row := Row{Cells: []Cell{Label(in.outcome(e.Outcome)), Label(e.Unit)}}
		for _, st := range in.Result.Strategies {
			x := st.Estimates[i]
			row.Cells = append(row.Cells, spanned(float64(x.Mean), float64(x.Lower), float64(x.Upper), places(float64(x.Mean))))
		}
		t.Rows = append(t.Rows, row)
		if n := notes[e.Outcome]; n != "" {
			t.Footnotes = append(t.Footnotes, Say(in.outcome(e.Outcome)+": ").join(foreign(n)))
		}
	}
	return Section{ID: "strategies", Title: "What each strategy achieves", Lead: Say(in.text("{0} draws of {1} simulated patients, the same patients under every strategy.", in.Result.Draws, in.Result.Patients)), Blocks: []Block{t}}
}

// places is how many decimals a number of a size is written with.
func places(v float64) int {
	switch v = math.Abs(v); {
	case v >= 100:
		return 0
	case v >= 10:
		return 1
	}
	return 3
}

func (in PolicyInput) worth() Section {
	t := Table{ID: "incremental", Caption: "Cost and QALYs of a patient by rising cost", Columns: []Column{{Label: "Strategy"}, {Label: "Cost", Unit: in.Scenario.MoneyName(), Align: Right}, {Label: "QALYs", Align: Right}, {Label: "More cost", Align: Right}, {Label: "More QALYs", Align: Right}, {Label: "ICER", Align: Right}, {Label: "Standing"}}}
	for _, x := range in.Economics.Table {
		t.Rows = append(t.Rows, Row{Cells: []Cell{
			Label(x.Strategy), figureOf(float64(x.Cost), 0), figureOf(float64(x.Effect), 3), reasoned(figureOf(float64(x.Comparison.Cost), 0), x.Reason), reasoned(figureOf(float64(x.Comparison.Effect), 3), x.Reason), reasoned(figureOf(float64(x.ICER), 0), x.Reason), Label(string(x.Status)),
		}})
	}
	t.Footnotes = []Words{Say("Increments are against the strategy before on the frontier. A dominated strategy costs no less and gains no more than another, or than a mix of two others (extended).")}
	s := Section{ID: "worth", Title: "Cost-effectiveness", Blocks: []Block{t}}
	if in.Economics.Draws < 2 || len(in.Draws.Strategies) < 2 {
		s.Blocks = append(s.Blocks, Notice{Level: CannotShow, Title: "No plane and no acceptability curve", Text: Say("They need two strategies and draws of the parameters: simulate 100 or more draws.")})
		return s
	}
	at := max(1, slices.Index(in.Draws.Strategies, in.Strategy))
	ceac := in.in.acceptability(in.Economics)
	if len(in.Curve.Values) > 0 {
		ceac = in.in.acceptability(in.Curve)
	}
	s.Blocks = append(s.Blocks, in.in.plane(in.Draws, at, float64(in.value().WillingnessToPay)), ceac)
	return s
}

func (in PolicyInput) budget() Section {
	s := Section{ID: "budget", Title: "Budget impact", Lead: Say("Patients come in at the start of each year and stay; nothing is discounted.")}
	if len(in.Budget) == 0 {
		s.Blocks = []Block{Notice{Level: CannotShow, Title: "No budget", Text: Say("It needs a strategy beside the reference.")}}
		return s
	}
	t := in.budgetYears()
	k := Table{ID: "budget-kinds", Caption: in.text("Impact by kind of cost, {0}", in.Scenario.MoneyName()), Columns: []Column{{Label: "Kind of cost"}}, Footnotes: []Words{Say(in.text("What stands above the total adds up to it, \"of which\" to the kind above. What stands below is not in the {0} total: other perspectives' totals, and kinds that only they count.", in.text(in.Scenario.Perspective)))}}
	for _, y := range in.Budget {
		k.Columns = append(k.Columns, Column{Label: in.text("Year {0}", y.Year), Align: Right})
	}
	for _, x := range in.Kinds {
		name := strings.ReplaceAll(x.Kind, "_", " ")
		switch x.PartOf {
		case "", "cost":
		default:
			name = in.text("of which {0}", in.text(strings.TrimPrefix(name, "cost ")))
		}
		row := Row{Cells: []Cell{Label(name)}, Total: x.Kind == "cost"}
		for _, v := range x.Impact {
			row.Cells = append(row.Cells, figureOf(v, 0))
		}
		k.Rows = append(k.Rows, row)
	}
	s.Blocks = append(s.Blocks, in.in.budget(in.Strategy, in.text("{0} perspective", in.text(in.Scenario.Perspective)), in.Scenario.MoneyName(), in.Budget), t)
	if len(in.PerPatient) > 0 {
		s.Blocks = append(s.Blocks, in.intake(), in.perPatient())
	}
	s.Blocks = append(s.Blocks, k)
	if len(in.Occupancy) > 0 {
		o := Table{ID: "break-even", Caption: "How full the program must be to cover its costs", Columns: []Column{{Label: "Income"}, {Label: "Of each patient", Unit: in.code(), Align: Right}, {Label: "Cost of a group", Unit: in.code(), Align: Right}, {Label: "Cost of each patient", Unit: in.code(), Align: Right}, {Label: "Patients to cover them", Align: Right}, {Label: "Share of places", Align: Right}}}
		for _, x := range in.Occupancy {
			share := Cell{Value: float64(x.Share), Low: math.NaN(), High: math.NaN(), Format: Format{Kind: Percent}, Basis: NoPatients()}
			o.Rows = append(o.Rows, Row{Cells: []Cell{Label(upper(x.From)).English(), figureOf(float64(x.Income), 0), figureOf(float64(x.Fixed), 0), figureOf(float64(x.Variable), 0), reasoned(figureOf(float64(x.Patients), 1), x.Reason), reasoned(share, x.Reason)}})
		}
		o.Footnotes = []Words{Say("Costs are of the planned weeks of a full group. Weeks by which phases are extended, and boosters, come on top of them.")}
		s.Blocks = append(s.Blocks, o)
	}
	if len(in.Success) > 0 {
		c := Table{ID: "success", Caption: in.text("What one more success costs against {0}", in.Success[0].Versus), Columns: []Column{{Label: "Success"}, {Label: "Of 100 patients", Align: Right}, {Label: "More of 100", Align: Right}, {Label: "MCSE", Align: Right}, {Label: "Cost per success", Unit: in.code(), Align: Right}}}
		for _, x := range in.Success {
			c.Rows = append(c.Rows, Row{Cells: []Cell{Label(in.outcome(x.Outcome)), figureOf(100*float64(x.Rate), 1), figureOf(100*float64(x.More), 1), figureOf(100*float64(x.MoreMCSE), 2), reasoned(figureOf(float64(x.PerSuccess), 0), x.Reason)}})
		}
		c.Footnotes = []Words{Say("All of the extra cost is set against each success in turn; the figures cannot be added.")}
		s.Blocks = append(s.Blocks, c)
	}
	return s
}

func (in PolicyInput) sensitivity() Section {
	s := Section{ID: "changes", Title: "What would change the answer"}
	if in.Tornado != nil {
		s.Blocks = append(s.Blocks, in.in.tornado(*in.Tornado))
		for _, w := range in.Tornado.Warnings {
			s.Blocks = append(s.Blocks, Notice{Level: Info, Title: "Monte Carlo error", Text: foreign(upper(w.Message) + ".")})
		}
	} else {
		s.Blocks = append(s.Blocks, Notice{Level: CannotShow, Title: "No tornado", Text: Say("It needs a strategy beside the reference.")})
	}
	if len(in.Information) > 0 {
		s.Blocks = append(s.Blocks, in.in.information(in.Information, in.At), Paragraph{Text: Say("The value of a parameter of little influence is biased upwards by about its Monte Carlo error, so short bars at the end of the list may be nothing.")})
	} else {
		s.Blocks = append(s.Blocks, Notice{Level: CannotShow, Title: "No value of information", Text: Say("It needs two strategies and 50 draws of the parameters, better a thousand.")})
	}
	return s
}

func (in PolicyInput) methods() Section {
	t := Table{ID: "conventions", Caption: "Settings that could have been otherwise", Columns: []Column{{Label: "Setting"}, {Label: "Here"}}}
	for _, c := range in.Result.Conventions {
		t.Rows = append(t.Rows, Row{Cells: []Cell{Label(c.Name).English(), Label(c.Value).English()}})
	}
	if len(in.Budget) > 0 {
		t.Rows = append(t.Rows, Row{Cells: []Cell{Label("budget impact, 95 % of draws"), Label("2.5th and 97.5th percentile of the draws, chance between patients included")}})
	}
	t.Rows = append(t.Rows, Row{Cells: []Cell{Label("one-way sensitivity"), Label("2.5th and 97.5th percentile of each parameter, the others at their base values, on the same patients and random numbers")}})
	e := Table{ID: "parameters", Caption: "Parameters", Columns: []Column{{Label: "Parameter"}, {Label: "Value", Align: Right}, {Label: "Unit"}, {Label: "Distribution"}, {Label: "Status"}, {Label: "Source"}}}
	for _, p := range in.Evidence.Parameters {
		e.Rows = append(e.Rows, Row{Cells: []Cell{Label(p.Name), Label(in.in.brief(p.Value)), Label(p.Unit).English(), Label(string(p.Distribution)).English(), Label(string(p.Status)), Label(p.Source).English()}})
	}
	s := Section{ID: "methods", Title: "Limits, methods and parameters"}
	for _, w := range in.Result.Warnings {
		s.Blocks = append(s.Blocks, Notice{Level: Caution, Title: "Limit", Text: foreign(upper(w.Message) + ".")})
	}
	s.Blocks = append(s.Blocks, t, e)
	return s
}

// cheers answers the items of CHEERS 2022: where each is reported, or that it is not.
func (in PolicyInput) cheers() Section {
	s := in.Scenario
	const not = "Not reported: for the authors of a publication to add"
	items := []struct{ topic, where string }{
		{"Title", in.text("Title: {0}", s.Title)},
		{"Abstract", "The answer on one page"},
		{"Background and objectives", orNot(s.Description, not)},
		{"Health economic analysis plan", "The scenario file is the plan; its digest is in the provenance. Whether it was fixed beforehand: not reported"},
		{"Study population", in.text("Simulated adults: age {0} (SD {1}), {2} % women, pain {3}, {4} % on opioids; the scenario has the rest", s.Population.Age.Mean, s.Population.Age.SD, math.Round(100*s.Population.Female), s.Population.Pain.Mean, math.Round(100*s.Population.OpioidShare))},
		{"Setting and location", not},
		{"Comparators", in.text("{0}; why chosen: not reported", strings.Join(s.Strategies, ", "))},
		{"Perspective", s.Perspective},
		{"Time horizon", in.text("{0} weeks; other horizons: recoup simulate sensitivity --scenarios", s.HorizonWeeks)},
		{"Discount rate", in.text("{0} for costs and {1} for effects a year", s.Discounting.Cost, s.Discounting.Effect)},
		{"Selection of outcomes", "What each strategy achieves; QALYs in cost-effectiveness"},
		{"Measurement of outcomes", "By the model, week by week; footnotes of the table of outcomes"},
		{"Valuation of outcomes", "Parameters utility.*, with their sources"},
		{"Measurement and valuation of resources and costs", "Program cost from staff hours, group size and bed days of the design; parameters cost.*"},
		{"Currency, price date, and conversion", in.priceDate()},
		{"Rationale and description of model", "Weekly simulation of individual patients; settings under Methods; recoup can be run by anyone"},
		{"Analytics and assumptions", "Settings under Methods; parameters with status assumed"},
		{"Characterising heterogeneity", "Patients differ in the model; results by subgroup: not reported"},
		{"Characterising distributional effects", not},
		{"Characterising uncertainty", in.uncertainty()},
		{"Approach to engagement with patients and others affected by the study", not},
		{"Study parameters", "Table of parameters: value, distribution, status, source"},
		{"Summary of main results", "The answer on one page; Cost-effectiveness"},
		{"Effect of uncertainty", "What would change the answer"},
		{"Effect of engagement with patients and others affected by the study", not},
		{"Study findings, limitations, generalisability, and current knowledge", "What this rests on; limits under Methods; current knowledge: not reported"},
		{"Source of funding", not},
		{"Conflicts of interest", not},
	}
	t := Table{ID: "cheers", Caption: "CHEERS 2022: where each item is reported", Columns: []Column{{Label: "Item", Align: Right}, {Label: "Topic"}, {Label: "Where, or what"}}, Footnotes: []Words{Say("Husereau and others 2022, 10.1007/s10198-021-01426-6.")}}
	for i, x := range items {
		t.Rows = append(t.Rows, Row{Cells: []Cell{Label(fmt.Sprint(i + 1)), Label(x.topic), Label(x.where)}})
	}
	return Section{ID: "cheers", Title: "Reporting standard", Blocks: []Block{t}}
}

func orNot(text, not string) string {
	if text = strings.TrimSpace(text); text == "" {
		return not
	}
	return text
}

func (in PolicyInput) uncertainty() string {
	if in.Economics.Draws < 2 {
		return "One-way sensitivity; Monte Carlo errors; draws of the parameters: none were simulated"
	}
	return in.text("{0} draws of all parameters, one-way sensitivity, value of information; Monte Carlo errors", in.Economics.Draws)
}
