package simulate

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Identity says which run it is, and which stretch of it. Parts of runs that
// differ in anything but the stretch are never put together.
type Identity struct {
	Scenario, Evidence Source
	// Program is what computes the run, such as a version and a processor:
	// parameters are drawn alike on one platform only.
	Program string
	Size    Size
	Shard   Shard
	// Input is the caller's own, handed back by ReadPart: what the run was asked.
	Input json.RawMessage
}

// Shard is one of several stretches a run is cut into; the zero value is the
// whole run.
type Shard struct {
	Index int `json:"index"` // 1..Of
	Of    int `json:"of"`
}

// String writes a shard as --shard takes it, and 1/1 for the whole run.
func (s Shard) String() string { return fmt.Sprintf("%d/%d", max(s.Index, 1), max(s.Of, 1)) }

// ParseShard reads "2/4".
func ParseShard(text string) (Shard, error) {
	var s Shard
	if n, err := fmt.Sscanf(text, "%d/%d", &s.Index, &s.Of); err != nil || n != 2 || s.Index < 1 || s.Index > s.Of || s.String() != text {
		return Shard{}, fmt.Errorf("shard %q: expected I/N with I from 1 to N, such as 2/4", text)
	}
	return s, nil
}

// Part is a stretch of a run, reduced: a shard, or what a checkpoint holds.
// Parts that follow each other add up to the run, to the same bits wherever it
// was cut.
type Part struct {
	// Name is what errors call the part, such as its file.
	Name string

	id   Identity
	spec Spec
	// Tasks are the blocks of all draws in order. The part goes from task from to
	// task to; those before done are in it.
	from, to, done int

	open    []openDraw // draws of which some blocks are missing: at most the first and the last
	first   int        // draw of rows[0]
	rows    []row
	spreads tree[*spread]
	bins    [][]uint64 // strategy·series, each points x bins
	free    []*sums
}

type openDraw struct {
	draw int
	sums tree[*sums]
}

func newPart(spec Spec, id Identity) (*Part, error) {
	if err := checkSpec(spec, id.Size); err != nil {
		return nil, err
	}
	if id.Size.grows() {
		id.Size.Patients = (id.Size.Patients + BlockSize - 1) / BlockSize * BlockSize
	}
	p := &Part{Name: "this run", id: id, spec: spec}
	p.spreads.join = func(a, b *spread) *spread { a.merge(b); return a }
	for range spec.Strategies {
		for _, s := range spec.Series {
			p.bins = append(p.bins, make([]uint64, s.Bins*spec.Points))
		}
	}
	p.to = p.tasks()
	if s := id.Shard; s != (Shard{}) {
		switch {
		case s.Index < 1 || s.Index > s.Of:
			return nil, fmt.Errorf("there is no shard %v: expected I/N with I from 1 to N", s)
		case len(id.Size.Precision) > 0:
			return nil, fmt.Errorf("a run with a precision cannot be cut into shards, since where it stops depends on all of it; give the number of draws and patients instead")
		case s.Of > p.to:
			return nil, fmt.Errorf("cannot cut %d blocks of up to %d patients into %d shards: ask for at most %d", p.to, BlockSize, s.Of, p.to)
		}
		p.from, p.to = cut(p.to, s.Index-1, s.Of), cut(p.to, s.Index, s.Of)
	}
	p.done = p.from
	return p, nil
}

// cut returns n·i/of, rounded down.
func cut(n, i, of int) int {
	hi, lo := bits.Mul64(uint64(n), uint64(i))
	q, _ := bits.Div64(hi, lo, uint64(of))
	return int(q)
}

// grows says whether rounds add patients to a single draw.
func (s Size) grows() bool { return s.Draws == 1 && len(s.Precision) > 0 }

func (s Size) blocks() int { return (s.Patients + BlockSize - 1) / BlockSize }

// tasks is the number of blocks of the whole run, or of one round.
func (p *Part) tasks() int { return p.id.Size.Draws * p.id.Size.blocks() }

