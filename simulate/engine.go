// Package simulate runs individual-level simulations: patients in blocks of
// 256, parameter sets (draws) outside, strategies inside, so that strategies
// are compared on the same patients, the same parameters and the same random
// numbers.
//
// The result depends on the seed and the model alone: random numbers are
// addressed by (seed, draw, patient, cycle, purpose), and blocks are added up in
// the order of a fixed tree, whatever the number of workers, the shards a run is
// cut into, or the times it was stopped and resumed.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"recoup/simulate/internal/lanes"
	"recoup/simulate/stream"
)

// BlockSize is the number of patients of a canonical block. It is part of the
// definition of the result: sums are made within blocks, then across them.
const BlockSize = 256

// Outcome is one number a patient has at the end.
type Outcome struct {
	Name string `json:"name"` // as in "pain_52w"
	Unit string `json:"unit"`
	Note string `json:"note,omitempty"` // whose outcome it is, how it is defined
	// PartOf names the outcome that this one is summed into, with every other that names
	// it; empty for one that no other holds.
	PartOf string `json:"part_of,omitempty"`
}

// Series is one quantity followed over time.
type Series struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	Note string `json:"note,omitempty"`
	// Low and High bound the values for quantiles, which are found from Bins equal
	// bins and so are exact to one bin. Without bins there are no quantiles.
	Low  float64 `json:"-"`
	High float64 `json:"-"`
	Bins int     `json:"-"`
}

// Spec says what a model computes.
type Spec struct {
	Strategies []string // the first is the reference of differences
	Outcomes   []Outcome
	Series     []Series
	Points     int    // points in time of every series
	Cost       string // name of the outcome that counts as cost
	Effect     string // name of the outcome that counts as effect
}

// Model is what the engine runs. It must be safe for concurrent reading.
type Model interface {
	Spec() Spec
	// NewWorker returns a worker with memory of its own; each goroutine has one.
	NewWorker() Worker
}

// Preparer is a Model that compiles parameter sets as they are needed.
type Preparer interface {
	Model
	// Prepare makes draws from..to−1 ready; the engine calls it while no worker
	// runs, with from and to that never fall.
	Prepare(from, to int) error
	// DrawBytes is about how much memory a draw takes.
	DrawBytes() int64
}

// Worker simulates one block of patients.
type Worker interface {
	// Run simulates the patients of b under parameter set draw and a strategy
	// (its index in the Spec), fills every outcome and records every series. All
	// random numbers must come from the keys of the block.
	Run(draw, strategy int, b *Block)
}

// Size is how much is simulated.
type Size struct {
	Seed      uint64
	Draws     int // parameter sets, at least 1
	Patients  int // patients in each draw, at least 1
	Generator stream.Generator
	// Precision, if there is any, makes Draws x Patients one round: rounds are added
	// (of new draws; of new patients, in whole blocks, where Draws is 1) until every
	// target is met.
	Precision []Precision
}

// Options are the settings of a run on which its result does not depend.
type Options struct {
	// Workers is the number of goroutines; 0 means one for each processor.
	Workers int
	// Progress, if set, is told after each block how many of all patients have
	// been simulated. Calls do not overlap.
	Progress func(done, total int)
	// Memory is how many bytes the run may take; 0 for no limit.
	Memory int64
	// Resume is a part of the same run to go on from.
	Resume *Part
	// Checkpoint, if set, is handed what has been done, every so often and when ctx
	// ends. The part is valid during the call only.
	Checkpoint func(*Part) error
	// Every is the time between two checkpoints, 30 seconds if 0.
	Every time.Duration
}

// Block is up to BlockSize patients handed to a Worker.
type Block struct {
	First     int      // index of the first patient
	Keys      []uint64 // stream key of each patient
	Generator stream.Generator

	outcomes [][]float64
	series   []tally    // series x points of the strategy being run
	bins     [][]uint32 // of the strategy, by series: points x bins
	places   [BlockSize]int32
	spec     *Spec
}

// begin fills in who the patients are.
func (b *Block) begin(size *Size, draw, first, n int) {
	b.First, b.Generator, b.Keys = first, size.Generator, b.Keys[:n]
	patients := stream.New(size.Seed, "patients").Sub(uint64(draw)).Key()
	for i := range b.Keys {
		b.Keys[i] = stream.Child(patients, uint64(first+i))
	}
}

// Len returns the number of patients.
func (b *Block) Len() int { return len(b.Keys) }

// Outcome returns the values of outcome o, to be filled in. NaN marks a patient
// for whom it is not defined, who is then left out of its mean.
func (b *Block) Outcome(o int) []float64 { return b.outcomes[o][:len(b.Keys)] }

// Record adds the values of the patients at one point of a series. Include is 1
// for the patients to count and 0 for the others.
func (b *Block) Record(series, point int, values, include []float64) {
	n := len(b.Keys)
	b.series[series*b.spec.Points+point] = tallyWhere(values[:n], include[:n])
	if k := b.spec.Series[series].Bins; k > 0 {
		b.bin(b.bins[series][point*k:(point+1)*k], &b.spec.Series[series], values, include)
	}
}

// bin counts the values of one point; those outside the bounds go to the ends.
func (b *Block) bin(bins []uint32, s *Series, values, include []float64) {
	n, last := len(b.Keys), len(bins)-1
	scale := float64(len(bins)) / (s.High - s.Low)
	for i := lanes.Bins(b.places[:n], values[:n], s.Low, scale, last); i < n; i++ {
		b.places[i] = int32(max(0, min(int(float64((values[i]-s.Low)*scale)), last)))
	}
	for i, k := range b.places[:n] {
		if include[i] != 0 {
			bins[k]++
		}
	}
}

