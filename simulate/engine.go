// Package simulate runs individual-level simulations: patients in blocks of
// 256, parameter sets (draws) outside, strategies inside, so that strategies
// are compared on the same patients, the same parameters and the same random
// numbers.
//
// The result depends on the seed and the model alone: random numbers are
// addressed by (seed, draw, patient, cycle, purpose), and sums are merged in
// the order of draws and blocks whatever the number of workers.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"runtime"

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
}

// Options are the settings of a run on which its result does not depend.
type Options struct {
	// Workers is the number of goroutines; 0 means one for each processor.
	Workers int
	// Progress, if set, is told after each block how many of all patients have
	// been simulated. Calls do not overlap.
	Progress func(done, total int)
}

// Block is up to BlockSize patients handed to a Worker.
type Block struct {
	First     int      // index of the first patient
	Keys      []uint64 // stream key of each patient
	Generator stream.Generator

	outcomes [][]float64
	series   []moments  // series x points of the strategy being run
	bins     [][]uint32 // of the strategy, by series: points x bins
	spec     *Spec
}

// Len returns the number of patients.
func (b *Block) Len() int { return len(b.Keys) }

// Outcome returns the values of outcome o, to be filled in. NaN marks a patient
// for whom it is not defined, who is then left out of its mean.
func (b *Block) Outcome(o int) []float64 { return b.outcomes[o][:len(b.Keys)] }

// Record adds the values of the patients at one point of a series. Include is 1
// for the patients to count and 0 for the others.
func (b *Block) Record(series, point int, values, include []float64) {
	m := &b.series[series*b.spec.Points+point]
	var n, sum, sq float64
	for i, v := range values[:len(b.Keys)] {
		a := include[i]
		av := float64(a * v)
		n += a
		sum += av
		sq += float64(av * v)
	}
	m.n, m.sum, m.sq = n, sum, sq
	if k := b.spec.Series[series].Bins; k > 0 {
		b.bin(b.bins[series][point*k:(point+1)*k], &b.spec.Series[series], values, include)
	}
}

// bin counts the values of one point; those outside the bounds go to the ends.
func (b *Block) bin(bins []uint32, s *Series, values, include []float64) {
	scale := float64(len(bins)) / (s.High - s.Low)
	for i, v := range values[:len(b.Keys)] {
		if include[i] != 0 {
			k := int((v - s.Low) * scale)
			bins[max(0, min(k, len(bins)-1))]++
		}
	}
}

// Run simulates size.Draws x size.Patients patients under every strategy and
// returns the tables of the result; names, conventions and digests are for the
// caller to add. It stops with the error of ctx soon after ctx is done.
func Run(ctx context.Context, m Model, size Size, opt Options) (Result, error) {
	spec := m.Spec()
	if err := checkRun(spec, size); err != nil {
		return Result{}, err
	}
	workers := opt.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	red := newReduction(spec, size)
	blocks := (size.Patients + BlockSize - 1) / BlockSize
	err := inOrder(ctx, size.Draws*blocks, workers,
		func() *partial { return newPartial(spec) },
		func() func(int, *partial) {
			w := m.NewWorker()
			keys := make([]uint64, BlockSize)
			return func(task int, p *partial) {
				p.run(w, spec, size, task/blocks, task%blocks, keys)
			}
		},
		func(task int, p *partial) {
			red.add(p)
			if task%blocks == blocks-1 {
				red.endDraw()
			}
			if opt.Progress != nil {
				opt.Progress(task/blocks*size.Patients+min((task%blocks+1)*BlockSize, size.Patients), size.Draws*size.Patients)
			}
		})
	if err != nil {
		return Result{}, err
	}
	return red.result(), nil
}

func checkRun(spec Spec, size Size) error {
	switch {
	case size.Draws < 1 || size.Patients < 1:
		return fmt.Errorf("cannot simulate %d draws of %d patients: at least 1 of each is needed", size.Draws, size.Patients)
	case len(spec.Strategies) == 0 || len(spec.Outcomes) == 0:
		return errors.New("a model needs at least one strategy and one outcome")
	case spec.outcome(spec.Cost) < 0 || spec.outcome(spec.Effect) < 0:
		return fmt.Errorf("the model names %q as cost and %q as effect, which must both be outcomes", spec.Cost, spec.Effect)
	}
	return nil
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
// merge in task order, on one goroutine. Buffers are taken in task order, so
// the lowest task always has one and the wait for it ends.
func inOrder[P any](ctx context.Context, n, workers int, newBuffer func() P, newWorker func() func(int, P), merge func(int, P)) error {
	type item struct {
		task   int
		buffer P
	}
	buffers := 2*workers + 1
	free := make(chan P, buffers)
	for range buffers {
		free <- newBuffer()
	}
	todo, done := make(chan item), make(chan item, buffers)
	go func() {
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
	}()
	for range workers {
		go func() {
			work := newWorker()
			for it := range todo {
				work(it.task, it.buffer)
				done <- it
			}
		}()
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
			merge(next, b)
			free <- b
			next++
		}
	}
	return nil
}
