package simulate

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"recoup/simulate/stream"
)

// A part is written as one line that names the format, the length of the head,
// the head in JSON (which run, which stretch), the sums as little-endian words in
// the order of Part.walk, and the SHA-256 of all before.
const partFormat = "recoup simulation part v1\n"

// ErrPart is a file that is not a part, or not a whole one.
var ErrPart = errors.New("not a usable part of a simulation")

// head is what the file says of itself.
type head struct {
	Scenario   Source          `json:"scenario"`
	Evidence   Source          `json:"evidence"`
	Program    string          `json:"program"`
	Seed       uint64          `json:"seed"`
	Draws      int             `json:"draws"`
	Patients   int             `json:"patients_per_draw"`
	Generator  string          `json:"generator"`
	Precision  []Precision     `json:"precision,omitempty"`
	Shard      Shard           `json:"shard"`
	From       int             `json:"from_block"`
	To         int             `json:"to_block"`
	Done       int             `json:"done_block"`
	Strategies []string        `json:"strategies"`
	Outcomes   []Outcome       `json:"outcomes"`
	Series     []headSeries    `json:"series"`
	Points     int             `json:"points"`
	Cost       string          `json:"cost"`
	Effect     string          `json:"effect"`
	Input      json.RawMessage `json:"input,omitempty"`
}

type headSeries struct {
	Series
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	Bins int     `json:"bins"`
}

func (p *Part) head() head {
	s, size := p.spec, p.id.Size
	h := head{
		p.id.Scenario, p.id.Evidence, p.id.Program, size.Seed, size.Draws, size.Patients, size.Generator.String(), size.Precision,
		p.id.Shard, p.from, p.to, p.done, s.Strategies, s.Outcomes, nil, s.Points, s.Cost, s.Effect, p.id.Input,
	}
	for _, x := range s.Series {
		h.Series = append(h.Series, headSeries{x, x.Low, x.High, x.Bins})
	}
	return h
}

// part makes an empty part with the head's stretch.
func (h head) part() (*Part, error) {
	spec := Spec{Strategies: h.Strategies, Outcomes: h.Outcomes, Points: h.Points, Cost: h.Cost, Effect: h.Effect}
	bins := 0
	for _, x := range h.Series {
		s := x.Series
		s.Low, s.High, s.Bins = x.Low, x.High, x.Bins
		spec.Series = append(spec.Series, s)
		bins = max(bins, x.Bins)
	}
	id := Identity{
		Scenario: h.Scenario, Evidence: h.Evidence, Program: h.Program, Shard: h.Shard, Input: h.Input,
		Size: Size{Seed: h.Seed, Draws: h.Draws, Patients: h.Patients, Precision: h.Precision},
	}
	switch h.Generator {
	case stream.SplitMix64.String():
	case stream.Philox.String():
		id.Size.Generator = stream.Philox
	default:
		return nil, fmt.Errorf("unknown generator %q", h.Generator)
	}
	const many = 1 << 31
	if h.Points < 0 || h.Points > 1<<20 || bins < 0 || bins > 1<<20 || h.Draws > many || h.Patients > many || h.To > many*BlockSize {
		return nil, errors.New("its sizes make no sense")
	}
	p, err := newPart(spec, id)
	if err != nil {
		return nil, err
	}
	// Only rounds move the end.
	if h.From != p.from || h.Done < h.From || h.Done > h.To || h.To != p.to && (len(h.Precision) == 0 || h.To < 1 || h.To%p.tasks() != 0) {
		return nil, errors.New("its stretch makes no sense")
	}
	p.to, p.done = h.To, h.Done
	return p, nil
}

// Write writes the part.
func (p *Part) Write(w io.Writer) error {
	h, err := json.Marshal(p.head())
	if err != nil {
		return err
	}
	b := []byte(partFormat)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(h)))
	b = append(b, h...)
	c := &codec{b: b}
	p.walk(c)
	sum := sha256.Sum256(c.b)
	_, err = w.Write(append(c.b, sum[:]...))
	return err
}

// ReadPart reads what Write wrote. Name is the file, for errors, which wrap ErrPart.
func ReadPart(name string, b []byte) (*Part, error) {
	p, err := readPart(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrPart, name, err)
	}
	p.Name = name
	return p, nil
}

