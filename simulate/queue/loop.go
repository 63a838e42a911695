package queue

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"

	"recoup/simulate/stream"
)

// Form is the distribution of a time.
type Form string

// The forms of a time with a given mean.
const (
	ExponentialTime Form = "exponential" // default
	FixedTime       Form = "fixed"
	LogNormalTime   Form = "lognormal" // with a coefficient of variation
)

// Time is a random time.
type Time struct {
	Mean float64
	Form Form
	CV   float64 // coefficient of variation of LogNormalTime
}

// Class is a kind of patients who share an urgency.
type Class struct {
	Name     string
	Arrivals float64 // in a unit of time
	Patience Time    // a mean of 0 or +Inf for patients who never give up
}

// System is a program with a waiting list.
type System struct {
	Classes []Class // the most urgent first
	Servers int     // places
	Service Time
	NoList  bool // who finds no place is turned away
}

// Size is how much is simulated; the result depends on nothing else.
type Size struct {
	Seed         uint64
	Replications int
	WarmUp       float64 // time left out at the start of each replication
	Horizon      float64 // time counted after it
	Batches      int     // equal parts of the horizon, at least 1
	Empty        bool    // no warm-up is meant: the first patients find an empty program
	Over         float64 // count the patients who wait longer than this; 0 for no such count
}

// Options are settings on which the result does not depend.
type Options struct {
	Workers  int // 0 for one a processor
	Progress func(done, total int)
}

// Tally is what happened in one part of a run to the patients of one class.
type Tally struct {
	Arrived, Waited, Lost int     // who came in this part; of them, waited at all; gave up or were turned away
	Over                  int     // of them, waited longer than Size.Over
	Wait                  float64 // sum of the waits of those who came in this part, given up or not
	ListArea              float64 // time-integral of the number waiting
	BusyArea              float64 // time-integral of the places busy
}

// Run is one replication: tallies by part and class.
type Run struct {
	Parts  [][]Tally
	Events int // arrivals, departures and patients giving up, warm-up included
	AtEnd  []int
}

// Check says what is wrong with a system or size.
func (s System) Check(z Size) error {
	if len(s.Classes) == 0 || s.Servers < 1 || s.Servers > 1_000_000 {
		return fmt.Errorf("%w: it needs at least one class of patients and 1 to 1,000,000 places", ErrSettings)
	}
	if err := s.Service.check("time in the program"); err != nil {
		return err
	}
	for i, c := range s.Classes {
		if !(c.Arrivals > 0) || math.IsInf(c.Arrivals, 1) {
			return fmt.Errorf("%w: the arrivals of class %d must be a finite number over 0", ErrSettings, i+1)
		}
		if c.impatient() {
			if err := c.Patience.check("patience"); err != nil {
				return err
			}
		}
	}
	if z.Replications < 1 || z.Batches < 1 || !(z.WarmUp >= 0) || !(z.Horizon > 0) || math.IsInf(z.WarmUp+z.Horizon, 1) || !(z.Over >= 0) {
		return fmt.Errorf("%w: a run needs at least 1 replication and 1 part, a warm-up of at least 0, a horizon over 0 and a wait to count from of at least 0", ErrSettings)
	}
	rate, _ := s.demand()
	if n := rate * (z.WarmUp + z.Horizon) * float64(z.Replications); n > maxPatients {
		return fmt.Errorf("%w: the run would take %.1g patients, more than %.1g; the queue may be very near what it can serve: give a shorter warm-up and horizon", ErrSettings, n, float64(maxPatients))
	}
	return s.bounded(z)
}

// maxPatients bounds a run: about an hour of one processor.
const maxPatients = 2e10

// bounded refuses runs whose patients would wait for ever.
func (s System) bounded(z Size) error {
	if z.Empty || s.NoList {
		return nil
	}
	rate, patient := s.demand()
	if !patient {
		return nil
	}
	return stable(rate, s.Service.Mean, s.Servers)
}

// demand returns the arrivals of all classes, and whether any of them never gives up.
func (s System) demand() (rate float64, patient bool) {
	for _, c := range s.Classes {
		rate += c.Arrivals
		patient = patient || !c.impatient()
	}
	return rate, patient
}

func (c Class) impatient() bool { return c.Patience.Mean != 0 && !math.IsInf(c.Patience.Mean, 1) }

