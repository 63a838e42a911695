//go:build unix

package simulate

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"recoup/simulate/internal/lanes"
	"recoup/simulate/stream"
)

// contender is one program of the table: run returns its nanoseconds of processor
// for a patient and cycle.
type contender struct {
	name string
	run  func() (float64, error)
	skip string // why it cannot run
}

// cpu is the processor time of the process so far.
func cpu() float64 {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return float64(r.Utime.Nano() + r.Stime.Nano())
}

// ours runs a model on the engine.
func ours(name string, m Model, size Size, cycles int) contender {
	return contender{name: name, run: func() (float64, error) {
		begin := cpu()
		_, err := Simulate(context.Background(), m, Identity{Size: size}, Options{Workers: 1})
		return (cpu() - begin) / float64(size.Patients*cycles*len(m.Spec().Strategies)), err
	}}
}

// unvectored runs a contender without vector instructions.
func unvectored(c contender) contender {
	run := c.run
	c.run = func() (float64, error) {
		lanes.Use = false
		defer func() { lanes.Use = lanes.Have() }()
		return run()
	}
	return c
}

// theirs compiles a program of the shared folder if it must be, and reads its own
// figure off its output.
func theirs(b *testing.B, name, source, figure, tool string, build, args []string) contender {
	c := contender{name: name}
	path, err := filepath.Abs(filepath.Join("..", "..", "shared", "bench", "simulation", source))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		c.skip = "the shared folder has no bench/simulation/" + source
		return c
	}
	if _, err := exec.LookPath(tool); err != nil {
		c.skip = tool + " is not installed"
		return c
	}
	program := []string{tool, path}
	if build != nil {
		out := filepath.Join(b.TempDir(), "program")
		if text, err := exec.Command(tool, append(append(slices.Clone(build), "-o", out, path), "-lm")...).CombinedOutput(); err != nil {
			c.skip = fmt.Sprintf("%s cannot compile it: %s", tool, text)
			return c
		}
		program = []string{out}
	}
	match := regexp.MustCompile(figure)
	run := func() (float64, error) {
		out, err := exec.Command(program[0], append(program[1:], args...)...).CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("%s: %w: %s", name, err, out)
		}
		sum, found := 0.0, match.FindAllStringSubmatch(string(out), -1)
		for _, f := range found {
			x, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				return 0, err
			}
			sum += x
		}
		if len(found) == 0 {
			return 0, fmt.Errorf("%s printed no figure: %s", name, out)
		}
		return sum / float64(len(found)), nil
	}
	if _, err := run(); err != nil {
		c.skip = strings.Join(strings.Fields(err.Error()), " ")
		c.skip = c.skip[:min(len(c.skip), 160)]
		return c
	}
	c.run = run
	return c
}

// interleave runs the programs by turns and logs the median of each and of its
// ratio to the first of the same round.
func interleave(b *testing.B, what string, rounds int, list []contender) {
	times := make([][]float64, len(list))
	for range rounds {
		for i, c := range list {
			if c.skip == "" {
				x, err := c.run()
				if err != nil {
					b.Fatal(err)
				}
				times[i] = append(times[i], x)
			}
		}
	}
	median := func(x []float64) float64 {
		x = slices.Clone(x)
		slices.Sort(x)
		return x[len(x)/2]
	}
	table := &strings.Builder{}
	fmt.Fprintf(table, "%s, ns of processor a patient and cycle, medians of %d interleaved rounds; recoup uses vector instructions: %t\n", what, rounds, lanes.Use)
	for i, c := range list {
		if c.skip != "" {
			fmt.Fprintf(table, "  %-34s SKIPPED: %s\n", c.name, c.skip)
			continue
		}
		ratio := make([]float64, rounds)
		for r := range ratio {
			ratio[r] = times[0][r] / times[i][r]
		}
		fmt.Fprintf(table, "  %-34s %8.2f   recoup takes %.2f of it\n", c.name, median(times[i]), median(ratio))
	}
	b.Log(table.String())
}

const gccFigure, sickFigure = `cpu ([\d.]+) ns/cyc`, `([\d.]+) ns/nominal`

// The tables below print recoup beside the programs it is measured by; -short
// leaves out the slow ones.

func BenchmarkYardsticksWeekly(b *testing.B) {
	n := []string{"100000", "260"}
	size := Size{Seed: 1, Draws: 1, Patients: 100_000}
	list := []contender{
		ours("recoup", newYardstick(260), size, 260),
		unvectored(ours("recoup, no vector instructions", newYardstick(260), size, 260)),
		theirs(b, "C, vectors, -ffast-math (limit)", "limit.c", gccFigure, "gcc", []string{"-O3", "-march=native", "-ffast-math", "-fopenmp-simd", "-DVEC"}, n),
		theirs(b, "C, scalar", "limit.c", gccFigure, "gcc", []string{"-O3", "-march=native"}, n),
	}
	if !testing.Short() {
		list = append(list,
			theirs(b, "numpy", "numpy_model.py", gccFigure, "python3", nil, n),
			theirs(b, "R", "r_model.R", gccFigure, "Rscript", nil, n))
	}
	for b.Loop() {
		interleave(b, "Weekly model of 12 variables", 5, list)
	}
}

func BenchmarkYardsticksSickSicker(b *testing.B) {
	n, flags := []string{"100000", "30", "3"}, []string{"-O3", "-march=native"}
	row := func(kind string) string { return kind + `\s.* ` + sickFigure }
	m := newSickSickerTable(30, true, false, deathOfHealthy)
	list := []contender{
		ours("recoup", m, Size{Seed: 1, Draws: 1, Patients: 100_000}, 30),
		ours("recoup, Philox", m, Size{Seed: 1, Draws: 1, Patients: 100_000, Generator: stream.Philox}, 30),
		theirs(b, "C++, table, Philox", "sicksicker.cpp", row("table-philox10"), "g++", flags, n),
		theirs(b, "C++, table, xoshiro", "sicksicker.cpp", row("table-xoshiro"), "g++", flags, n),
		theirs(b, "C++, AVX-512", "sicksicker.cpp", row("avx512-16lane"), "g++", flags, n),
	}
	if !testing.Short() {
		list = append(list, theirs(b, "numpy", "np_microsim.py", `numpy n=100000 T=30 .* ([\d.]+) ns/nominal`, "python3", nil, nil))
	}
	for b.Loop() {
		interleave(b, "Sick-Sicker with duration, 100,000 people x 30 years", 5, list)
	}
}

// BenchmarkTwoWorkers reports how much faster two workers are than one, by the
// clock: near 2 on two idle processors. It runs 80 blocks, which two can share evenly.
func BenchmarkTwoWorkers(b *testing.B) {
	m := newYardstick(260)
	clock := func(workers int) time.Duration {
		begin := time.Now()
		if _, err := Simulate(b.Context(), m, Identity{Size: Size{Seed: 1, Draws: 1, Patients: 80 * BlockSize}}, Options{Workers: workers}); err != nil {
			b.Fatal(err)
		}
		return time.Since(begin)
	}
	// Turn by turn, and the least of each: what else the machine does only adds.
	best := [2]time.Duration{math.MaxInt64, math.MaxInt64}
	for b.Loop() {
		for range 10 {
			for k := range best {
				best[k] = min(best[k], clock(k+1))
			}
		}
	}
	b.ReportMetric(float64(best[0])/float64(best[1]), "times-faster")
}
