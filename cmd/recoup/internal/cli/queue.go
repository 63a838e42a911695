package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"recoup/simulate"
	"recoup/simulate/queue"
)

// queueFlags are the flags of simulate queue, as written.
type queueFlags struct {
	arrivals, duration, patience, priority  string
	durationForm, patienceForm              string
	horizon, warmUp, fromEmpty, over        string
	durationCV                              float64
	servers, replications, batches, workers int
	noList                                  bool
	seed                                    uint64
	out                                     string
}

func (a *app) simulateQueue() *cobra.Command {
	var f queueFlags
	c := &cobra.Command{
		Use:   "queue",
		Short: "Find how long patients wait for a program of a given capacity",
		Long: `Find how long patients wait for a program with a number of places (--servers: beds,
group places, therapists) when patients come at random (a Poisson process), by formula
where there is one, and else by an event loop with Monte Carlo standard errors (MCSE).
With λ arrivals, a mean stay of 1/μ, c places and load a = λ/μ:

  Erlang C, M/M/c      exponential stays: P(wait) = B/(1 − ρ(1 − B)), ρ = a/c; mean wait
                       P(wait)/(cμ − λ)
  Erlang B, M/G/c/c    --no-list: B(c) = a·B(c−1)/(c + a·B(c−1)) are turned away,
                       whatever the distribution of stays
  Erlang A, M/M/c+M    --patience: exponential patience of mean 1/θ, by the balance of
                       births and deaths; never unstable
  M/D/c                --duration-form fixed, by the roots of Crommelin 1932
  M/G/1                one place: λE[S²]/(2(1 − ρ)), Pollaczek and Khinchine
  priorities           --priority: W₀/((1 − σₖ₋₁)(1 − σₖ)), Cobham 1954,
                       doi:10.1287/opre.2.1.70, exponential stays or one place

A free place goes to the most urgent class that waits, and in it to who came first;
nobody is sent away for another. Replications with seeds of their own give the MCSE;
with fewer than 10, the parts of the horizon do (batch means). The first 20 relaxation
times, 1/(√(cμ) − √λ)², are not counted (--warm-up).

When more arrive than can be served and nobody gives up, there is no long run: that is
refused, with the growth of the list, unless --from-empty asks what happens within a
time from an empty start.

Times are a number and a unit: 4weeks, 10days, 1.5months, 2years (of 365.25 days); the
answer is in the unit of --arrivals.

-o picks the format by its ending: .json, .csv or .txt.`,
		Example: `  recoup simulate queue --arrivals 5/week --servers 24 --duration 4weeks
  recoup simulate queue --arrivals 7/week --servers 24 --duration 4weeks --patience 8weeks --over 2weeks --replications 10
  recoup simulate queue --arrivals 5/week --servers 24 --duration 4weeks --priority urgent=0.2,routine=0.8 --duration-form fixed --json
  recoup simulate queue --arrivals 10/week --servers 24 --duration 3weeks --from-empty 1year`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.runQueue(c.Context(), f) },
	}
	c.Flags().StringVar(&f.arrivals, "arrivals", "", "patients who come: a number and a unit, as 5/week")
	c.Flags().IntVar(&f.servers, "servers", 0, "places")
	c.Flags().StringVar(&f.duration, "duration", "", "mean stay, as 4weeks")
	c.Flags().StringVar(&f.durationForm, "duration-form", string(queue.ExponentialTime), "distribution of stays: exponential, fixed or lognormal")
	c.Flags().Float64Var(&f.durationCV, "duration-cv", 0.5, "coefficient of variation of lognormal stays")
	c.Flags().StringVar(&f.patience, "patience", "", "mean time until a patient gives up waiting; never where not given")
	c.Flags().StringVar(&f.patienceForm, "patience-form", string(queue.ExponentialTime), "distribution of patience: exponential or fixed")
	c.Flags().StringVar(&f.priority, "priority", "", "classes and their shares of arrivals, the most urgent first: urgent=0.2,routine=0.8")
	c.Flags().BoolVar(&f.noList, "no-list", false, "who finds no place is turned away")
	c.Flags().StringVar(&f.fromEmpty, "from-empty", "", "what happens within this time from an empty start")
	c.Flags().StringVar(&f.over, "over", "", "also the share of patients who wait longer than this")
	c.Flags().StringVar(&f.warmUp, "warm-up", "", "time not counted at the start of each replication")
	c.Flags().StringVar(&f.horizon, "horizon", "", "time counted in each replication")
	c.Flags().IntVar(&f.replications, "replications", 0, "replications of the event loop; 0 for none where there is a formula, else 20")
	c.Flags().IntVar(&f.batches, "batches", 20, "parts of a replication for batch means")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "of the event loop")
	c.Flags().IntVar(&f.workers, "workers", 0, "goroutines; 0 for one a processor; the result does not depend on it")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format")
	return c
}