func (t Time) check(what string) error {
	switch t.Form {
	case ExponentialTime, FixedTime, "":
	case LogNormalTime:
		if !(t.CV > 0) || math.IsInf(t.CV, 1) {
			return fmt.Errorf("%w: a lognormal %s needs a coefficient of variation over 0", ErrSettings, what)
		}
	default:
		return fmt.Errorf("%w: unknown form %q of the %s: use %s, %s or %s", ErrSettings, t.Form, what, ExponentialTime, FixedTime, LogNormalTime)
	}
	if !(t.Mean > 0) || math.IsInf(t.Mean, 1) {
		return fmt.Errorf("%w: the mean %s must be a finite time over 0", ErrSettings, what)
	}
	return nil
}

// sampler draws times of one form.
type sampler struct {
	form       Form
	mean       float64
	mu, spread float64 // of the logarithm
}

func (t Time) sampler() sampler {
	v := math.Log1p(t.CV * t.CV)
	return sampler{t.Form, t.Mean, math.Log(t.Mean) - v/2, math.Sqrt(v)}
}

func (s *sampler) draw(word uint64) float64 {
	u := stream.Uniform(word)
	switch s.form {
	case FixedTime:
		return s.mean
	case LogNormalTime:
		return stream.Exp(s.mu + float64(s.spread*stream.Normal(u)))
	}
	return -s.mean * stream.Log(u)
}

// Simulate runs the replications, each with random numbers of its own, on any number
// of workers with the same result.
func Simulate(ctx context.Context, s System, z Size, o Options) ([]Run, error) {
	if err := s.Check(z); err != nil {
		return nil, err
	}
	workers := o.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	runs := make([]Run, z.Replications)
	todo := make(chan int)
	var wait sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range min(workers, z.Replications) {
		wait.Go(func() {
			for i := range todo {
				runs[i] = s.replicate(ctx, z, uint64(i))
				mu.Lock()
				if done++; o.Progress != nil {
					o.Progress(done, z.Replications)
				}
				mu.Unlock()
			}
		})
	}
	for i := range runs {
		if ctx.Err() != nil {
			break
		}
		todo <- i
	}
	close(todo)
	wait.Wait()
	return runs, ctx.Err()
}

// waiting is one patient on the list.
type waiting struct {
	arrived, deadline float64
	service           float64
}

// line is the list of one class, first come first.
type line struct {
	at    []waiting
	first int
}

func (l *line) push(w waiting) {
	if l.first > 1024 && l.first*2 > len(l.at) {
		l.at = l.at[:copy(l.at, l.at[l.first:])]
		l.first = 0
	}
	l.at = append(l.at, w)
}

func (l *line) empty() bool { return l.first == len(l.at) }

// loop is one replication as it runs. Patients who give up are noticed when they
// would be called, so they need no events of their own: their wait ends at their
// deadline all the same.
type loop struct {
	z          Size
	part       float64 // length of a part
	end        float64
	lines      []line
	departures []float64 // a heap, the next first
	run        Run
	waitsOpen  int // counted patients still on the list
}

func (s System) replicate(ctx context.Context, z Size, id uint64) Run {
	l := &loop{z: z, part: z.Horizon / float64(z.Batches), end: z.WarmUp + z.Horizon, lines: make([]line, len(s.Classes))}
	l.run.Parts = make([][]Tally, z.Batches)
	for i := range l.run.Parts {
		l.run.Parts[i] = make([]Tally, len(s.Classes))
	}
	l.departures = make([]float64, 0, s.Servers)
	rate, cuts := 0.0, make([]float64, len(s.Classes))
	for i, c := range s.Classes {
		rate += c.Arrivals
		cuts[i] = rate
	}
	key := stream.New(z.Seed, "queue").Sub(id).Key()
	service := s.Service.sampler()
	patience := make([]sampler, len(s.Classes))
	for i, c := range s.Classes {
		patience[i] = c.Patience.sampler()
	}
	// Patient n has the words 4n (arrival), 4n+1 (class), 4n+2 (time in the program)
	// and 4n+3 (patience), so systems are compared on the same patients.
	next := -stream.Log(stream.Uniform(stream.Word(key, 0))) / rate
	for n := uint64(0); ; {
		if len(l.departures) > 0 && l.departures[0] <= next {
			l.depart()
			continue
		}
		if next >= l.end && l.waitsOpen == 0 || z.Empty && next >= l.end {
			break
		}
		if next >= l.end {
			l.purge(next)
		}
		if n&0xFFFF == 0 && ctx.Err() != nil {
			return l.run
		}
		class := 0
		if len(cuts) > 1 {
			for u := rate * stream.Uniform(stream.Word(key, 4*n+1)); class+1 < len(cuts) && u >= cuts[class]; {
				class++
			}
		}
		deadline := math.Inf(1)
		if s.Classes[class].impatient() {
			deadline = next + patience[class].draw(stream.Word(key, 4*n+3))
		}
		l.arrive(class, s, waiting{next, deadline, service.draw(stream.Word(key, 4*n+2))})
		n++
		next -= stream.Log(stream.Uniform(stream.Word(key, 4*n))) / rate
	}
	l.close()
	return l.run
}