// task returns the draw, first patient and number of patients of a block.
func (p *Part) task(t int) (draw, first, n int) {
	if p.id.Size.grows() {
		return 0, t * BlockSize, BlockSize
	}
	blocks := p.id.Size.blocks()
	first = t % blocks * BlockSize
	return t / blocks, first, min(BlockSize, p.id.Size.Patients-first)
}

// patients counts those of the tasks from..to.
func (p *Part) patients(from, to int) int {
	return p.before(to) - p.before(from)
}

func (p *Part) before(t int) int {
	if p.id.Size.grows() {
		return t * BlockSize
	}
	blocks := p.id.Size.blocks()
	return t/blocks*p.id.Size.Patients + t%blocks*BlockSize
}

// Patients returns how many patients the part holds, and of how many.
func (p *Part) Patients() (done, of int) { return p.patients(p.from, p.done), p.patients(p.from, p.to) }

// Identity returns which run the part is of.
func (p *Part) Identity() Identity { return p.id }

// add takes a block from its buffer, which gets other memory for the next.
func (p *Part) add(b *buffer) {
	for i, bins := range b.bins {
		for k, n := range bins {
			p.bins[i][k] += uint64(n)
		}
	}
	draw, first, _ := p.task(p.done)
	s := b.sums
	if k := len(p.free); k > 0 {
		b.sums, p.free = p.free[k-1], p.free[:k-1]
	} else {
		b.sums = newSums(&p.spec)
	}
	p.put(draw, node[*sums]{0, first / BlockSize, s})
	p.done++
}

// put adds blocks to their draw, and closes it when it is whole.
func (p *Part) put(draw int, n node[*sums]) {
	if k := len(p.open); k == 0 || p.open[k-1].draw != draw {
		p.open = append(p.open, openDraw{draw, tree[*sums]{join: p.join}})
	}
	k := len(p.open) - 1
	t := &p.open[k].sums
	t.push(n)
	if !p.id.Size.grows() && t.nodes[0].index == 0 && t.nodes[len(t.nodes)-1].end() == p.id.Size.blocks() {
		r, s := t.total().endDraw()
		p.open = p.open[:k]
		p.close(draw, []row{r}, node[*spread]{0, draw, s})
	}
}

func (p *Part) join(a, b *sums) *sums {
	a.merge(b)
	p.free = append(p.free, b)
	return a
}

// close adds whole draws.
func (p *Part) close(draw int, rows []row, spreads ...node[*spread]) {
	if len(p.rows) == 0 {
		p.first = draw
	}
	p.rows = append(p.rows, rows...)
	for _, n := range spreads {
		p.spreads.push(n)
	}
}

// absorb adds the part that follows.
func (p *Part) absorb(o *Part) {
	rest := o.open
	for ; len(rest) > 0 && (len(o.rows) == 0 || rest[0].draw < o.first); rest = rest[1:] {
		for _, n := range rest[0].sums.nodes {
			p.put(rest[0].draw, n)
		}
	}
	p.close(o.first, o.rows, o.spreads.nodes...)
	for _, d := range rest {
		for _, n := range d.sums.nodes {
			p.put(d.draw, n)
		}
	}
	for i, bins := range o.bins {
		for k, n := range bins {
			p.bins[i][k] += n
		}
	}
	p.done = o.done
}

// Merge puts the shards of a run together, in any order. It refuses shards of
// different runs, missing ones and those that hold the same patients, by name.
func Merge(parts []*Part) (*Part, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("there are no shards to merge")
	}
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b *Part) int { return a.from - b.from })
	id := parts[0].id
	id.Shard = Shard{}
	out, err := newPart(parts[0].spec, id)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, p := range parts {
		if d := p.differs(parts[0]); d != "" {
			return nil, fmt.Errorf("%s is not of the run of %s: %s; give the shards of one run", p.Name, parts[0].Name, d)
		}
		if p.done < p.to {
			done, of := p.Patients()
			return nil, fmt.Errorf("%s is not finished: it holds %d of %d patients; finish it by the command that began it", p.Name, done, of)
		}
	}
	for i, p := range parts {
		if i > 0 && p.from < parts[i-1].to {
			return nil, fmt.Errorf("%s (shard %v) and %s (shard %v) hold the same patients; give each shard once", parts[i-1].Name, parts[i-1].id.Shard, p.Name, p.id.Shard)
		}
		if i > 0 && p.id.Shard.Of != parts[0].id.Shard.Of {
			return nil, fmt.Errorf("%s is shard %v and %s is shard %v: give shards of one cut", parts[0].Name, parts[0].id.Shard, p.Name, p.id.Shard)
		}
	}
	for s := 1; s <= parts[0].id.Shard.Of; s++ {
		if !slices.ContainsFunc(parts, func(p *Part) bool { return p.id.Shard.Index == s }) {
			missing = append(missing, Shard{s, parts[0].id.Shard.Of}.String())
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("shards are missing: %s; run them with --shard and give them too", strings.Join(missing, ", "))
	}
	for _, p := range parts {
		out.absorb(p)
	}
	return out, nil
}