// days of each unit of time.
var days = map[string]float64{"day": 1, "week": 7, "month": 365.25 / 12, "year": 365.25}

// timeUnit returns a unit by its name, in the singular or plural.
func timeUnit(name string) (string, bool) {
	name = strings.TrimSuffix(strings.TrimSpace(name), "s")
	_, ok := days[name]
	return name, ok
}

// span reads a time such as 4weeks in a unit.
func span(flag, text, unit string) (float64, error) {
	at := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if at > 0 {
		x, err := strconv.ParseFloat(text[:at], 64)
		if u, ok := timeUnit(text[at:]); ok && err == nil && x > 0 && !math.IsInf(x, 0) {
			return x * days[u] / days[unit], nil
		}
	}
	return 0, usagef("--%s: expected a time over 0 such as 4weeks, with days, weeks, months or years", flag)
}

// rate reads arrivals such as 5/week.
func rate(text string) (x float64, unit string, err error) {
	number, per, _ := strings.Cut(text, "/")
	x, err = strconv.ParseFloat(strings.TrimSpace(number), 64)
	unit, ok := timeUnit(per)
	if err != nil || !ok || !(x > 0) || math.IsInf(x, 0) {
		return 0, "", usagef("--arrivals: expected a number over 0 and a unit such as 5/week, with day, week, month or year")
	}
	return x, unit, nil
}

// classes reads the shares of the classes.
func classes(text string, arrivals float64, patience queue.Time) ([]queue.Class, error) {
	if text == "" {
		return []queue.Class{{Arrivals: arrivals, Patience: patience}}, nil
	}
	var out []queue.Class
	sum := 0.0
	seen := map[string]bool{}
	for _, part := range strings.Split(text, ",") {
		name, share, ok := strings.Cut(part, "=")
		x, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		if name = strings.TrimSpace(name); !ok || err != nil || !(x > 0 && x <= 1) || name == "" || seen[name] {
			return nil, usagef("--priority: expected different names and shares over 0 such as urgent=0.2,routine=0.8")
		}
		seen[name] = true
		sum += x
		out = append(out, queue.Class{Name: name, Arrivals: arrivals * x, Patience: patience})
	}
	if math.Abs(sum-1) > 1e-9 {
		return nil, usagef("--priority: the shares sum to %.10g, not 1", sum)
	}
	return out, nil
}

// system turns the flags into a queue, the size of its run and the unit of time.
func (f queueFlags) system() (s queue.System, z queue.Size, unit string, err error) {
	arrivals, unit, err := rate(f.arrivals)
	if err != nil {
		return s, z, unit, err
	}
	times := map[string]float64{}
	for _, t := range []struct{ flag, text string }{{"duration", f.duration}, {"patience", f.patience}, {"from-empty", f.fromEmpty}, {"warm-up", f.warmUp}, {"horizon", f.horizon}, {"over", f.over}} {
		if t.text == "" && t.flag != "duration" {
			continue
		}
		if times[t.flag], err = span(t.flag, t.text, unit); err != nil {
			return s, z, unit, err
		}
	}
	if f.servers < 1 || f.replications < 0 || f.batches < 1 || f.workers < 0 {
		return s, z, unit, usagef("expected --servers and --batches of at least 1, --replications and --workers of at least 0")
	}
	if f.fromEmpty != "" && (f.warmUp != "" || f.horizon != "") {
		return s, z, unit, usagef("expected --from-empty alone, or --warm-up and --horizon")
	}
	if f.noList && f.patience != "" {
		return s, z, unit, usagef("expected --no-list or --patience: without a list nobody waits")
	}
	s = queue.System{Servers: f.servers, NoList: f.noList, Service: queue.Time{Mean: times["duration"], Form: queue.Form(f.durationForm), CV: f.durationCV}}
	patience := queue.Time{Mean: times["patience"], Form: queue.Form(f.patienceForm)}
	if s.Classes, err = classes(f.priority, arrivals, patience); err != nil {
		return s, z, unit, err
	}
	z = s.Default()
	z.Seed, z.Replications, z.Batches, z.Over = f.seed, f.replications, f.batches, times["over"]
	if f.warmUp != "" {
		z.WarmUp = times["warm-up"]
	}
	if f.horizon != "" {
		z.Horizon = times["horizon"]
	}
	if f.fromEmpty != "" {
		z.Empty, z.WarmUp, z.Horizon, z.Batches = true, 0, times["from-empty"], 1
		if z.Replications == 0 {
			z.Replications = 200
		}
	}
	return s, z, unit, nil
}

