package meta

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/datasets/published"
)

// surgery are the words of procedures that are operations.
func surgical(procedure string) bool {
	return slices.ContainsFunc([]string{"fusion", "discectomy", "surgery", "decompression", "stenosis", "laminectomy"}, func(w string) bool { return strings.Contains(procedure, w) })
}

// Benchmarks pools the published shares of an outcome after surgery, a pool for each
// definition and payer: never across them, since another definition counts other people
// as successes and another payer has other patients. Of a study the overall figure at
// the longest horizon after treatment counts once; figures of a time before it, claims,
// and shares without a number of patients are left out and said so. Shares are pooled
// by their logit.
func Benchmarks(f published.Filter, p Plan) (analysis.Result, error) {
	o, err := p.complete()
	if err != nil {
		return analysis.Result{}, err
	}
	if f.Outcome == "" {
		f.Outcome = "work"
	}
	f.Measure = string(published.Proportion)
	m, _ := FindMeasure("PLO")
	r := analysis.Result{Estimates: []analysis.Estimate{}, Warnings: []analysis.Warning{}, Settings: (&Studies{Measure: m, Ask: Ask{Zero: ZeroOnly}}).settings(Plan{Options: o})}
	r.Settings["outcome"] = f.Outcome
	chosen, left := choose(published.Select(f))
	r.Excluded = left
	keys := map[[2]string][]figure{}
	var order [][2]string
	for _, x := range chosen {
		key := [2]string{x.Definition, orElse(x.mix.Payer, "payer not stated")}
		if keys[key] == nil {
			order = append(order, key)
		}
		keys[key] = append(keys[key], x)
	}
	if len(order) == 0 {
		return r, fmt.Errorf("%w: no published share of this outcome after surgery has a number of patients", analysis.ErrCannot)
	}
	slices.SortFunc(order, func(a, b [2]string) int { return strings.Compare(a[0]+"\x00"+a[1], b[0]+"\x00"+b[1]) })
	t := analysis.Table{Name: "studies", Title: "What was pooled", Columns: []string{"definition", "payer", "study", "procedure", "horizon", "share", "n", "status"}}
	for _, key := range order {
		s := Studies{Measure: m, Ask: Ask{Zero: ZeroOnly}}
		for _, x := range keys[key] {
			n := float64(x.N)
			s.Rows = append(s.Rows, Row{Study: x.id, N: n, Effect: LogitShare(x.Share()*n, n, ZeroOnly)})
			t.Rows = append(t.Rows, []analysis.Value{analysis.Text(key[0]), analysis.Text(key[1]), analysis.Text(x.id), analysis.Text(x.mix.Procedure), analysis.Text(x.At.String()), num(x.Share()), num(n), analysis.Text(string(x.Status))})
		}
		pooled, err := Pool(s.Effects(), nil, nil, o)
		if err != nil {
			return r, err
		}
		for _, e := range s.pooled(pooled, key[1]) {
			e.Outcome, e.Definition = f.Outcome, key[0]
			r.Estimates = append(r.Estimates, cautioned(e, keys[key]))
		}
	}
	r.Tables = []analysis.Table{t}
	return r, nil
}

// figure is one published share with its study.
type figure struct {
	published.Result
	id  string
	mix published.CaseMix
}

// choose picks one figure of each study, arm and definition.
func choose(entries []published.Entry) (chosen []figure, left []datasets.Exclusion) {
	reasons := map[string]int{}
	for _, e := range entries {
		best := map[string]figure{}
		var order []string
		whole := slices.ContainsFunc(e.Arms, func(a published.Arm) bool { return a.Name == "all" }) // other arms are parts of it
		for _, r := range e.Results {
			x := figure{r, e.ID, e.CaseMix(r)}
			switch {
			case !surgical(x.mix.Procedure):
				continue
			case r.Status == published.Claim:
				reasons["a claim without a source"]++
				continue
			case r.Group != "" || r.At.After == "entry" || whole && r.Arm != "all":
				reasons["of a part of the patients, or before treatment"]++
				continue
			case r.N < 1 || !LogitShare(r.Share()*float64(r.N), float64(r.N), ZeroOnly).known():
				reasons["no number of patients, so no error"]++
				continue
			}
			key := r.Arm + "\x00" + r.Definition
			if b, ok := best[key]; !ok {
				order = append(order, key)
				best[key] = x
			} else if days := r.At.Days(); days > b.At.Days() || math.IsNaN(b.At.Days()) {
				best[key] = x
			}
		}
		for _, key := range order {
			chosen = append(chosen, best[key])
		}
	}
	for _, why := range []string{"a claim without a source", "of a part of the patients, or before treatment", "no number of patients, so no error"} {
		if n := reasons[why]; n > 0 {
			left = append(left, datasets.Exclusion{Code: "not-pooled", Table: "published figures", Rows: n, Reason: why})
		}
	}
	slices.SortStableFunc(chosen, func(a, b figure) int { return strings.Compare(a.id, b.id) })
	return chosen, left
}

// cautioned adds what a reader of a benchmark must know.
func cautioned(e analysis.Estimate, list []figure) analysis.Estimate {
	var procedures, horizons []string
	for _, x := range list {
		procedures, horizons = append(procedures, x.mix.Procedure), append(horizons, x.At.String())
		if x.Status == published.Unverified && e.Term == "pooled" {
			e = e.Warn(analysis.WarnUnverified, x.id+" is not verified in its source", "check it before use")
		}
		if x.Complement && e.Term == "pooled" {
			e = e.Warn(analysis.WarnAssumption, "the share of "+x.id+" is the complement of what was measured", "")
		}
	}
	for _, x := range [][]string{procedures, horizons} {
		slices.Sort(x)
		if x = slices.Compact(x); len(x) > 1 && e.Term == "pooled" {
			e = e.Warn(analysis.WarnCaseMix, "studies differ: "+strings.Join(x, "; "), "read the single studies")
		}
	}
	return e
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