// counted returns the tally of the part in which a patient came, nil outside.
func (l *loop) counted(class int, arrived float64) *Tally {
	if arrived < l.z.WarmUp || arrived >= l.end {
		return nil
	}
	return &l.run.Parts[min(int((arrived-l.z.WarmUp)/l.part), l.z.Batches-1)][class]
}

func (l *loop) arrive(class int, s System, w waiting) {
	l.run.Events++
	t := l.counted(class, w.arrived)
	if t != nil {
		t.Arrived++
	}
	switch {
	case len(l.departures) < s.Servers:
		l.push(w.arrived + w.service)
		l.spread(class, w.arrived, w.arrived+w.service, true)
	case s.NoList:
		if t != nil {
			t.Lost++
			t.Waited++
		}
	default:
		l.lines[class].push(w)
		if t != nil {
			t.Waited++
			l.waitsOpen++
		}
	}
}

// depart frees a place and gives it to the first of the most urgent who still waits.
func (l *loop) depart() {
	l.run.Events++
	now := l.departures[0]
	for class := range l.lines {
		for line := &l.lines[class]; !line.empty(); {
			w := line.at[line.first]
			line.first++
			if l.leave(class, w, now) {
				l.replace(now + w.service)
				l.spread(class, now, now+w.service, true)
				return
			}
		}
	}
	l.pop()
}

// leave takes a patient off the list, called or having given up before.
func (l *loop) leave(class int, w waiting, now float64) (called bool) {
	called = w.deadline > now
	until := math.Min(now, w.deadline)
	l.spread(class, w.arrived, until, false)
	t := l.counted(class, w.arrived)
	if t != nil {
		l.waitsOpen--
		t.Wait += until - w.arrived
		if l.z.Over > 0 && until-w.arrived > l.z.Over {
			t.Over++
		}
	}
	if !called {
		l.run.Events++
		if t != nil {
			t.Lost++
		}
	}
	return called
}

// purge takes off the list who has given up and stands first, so that a run ends even
// if the more urgent take every place.
func (l *loop) purge(now float64) {
	for class := range l.lines {
		for line := &l.lines[class]; !line.empty() && line.at[line.first].deadline <= now; line.first++ {
			l.leave(class, line.at[line.first], now)
		}
	}
}

// close ends the waits of those still on the list at the end of a run from empty.
func (l *loop) close() {
	l.run.AtEnd = make([]int, len(l.lines))
	for class := range l.lines {
		line := &l.lines[class]
		for _, w := range line.at[line.first:] {
			if w.deadline > l.end && w.arrived < l.end {
				l.run.AtEnd[class]++
			}
			l.leave(class, w, l.end)
		}
		line.first = len(line.at)
	}
}

// spread adds a stretch of time on the list or in a place to the parts it lies in.
func (l *loop) spread(class int, from, to float64, busy bool) {
	from, to = math.Max(from, l.z.WarmUp), math.Min(to, l.end)
	for from < to {
		i := min(int((from-l.z.WarmUp)/l.part), l.z.Batches-1)
		until := math.Min(to, l.z.WarmUp+float64(float64(i+1)*l.part))
		if until <= from || i == l.z.Batches-1 {
			until = to
		}
		if busy {
			l.run.Parts[i][class].BusyArea += until - from
		} else {
			l.run.Parts[i][class].ListArea += until - from
		}
		from = until
	}
}

// push, replace and pop keep the heap of departures.
func (l *loop) push(t float64) {
	l.departures = append(l.departures, t)
	h := l.departures
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up] <= t {
			break
		}
		h[i], h[up] = h[up], t
		i = up
	}
}

func (l *loop) replace(t float64) {
	h := l.departures
	i := 0
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if h[c] >= t {
			break
		}
		h[i] = h[c]
		i = c
	}
	h[i] = t
}

func (l *loop) pop() {
	last := len(l.departures) - 1
	t := l.departures[last]
	if l.departures = l.departures[:last]; last > 0 {
		l.replace(t)
	}
}