func readPart(b []byte) (*Part, error) {
	if !bytes.HasPrefix(b, []byte(partFormat)) {
		return nil, errors.New("expected a file written by simulate run --shard or --checkpoint of this version; give another file, or remove it")
	}
	k := len(b) - sha256.Size
	if k < len(partFormat)+8 {
		return nil, errors.New("it is cut off; remove it and run that part again")
	}
	if sha256.Sum256(b[:k]) != [sha256.Size]byte(b[k:]) {
		return nil, errors.New("it is damaged (its checksum does not match); remove it and run that part again")
	}
	b = b[len(partFormat):k]
	n := binary.LittleEndian.Uint64(b)
	b = b[8:]
	if n > uint64(len(b)) {
		return nil, errors.New("its head is cut off; remove it and run that part again")
	}
	var h head
	if err := json.Unmarshal(b[:n], &h); err != nil {
		return nil, fmt.Errorf("its head: %w", err)
	}
	p, err := h.part()
	if err != nil {
		return nil, err
	}
	c := &codec{b: b[n:], reading: true}
	p.walk(c)
	if c.short || len(c.b) > 0 {
		return nil, errors.New("it does not hold what its head says; remove it and run that part again")
	}
	return p, nil
}

// codec writes words to b, or reads them off it: one walk serves both.
type codec struct {
	b       []byte
	reading bool
	short   bool // there was too little to read
}

func (c *codec) word(x *uint64) {
	switch {
	case !c.reading:
		c.b = binary.LittleEndian.AppendUint64(c.b, *x)
	case len(c.b) < 8:
		c.short = true
	default:
		*x = binary.LittleEndian.Uint64(c.b)
		c.b = c.b[8:]
	}
}

// count is a number of things that take at least 8 bytes each.
func (c *codec) count(n int) int {
	x := uint64(n)
	c.word(&x)
	if c.reading && x > uint64(len(c.b)/8) {
		c.short = true
		return 0
	}
	return int(x)
}

func (c *codec) integer(x *int) {
	w := uint64(*x)
	c.word(&w)
	*x = int(w)
}

func (c *codec) floats(x []float64) {
	for i := range x {
		w := math.Float64bits(x[i])
		c.word(&w)
		x[i] = math.Float64frombits(w)
	}
}

func (c *codec) tallies(x []tally) {
	for i := range x {
		t := [3]float64{x[i].n, x[i].mean, x[i].m2}
		c.floats(t[:])
		x[i] = tally{t[0], t[1], t[2]}
	}
}

func (c *codec) sums(s *sums) {
	c.tallies(s.levels)
	c.tallies(s.diffs)
	c.tallies(s.series)
	n := [1]float64{s.joint.n}
	c.floats(n[:])
	s.joint.n = n[0]
	c.floats(s.joint.mean)
	c.floats(s.joint.c)
}

func (c *codec) spread(s *spread) {
	for i := range s.series {
		t := [2]tally{s.series[i].means, s.series[i].noise}
		c.tallies(t[:])
		s.series[i] = seriesStat{t[0], t[1]}
	}
	c.floats(s.noise)
}

// nodes walks over the nodes of a tree.
func nodes[T any](c *codec, t *tree[T], empty func() T, value func(T)) {
	n := c.count(len(t.nodes))
	for i := range n {
		if c.reading {
			t.nodes = append(t.nodes, node[T]{value: empty()})
		}
		c.integer(&t.nodes[i].level)
		c.integer(&t.nodes[i].index)
		value(t.nodes[i].value)
		if c.short {
			return
		}
	}
}

// walk writes or reads the sums of the part.
func (p *Part) walk(c *codec) {
	k := len(p.spec.Strategies)
	n := c.count(len(p.open))
	for i := 0; i < n && !c.short; i++ {
		if c.reading {
			p.open = append(p.open, openDraw{sums: tree[*sums]{join: p.join}})
		}
		c.integer(&p.open[i].draw)
		nodes(c, &p.open[i].sums, func() *sums { return newSums(&p.spec) }, c.sums)
	}
	c.integer(&p.first)
	n = c.count(len(p.rows))
	for i := 0; i < n && !c.short; i++ {
		if c.reading {
			o := k * len(p.spec.Outcomes)
			p.rows = append(p.rows, row{make([]tally, o), make([]tally, o), make([]float64, 2*k)})
		}
		c.tallies(p.rows[i].levels)
		c.tallies(p.rows[i].diffs)
		c.floats(p.rows[i].joint)
	}
	nodes(c, &p.spreads, func() *spread {
		return &spread{make([]seriesStat, k*len(p.spec.Series)*p.spec.Points), make([]float64, 4*k*k)}
	}, c.spread)
	for _, bins := range p.bins {
		for i := range bins {
			c.word(&bins[i])
		}
	}
}
