package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"recoup/simulate/stream"
)

func toJSON(t *testing.T, p *Part) string {
	t.Helper()
	r, err := p.Result()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mustSimulate(t *testing.T, m Model, id Identity, opt Options) *Part {
	t.Helper()
	p, err := Simulate(context.Background(), m, id, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// throughFile writes a part and reads it back.
func throughFile(t *testing.T, name string, p *Part) *Part {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	back, err := ReadPart(name, b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// smallModel is a quick model with several draws, series, bins and strategies.
type smallModel struct{}

func (smallModel) Spec() Spec {
	return Spec{
		Strategies: []string{"a", "b"}, Outcomes: []Outcome{{Name: "cost"}, {Name: "qaly"}, {Name: "odd"}},
		Series: []Series{{Name: "u", High: 1, Bins: 7}, {Name: "v"}}, Points: 2, Cost: "cost", Effect: "qaly",
	}
}

func (smallModel) NewWorker() Worker { return &smallWorker{} }

type smallWorker struct{ u, one [BlockSize]float64 }

func (w *smallWorker) Run(draw, strategy int, b *Block) {
	n := b.Len()
	for t := range 2 {
		b.Generator.Uniforms(w.u[:n], b.Keys, uint64(t))
		for i := range n {
			w.one[i] = 1
		}
		b.Record(0, t, w.u[:], w.one[:])
		b.Record(1, t, w.u[:], w.u[:]) // a count of shares
	}
	cost, qaly, odd := b.Outcome(0), b.Outcome(1), b.Outcome(2)
	for i, u := range w.u[:n] {
		cost[i] = float64(1000*stream.Log(u)) + float64(strategy)
		qaly[i] = u * float64(1+strategy) * float64(draw%5)
		odd[i] = u
		if u < 0.3 {
			odd[i] = math.NaN()
		}
	}
}

// Wherever a run is cut, through files and in any order, the merged bytes are
// those of one run.
func TestShardsMergeToTheSameBytes(t *testing.T) {
	for _, size := range []Size{
		{Seed: 1, Draws: 1, Patients: 5000},
		{Seed: 2, Draws: 7, Patients: 1700},
		{Seed: 3, Draws: 40, Patients: 100},
		{Seed: 4, Draws: 3, Patients: 256, Generator: stream.Philox},
	} {
		whole := toJSON(t, mustSimulate(t, smallModel{}, Identity{Size: size}, Options{Workers: 3}))
		for _, of := range []int{1, 2, 3, 5, 13} {
			if of > size.Draws*size.blocks() {
				continue
			}
			var parts []*Part
			for i := of; i >= 1; i-- {
				p := mustSimulate(t, smallModel{}, Identity{Size: size, Shard: Shard{i, of}}, Options{Workers: 2})
				parts = append(parts, throughFile(t, "x", p))
			}
			merged, err := Merge(parts)
			if err != nil {
				t.Fatal(err)
			}
			if got := toJSON(t, merged); got != whole {
				t.Errorf("%+v in %d shards gives other bytes", size, of)
			}
		}
	}
}

// A run stopped after any block, written, read and resumed, gives the bytes of one
// that was not stopped; so does one that is stopped twice.
func TestResumedRunGivesTheSameBytes(t *testing.T) {
	id := Identity{Size: Size{Seed: 2, Draws: 4, Patients: 1100}} // 5 blocks a draw
	whole := toJSON(t, mustSimulate(t, smallModel{}, id, Options{}))
	for stop := 1; stop < 16; stop += 3 { // buffers hold 5 blocks, so no run ends by itself
		var saved *Part
		for saved == nil || stop == 7 && saved.done < 10 {
			ctx, cancel := context.WithCancel(context.Background())
			blocks := 0
			_, err := Simulate(ctx, smallModel{}, id, Options{
				Workers: 2, Resume: saved, Every: time.Hour,
				Progress: func(int, int) {
					if blocks++; blocks == stop {
						cancel()
					}
				},
				Checkpoint: func(p *Part) error { saved = throughFile(t, "saved", p); return nil },
			})
			cancel()
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		if got := toJSON(t, mustSimulate(t, smallModel{}, id, Options{Resume: saved})); got != whole {
			t.Errorf("stopped after %d blocks, the resumed run gives other bytes", stop)
		}
	}
}

// Checkpoints made by the clock while workers run do no harm.
func TestCheckpointsWhileRunning(t *testing.T) {
	id := Identity{Size: Size{Seed: 2, Draws: 30, Patients: 3000}}
	whole := toJSON(t, mustSimulate(t, smallModel{}, id, Options{}))
	count := 0
	p := mustSimulate(t, smallModel{}, id, Options{Every: 1, Checkpoint: func(p *Part) error {
		count++
		throughFile(t, "x", p)
		return nil
	}})
	if count == 0 || toJSON(t, p) != whole {
		t.Errorf("%d checkpoints changed the result", count)
	}
	full := errors.New("disk full")
	if _, err := Simulate(context.Background(), smallModel{}, id, Options{Every: 1, Checkpoint: func(*Part) error { return full }}); !errors.Is(err, full) {
		t.Errorf("a checkpoint that fails gives %v", err)
	}
}

func TestMergeRefusals(t *testing.T) {
	size := Size{Seed: 1, Draws: 4, Patients: 600}
	shard := func(name string, size Size, i, of int) *Part {
		p := mustSimulate(t, smallModel{}, Identity{Size: size, Shard: Shard{i, of}}, Options{})
		p.Name = name
		return p
	}
	other := size
	other.Seed = 9
	for name, c := range map[string]struct {
		parts []*Part
		want  []string
	}{
		"missing":        {[]*Part{shard("a", size, 1, 4), shard("c", size, 3, 4)}, []string{"missing: 2/4, 4/4"}},
		"doubled":        {[]*Part{shard("a", size, 1, 2), shard("b", size, 2, 2), shard("b2", size, 2, 2)}, []string{"b (shard 2/2)", "b2", "give each shard once"}},
		"of other runs":  {[]*Part{shard("a", size, 1, 2), shard("b", other, 2, 2)}, []string{"b is not of the run of a", "seed is 9 there and 1 here"}},
		"of other cuts":  {[]*Part{shard("a", size, 1, 2), shard("b", size, 3, 3)}, []string{"one cut"}},
		"nothing to do":  {nil, []string{"no shards"}},
		"the whole once": {[]*Part{shard("a", size, 1, 2), shard("a", size, 1, 2)}, []string{"the same patients"}},
	} {
		_, err := Merge(c.parts)
		for _, w := range c.want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %v does not say %q", name, err, w)
			}
		}
	}
	if _, err := shard("a", size, 1, 2).Result(); err == nil {
		t.Error("half a run has a result")
	}
	for _, bad := range []string{"0/4", "5/4", "1", "a/b", "1/4x", "01/4"} {
		if _, err := ParseShard(bad); err == nil {
			t.Errorf("shard %q was accepted", bad)
		}
	}
	if _, err := Simulate(context.Background(), smallModel{}, Identity{Size: size, Shard: Shard{1, 99}}, Options{}); err == nil {
		t.Error("12 blocks were cut into 99 shards")
	}
}

// Every byte that is changed, and every cut, is found.
func TestDamagedPartsAreRefused(t *testing.T) {
	p := mustSimulate(t, smallModel{}, Identity{Size: Size{Seed: 1, Draws: 2, Patients: 600}, Shard: Shard{1, 2}}, Options{})
	var buf bytes.Buffer
	if err := p.Write(&buf); err != nil {
		t.Fatal(err)
	}
	b := buf.Bytes()
	if _, err := ReadPart("x", b); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(b); i += 1 + len(b)/500 {
		c := slices.Clone(b)
		c[i] ^= 0x10
		if _, err := ReadPart("x", c); !errors.Is(err, ErrPart) {
			t.Errorf("byte %d changed: error %v", i, err)
		}
		if _, err := ReadPart("x", b[:i]); !errors.Is(err, ErrPart) {
			t.Errorf("cut at %d: error %v", i, err)
		}
	}
}

func TestResumeRefusesAnotherRun(t *testing.T) {
	size := Size{Seed: 1, Draws: 2, Patients: 600}
	p := mustSimulate(t, smallModel{}, Identity{Size: size}, Options{})
	p.Name = "old.part"
	for what, id := range map[string]Identity{
		"seed":     {Size: Size{Seed: 2, Draws: 2, Patients: 600}},
		"scenario": {Size: size, Scenario: Source{Name: "other"}},
		"shard":    {Size: size, Shard: Shard{1, 2}},
		"program":  {Size: size, Program: "2"},
	} {
		_, err := Simulate(context.Background(), smallModel{}, id, Options{Resume: p})
		if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "old.part") {
			t.Errorf("%s: error %v", what, err)
		}
	}
	if _, err := Simulate(context.Background(), sickSicker{cycles: 1, rate: []float64{0, 0}}, Identity{Size: size}, Options{Resume: p}); err == nil {
		t.Error("a part of another model was resumed")
	}
}

// The standard deviation of u is √(1/12), and a strategy doubles it: the standard
// error of 4 u in draw 4 ... with one draw qaly is 0, so the target is on cost,
// whose SD is 1000 (exponential): under 10 takes 10,000 patients and more, so
// between 9,216 and 11,264 (the SD of the estimate is 1000·√(8/10⁴)/2 = 1.4 %).
func TestPrecisionAddsPatients(t *testing.T) {
	target := []Precision{{Outcome: "cost", MCSE: 10}}
	id := Identity{Size: Size{Seed: 1, Draws: 1, Patients: 500, Precision: target}}
	p := mustSimulate(t, smallModel{}, id, Options{Workers: 1})
	r, err := p.Result()
	if err != nil {
		t.Fatal(err)
	}
	if e := r.Strategies[1].Estimates[0]; !(float64(e.MCSE) < 10) || r.Patients < 9216 || r.Patients > 11264 || r.Patients%512 != 0 {
		t.Errorf("stopped at %d patients with standard error %v", r.Patients, e.MCSE)
	}
	for _, workers := range []int{2, 5} {
		if toJSON(t, mustSimulate(t, smallModel{}, id, Options{Workers: workers})) != toJSON(t, p) {
			t.Errorf("%d workers give other bytes", workers)
		}
	}
	// The patients are those of a run of that size from the start.
	plain := mustRun(t, smallModel{}, Size{Seed: 1, Draws: 1, Patients: r.Patients}, 2)
	r.Conventions = plain.Conventions
	a, _ := json.Marshal(r)
	b, _ := json.Marshal(plain)
	if !bytes.Equal(a, b) {
		t.Error("a run that grew differs from one that was as large from the start")
	}
	// One round less was not enough.
	if e := mustRun(t, smallModel{}, Size{Seed: 1, Draws: 1, Patients: r.Patients - 512}, 2).Strategies[0].Estimates[0]; float64(e.MCSE) < 10 {
		t.Errorf("a round earlier the standard error was %v already", e.MCSE)
	}
}

// Stopped in the middle of rounds and resumed, a run with a precision stops where
// it would have.
func TestPrecisionAddsDrawsAndResumes(t *testing.T) {
	for _, draws := range []int{1, 6} {
		id := Identity{Size: Size{Seed: 1, Draws: draws, Patients: 300, Precision: []Precision{{Outcome: "qaly", MCSE: 0.2, Difference: true}, {Outcome: "cost", MCSE: 12}}}}
		whole := mustSimulate(t, smallModel{}, id, Options{})
		r, err := whole.Result()
		if err != nil {
			t.Fatal(err)
		}
		if r.Draws%draws != 0 || draws > 1 && r.Draws < 24 || !(float64(r.Differences[0].Estimates[1].MCSE) < 0.2) || !(float64(r.Strategies[0].Estimates[0].MCSE) < 12) {
			t.Errorf("stopped after %d draws of %d with %v and %v", r.Draws, r.Patients, r.Differences[0].Estimates[1].MCSE, r.Strategies[0].Estimates[0].MCSE)
		}
		ctx, cancel := context.WithCancel(context.Background())
		blocks := 0
		var saved *Part
		_, err = Simulate(ctx, smallModel{}, id, Options{
			Progress:   func(int, int) { blocks++; map[bool]func(){true: cancel, false: func() {}}[blocks == 15]() },
			Checkpoint: func(p *Part) error { saved = throughFile(t, "x", p); return nil },
		})
		if !errors.Is(err, context.Canceled) || saved == nil {
			t.Fatal(err)
		}
		if toJSON(t, mustSimulate(t, smallModel{}, id, Options{Resume: saved})) != toJSON(t, whole) {
			t.Error("the resumed run stopped elsewhere")
		}
	}
}

// The strategies' costs differ by exactly 1 for every patient: a target on the
// difference is met as soon as one may be, on the levels long after.
func TestPrecisionOfDifferences(t *testing.T) {
	for _, difference := range []bool{true, false} {
		p := mustSimulate(t, smallModel{}, Identity{Size: Size{Seed: 1, Draws: 1, Patients: 512, Precision: []Precision{{"cost", difference, 15}}}}, Options{})
		r, err := p.Result()
		if err != nil || (r.Patients == minPatientsToStop) != difference {
			t.Errorf("difference %v: stopped at %d patients (%v)", difference, r.Patients, err)
		}
	}
}

func TestPrecisionRefusals(t *testing.T) {
	run := func(target Precision, shard Shard) error {
		_, err := Simulate(context.Background(), smallModel{}, Identity{Size: Size{Draws: 1, Patients: 1024, Precision: []Precision{target}}, Shard: shard}, Options{})
		return err
	}
	for _, c := range []struct {
		target Precision
		shard  Shard
		want   string
	}{
		{Precision{Outcome: "no", MCSE: 1}, Shard{}, "there are cost, qaly, odd"},
		{Precision{Outcome: "cost", MCSE: 0}, Shard{}, "positive"},
		{Precision{Outcome: "cost", MCSE: math.NaN()}, Shard{}, "positive"},
		{Precision{Outcome: "cost", MCSE: 1e-9}, Shard{}, "rounds"},
		{Precision{Outcome: "cost", MCSE: 1}, Shard{1, 2}, "shards"},
	} {
		if err := run(c.target, c.shard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v does not say %q", c.target, err, c.want)
		}
	}
	for _, bad := range []string{"", "qaly", "qaly<", "<1", "qaly<0", "qaly<-1", "qaly<x", "qaly<inf", "qaly>1"} {
		if _, err := ParsePrecision(bad); err == nil {
			t.Errorf("precision %q was accepted", bad)
		}
	}
	for text, want := range map[string]Precision{"qaly<0.001": {"qaly", false, 0.001}, "difference.cost < 5": {"cost", true, 5}} {
		if got, err := ParsePrecision(text); err != nil || got != want {
			t.Errorf("%q is read as %v (%v)", text, got, err)
		}
	}
}

func TestMemoryIsRefusedBeforeItIsTaken(t *testing.T) {
	_, err := Simulate(context.Background(), smallModel{}, Identity{Size: Size{Draws: 1_000_000, Patients: 1}}, Options{Memory: 64 << 20})
	if err == nil || !strings.Contains(err.Error(), "needs about") {
		t.Errorf("error %v", err)
	}
	// Patients cost no memory.
	if a, b := Bytes(smallModel{}.Spec(), Size{Draws: 2, Patients: 1000}, 2), Bytes(smallModel{}.Spec(), Size{Draws: 2, Patients: 1_000_000_000}, 2); b > 2*a {
		t.Errorf("%d bytes for a thousand patients, %d for a billion", a, b)
	}
}

// A model that makes no number is stopped with the place.
func TestNumbersThatAreNoneAreRefused(t *testing.T) {
	for what, x := range map[string]float64{"not finite": math.Inf(1), "missing": math.NaN()} {
		g := given{{{1, 2, 3}, {1, x, 3}}, {{1, 1, 1}, {1, 1, 1}}}
		_, err := Run(context.Background(), costIs{g}, Size{Draws: 2, Patients: 3}, Options{})
		if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "draw 2") || !strings.Contains(err.Error(), "strategy a") {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

// costIs is given with its numbers as the cost.
type costIs struct{ given }

func (c costIs) Spec() Spec {
	s := c.given.Spec()
	s.Cost = "x"
	return s
}

// Joining is exact whatever the cut: the tree over 1000 leaves is the same when
// pushed leaf by leaf or as stretches.
func TestTreeDoesNotDependOnTheCut(t *testing.T) {
	join := func(a, b string) string { return "(" + a + b + ")" }
	leaves := func(from, to int) *tree[string] {
		x := &tree[string]{join: join}
		for i := from; i < to; i++ {
			x.push(node[string]{0, i, string(rune('a' + i%26))})
		}
		return x
	}
	for _, n := range []int{1, 2, 3, 64, 100, 257} {
		want := leaves(0, n).total()
		for at := 0; at < n; at += 1 + n/17 {
			x := leaves(0, at)
			for _, y := range leaves(at, n).nodes {
				x.push(y)
			}
			if x.total() != want {
				t.Errorf("%d leaves cut at %d join otherwise", n, at)
			}
		}
	}
}

// A pass over a block allocates nothing.
func TestBlocksAllocateNothing(t *testing.T) {
	m := smallModel{}
	spec := m.Spec()
	size := Size{Seed: 1, Draws: 1, Patients: 10000}
	b, w := newBuffer(&spec), m.NewWorker()
	if n := testing.AllocsPerRun(20, func() { b.run(w, &size, 0, 256, 256) }); n != 0 {
		t.Errorf("a block makes %v allocations", n)
	}
}