// waitingList is the envelope of a queue's answer.
type waitingList struct {
	Schema     string  `json:"schema"`
	Provenance build   `json:"provenance"`
	Seed       uint64  `json:"seed"`
	Unit       string  `json:"unit_of_time"`
	Arrivals   float64 `json:"arrivals"`
	Servers    int     `json:"servers"`
	Duration   float64 `json:"duration"`
	Form       string  `json:"duration_form"`
	Patience   float64 `json:"patience"` // 0: nobody gives up
	queue.Answer
}

func (a *app) runQueue(ctx context.Context, f queueFlags) error {
	format, err := formatOf(f.out, a.json, ".json", ".csv", ".txt")
	if err != nil {
		return err
	}
	s, z, unit, err := f.system()
	if err != nil {
		return err
	}
	report, stop := a.progress("Simulating")
	answer, err := queue.Solve(ctx, s, z, queue.Options{Workers: f.workers, Progress: report})
	stop()
	if errors.Is(err, queue.ErrSettings) || errors.Is(err, queue.ErrUnstable) {
		return usageError{fmt.Errorf("%w (unit of time: %s)", err, unit)}
	}
	if err != nil {
		return err
	}
	r := waitingList{"recoup.queue/v1", thisBuild(), f.seed, unit, 0, s.Servers, s.Service.Mean, f.durationForm, s.Classes[0].Patience.Mean, answer}
	for _, c := range s.Classes {
		r.Arrivals += c.Arrivals
	}
	for i := range r.Measures {
		r.Measures[i].Unit = strings.Replace(strings.Replace(r.Measures[i].Unit, "unit of time", unit, 1), "time", unit+"s", 1)
	}
	return a.emit(ctx, f.out, format, result{json: r, table: r.grid(full), text: r.text})
}

func (r waitingList) grid(write func(simulate.Num) string) grid {
	g := grid{head: []string{"measure", "class", "unit", "exact", "simulated", "mcse"}, right: []bool{false, false, false, true, true, true}}
	for _, m := range r.Measures {
		g.rows = append(g.rows, []string{m.Name, m.Class, m.Unit, write(m.Exact), write(m.Mean), write(m.MCSE)})
	}
	return g
}

func (r waitingList) text(w io.Writer) {
	fmt.Fprintf(w, "%.6g arrivals a %s, %d places, %s stay of %.6g %ss", r.Arrivals, r.Unit, r.Servers, r.Form, r.Duration, r.Unit)
	if r.Patience > 0 {
		fmt.Fprintf(w, ", patience of %.6g %ss", r.Patience, r.Unit)
	}
	fmt.Fprint(w, "\n\n")
	r.grid(func(n simulate.Num) string { return number(float64(n)) }).text(w)
	fmt.Fprintln(w)
	if r.Formula != "" {
		fmt.Fprintf(w, "formula: %s\n", r.Formula)
	}
	if r.Errors != "" {
		fmt.Fprintf(w, "simulated: %d replications of %.6g %ss after %.6g not counted, %d events, seed %d; errors by %s\n", r.Runs, r.Horizon, r.Unit, r.WarmUp, r.Events, r.Seed, r.Errors)
	}
	for _, x := range r.Warnings {
		fmt.Fprintf(w, "warning: %s [%s]\n", x.Message, x.Code)
	}
}