// Run simulates size.Draws x size.Patients patients under every strategy and
// returns the tables of the result; names, conventions and digests are for the
// caller to add. It stops with the error of ctx soon after ctx is done.
func Run(ctx context.Context, m Model, size Size, opt Options) (Result, error) {
	p, err := Simulate(ctx, m, Identity{Size: size}, opt)
	if err != nil {
		return Result{}, err
	}
	return p.Result()
}

// Simulate runs the stretch of a run that id speaks of and returns it reduced.
func Simulate(ctx context.Context, m Model, id Identity, opt Options) (*Part, error) {
	p, err := newPart(m.Spec(), id)
	if err != nil {
		return nil, err
	}
	if opt.Workers < 1 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	if err := p.checkMemory(m, opt); err != nil {
		return nil, err
	}
	if opt.Resume != nil {
		if p, err = p.resume(opt.Resume); err != nil {
			return nil, err
		}
	}
	for {
		if err := p.round(ctx, m, opt); err != nil {
			return nil, err
		}
		met, err := p.precise()
		if met || err != nil {
			return p, err
		}
		p.to += p.tasks()
	}
}

// round runs what is left up to p.to.
func (p *Part) round(ctx context.Context, m Model, opt Options) error {
	if prep, ok := m.(Preparer); ok && p.done < p.to {
		first, _, _ := p.task(p.done)
		last, _, _ := p.task(p.to - 1)
		if err := prep.Prepare(first, last+1); err != nil {
			return err
		}
	}
	from := p.done
	every := opt.Every
	if every <= 0 {
		every = 30 * time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	err := inOrder(ctx, p.to-from, opt.Workers,
		func() *buffer { return newBuffer(&p.spec) },
		func() func(int, *buffer) {
			w := m.NewWorker()
			return func(task int, b *buffer) {
				draw, first, n := p.task(from + task)
				b.run(w, &p.id.Size, draw, first, n)
			}
		},
		func(_ int, b *buffer) error {
			if b.err != nil {
				return b.err
			}
			p.add(b)
			if opt.Progress != nil {
				opt.Progress(p.patients(p.from, p.done), p.patients(p.from, p.to))
			}
			select {
			case <-tick.C:
				if opt.Checkpoint != nil {
					return opt.Checkpoint(p)
				}
			default:
			}
			return nil
		})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) && opt.Checkpoint != nil && p.done > p.from {
		if cerr := opt.Checkpoint(p); cerr != nil {
			return fmt.Errorf("the checkpoint could not be written: %w", cerr)
		}
	}
	return err
}

// checkSpec refuses models and sizes without a result.
func checkSpec(spec Spec, size Size) error {
	switch {
	case size.Draws < 1 || size.Patients < 1:
		return fmt.Errorf("cannot simulate %d draws of %d patients: at least 1 of each is needed", size.Draws, size.Patients)
	case len(spec.Strategies) == 0 || len(spec.Outcomes) == 0:
		return errors.New("a model needs at least one strategy and one outcome")
	case spec.outcome(spec.Cost) < 0 || spec.outcome(spec.Effect) < 0:
		return fmt.Errorf("the model names %q as cost and %q as effect, which must both be outcomes", spec.Cost, spec.Effect)
	}
	for _, s := range spec.Series {
		if s.Bins > 0 && !(s.Low < s.High) {
			return fmt.Errorf("series %s has bins from %g to %g: the first must be below the second", s.Name, s.Low, s.High)
		}
	}
	return checkPrecision(spec, size)
}

// outcome returns the index of an outcome, or −1.
func (s Spec) outcome(name string) int {
	for i, o := range s.Outcomes {
		if o.Name == name {
			return i
		}
	}
	return -1
}

// inOrder runs tasks 0..n−1 on several goroutines and hands their results to
// merge in task order, on one goroutine, until merge returns an error. Buffers
// are taken in task order, so the lowest task always has one and the wait for it
// ends. It returns when no goroutine of its own works any more.
func inOrder[P any](ctx context.Context, n, workers int, newBuffer func() P, newWorker func() func(int, P), merge func(int, P) error) error {
	type item struct {
		task   int
		buffer P
	}
	ctx, cancel := context.WithCancel(ctx)
	buffers := min(2*workers+1, max(n, 1))
	workers = min(workers, max(n, 1))
	free := make(chan P, buffers)
	for range buffers {
		free <- newBuffer()
	}
	todo, done := make(chan item), make(chan item, buffers)
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	working.Go(func() {
		defer close(todo)
		for task := range n {
			select {
			case <-ctx.Done():
				return
			case b := <-free:
				select {
				case todo <- item{task, b}:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	for range workers {
		working.Go(func() {
			work := newWorker()
			for it := range todo {
				work(it.task, it.buffer)
				done <- it
			}
		})
	}
	waiting := make(map[int]P, buffers)
	for next := 0; next < n; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case it := <-done:
			waiting[it.task] = it.buffer
		}
		for b, ok := waiting[next]; ok; b, ok = waiting[next] {
			delete(waiting, next)
			if err := merge(next, b); err != nil {
				return err
			}
			free <- b
			next++
		}
	}
	return nil
}