// differs says in what two parts are of different runs, "" if they are of one.
func (p *Part) differs(o *Part) string {
	a, b := p.id.Size, o.id.Size
	// A scenario's digest holds its size too, so the size comes first: it says more.
	for _, x := range []struct{ what, mine, other string }{
		{"seed", fmt.Sprint(a.Seed), fmt.Sprint(b.Seed)},
		{"number of draws", fmt.Sprint(a.Draws), fmt.Sprint(b.Draws)},
		{"number of patients", fmt.Sprint(a.Patients), fmt.Sprint(b.Patients)},
		{"generator", a.Generator.String(), b.Generator.String()},
		{"scenario", p.id.Scenario.String(), o.id.Scenario.String()},
		{"evidence", p.id.Evidence.String(), o.id.Evidence.String()},
		{"precision", fmt.Sprint(a.Precision), fmt.Sprint(b.Precision)},
		{"program", p.id.Program, o.id.Program},
		{"model", fmt.Sprint(p.spec), fmt.Sprint(o.spec)},
	} {
		if x.mine != x.other {
			if x.what == "model" {
				return "the model computes other outcomes"
			}
			return fmt.Sprintf("the %s is %s there and %s here", x.what, x.mine, x.other)
		}
	}
	return ""
}

// resume returns the part to go on from instead of the empty p.
func (p *Part) resume(old *Part) (*Part, error) {
	d := old.differs(p)
	if d == "" && old.id.Shard != p.id.Shard {
		d = fmt.Sprintf("the shard is %v there and %v here", old.id.Shard, p.id.Shard)
	}
	if d != "" {
		return nil, fmt.Errorf("%w: %s is of another run: %s; remove it, or name another file", ErrPart, old.Name, d)
	}
	return old, nil
}

// Bytes is about how much memory a run takes: buffers of the workers, sums on
// the way up the tree, and what is kept of each draw.
func Bytes(spec Spec, size Size, workers int) int64 {
	k, o, points := int64(len(spec.Strategies)), int64(len(spec.Outcomes)), int64(len(spec.Series)*spec.Points)
	bins := int64(0)
	for _, s := range spec.Series {
		bins += k * int64(s.Bins*spec.Points)
	}
	sums := 24*k*(2*o+points) + 32*k*k
	buffer := sums + 8*BlockSize*(k*o+1) + 4*bins
	levels := int64(bits.Len(uint(size.blocks()))) + 1
	perDraw := 48*k*o + 16*k + 200
	spreads := (48*k*points + 32*k*k) * int64(bits.Len(uint(size.Draws))+1)
	return int64(2*workers+1)*buffer + 2*levels*sums + 2*8*bins + perDraw*int64(size.Draws) + spreads
}

func (p *Part) checkMemory(m Model, opt Options) error {
	need := Bytes(p.spec, p.id.Size, opt.Workers)
	if prep, ok := m.(Preparer); ok {
		need += prep.DrawBytes() * int64(p.id.Size.Draws)
	}
	if opt.Memory > 0 && need > opt.Memory {
		return fmt.Errorf("the run needs about %d MiB and there are %d: ask for fewer draws, outcomes or strategies, a shorter horizon, or fewer workers", need>>20, opt.Memory>>20)
	}
	return nil
}
