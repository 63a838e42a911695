package simulate

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"recoup/simulate/internal/lanes"
	"recoup/simulate/stream"
)

// TestKernelDigest prints a digest of what the kernels make, which must not depend
// on the processor: TestArm64 compares it.
func TestKernelDigest(t *testing.T) {
	digest := func(workers int) string {
		h := sha256.New()
		put := func(x float64) {
			if x != x {
				x = math.NaN() // one of many
			}
			_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)))
		}
		c := stream.New(1, "digest").Cursor()
		for range 20_000 {
			u, x := c.Float64(), 1500*(c.Float64()-0.5)
			for _, y := range []float64{u, stream.Exp(x), stream.Log(u), stream.Log(math.Abs(x)), stream.Logistic(x / 20), stream.Normal(u), stream.Quantile(u * u), is(stream.Occurs(u, x/20))} {
				put(y)
			}
		}
		for _, g := range []stream.Generator{stream.SplitMix64, stream.Philox} {
			r := mustRun(t, newYardstick(30), Size{Seed: 1, Draws: 1, Patients: 1000, Generator: g}, workers)
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = h.Write(b)
			small := mustRun(t, smallModel{}, Size{Seed: 1, Draws: 9, Patients: 700, Generator: g}, workers)
			if b, err = json.Marshal(small); err != nil {
				t.Fatal(err)
			}
			_, _ = h.Write(b)
		}
		return fmt.Sprintf("%x", h.Sum(nil))
	}
	one, three := digest(1), digest(3)
	if one != three {
		t.Errorf("digest %s with one worker, %s with three", one, three)
	}
	lanes.Use = false
	plain := digest(1)
	lanes.Use = lanes.Have()
	if plain != one {
		t.Errorf("digest %s with vectors, %s without", one, plain)
	}
	t.Log("kernel digest", one)
}

// kernels are the packages whose numbers must be the same on every processor, by
// path from here. Each has a TestKernelDigest.
var kernels = []string{".", "./rehab"}

// buildArm64 compiles the tests of a package for arm64.
func buildArm64(t *testing.T, pkg string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: cross-compiling is left out of -short")
	}
	out := filepath.Join(t.TempDir(), "arm64.test")
	c := exec.Command("go", "test", "-c", "-o", out, pkg)
	c.Env = append(os.Environ(), "GOARCH=arm64", "GOOS=linux", "CGO_ENABLED=0")
	if b, err := c.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: %s cannot be compiled for arm64 here: %s", pkg, b)
	}
	return out
}

// What is compiled for arm64 must compute the bits that are computed here. It has
// instructions that multiply and add with one rounding, and the compiler uses them
// wherever it may: a product that is added must be wrapped in float64().
func TestArm64(t *testing.T) {
	for _, pkg := range kernels {
		program := buildArm64(t, pkg)
		t.Run("no fused instructions in "+pkg, func(t *testing.T) { noFused(t, program) })
		t.Run("same bits in "+pkg, func(t *testing.T) { sameBits(t, program, pkg) })
	}
}

func noFused(t *testing.T, program string) {
	fused := regexp.MustCompile(`(?m)^\s+(\w+\.go:\d+)\s.*\bFN?M(ADD|SUB)[SD]\b`)
	b, err := exec.Command("go", "tool", "objdump", "-s", `^recoup/simulate[./]`, program).Output()
	if err != nil {
		t.Fatal(err)
	}
	// The disassembler must have seen the kernels, and would see a fused one: tests
	// have some.
	if !bytes.Contains(b, []byte("recoup/simulate/stream.Exp")) || !fused.Match(b) {
		t.Fatal("the disassembly shows no kernels")
	}
	for _, m := range fused.FindAllSubmatch(b, -1) {
		if place := string(m[1]); !strings.Contains(place, "_test.go") || strings.HasPrefix(place, "yardstick") {
			t.Errorf("%s is compiled to a fused multiply-add on arm64: wrap the product in float64()", place)
		}
	}
}

// sameBits compares the digests made here and on an emulated arm64.
func sameBits(t *testing.T, program, pkg string) {
	emulator, err := exec.LookPath("qemu-aarch64")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("SKIPPED: needs qemu-aarch64 (Debian: apt-get install qemu-user) on Linux")
	}
	digest := regexp.MustCompile(`kernel digest ([0-9a-f]{64})`)
	find := func(c *exec.Cmd) string {
		b, err := c.CombinedOutput()
		m := digest.FindSubmatch(b)
		if err != nil || m == nil {
			t.Fatalf("%v: %v: %s", c, err, b)
		}
		return string(m[1])
	}
	arm := exec.Command(emulator, program, "-test.run", "^TestKernelDigest$", "-test.v")
	arm.Dir = pkg
	here := exec.Command("go", "test", "-count=1", "-run", "^TestKernelDigest$", "-v", pkg)
	if a, b := find(arm), find(here); a != b {
		t.Errorf("the kernels give %s on arm64 and %s on %s", a, b, runtime.GOARCH)
	}
}
