package datasets

import (
	"hash/maphash"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// texts numbers different texts in order of first appearance. It holds each once,
// one after the other, so that a million of them cost the collector nothing.
type texts struct {
	seed  maphash.Seed // which slot a text takes does not show in its number
	bytes []byte
	ends  []int
	slots []uint64 // a text's sum, and below it 1 + its number; 0 where free; a power of two of them

	fetched uint64 // so that it is not left out
}

func newTexts(seed maphash.Seed) *texts { return &texts{seed: seed, slots: make([]uint64, 16)} }

// newTextsFor returns an empty set with room for n texts.
func newTextsFor(seed maphash.Seed, n int) *texts {
	return &texts{seed: seed, slots: make([]uint64, max(16, 2<<bits.Len(uint(n)))), ends: make([]int, 0, n)}
}

// newTextsLike returns an empty set with room for what another holds, which gives its
// slots to it and can be read only.
func newTextsLike(t *texts) *texts {
	clear(t.slots)
	out := &texts{seed: t.seed, slots: t.slots, bytes: make([]byte, 0, len(t.bytes)+len(t.bytes)/8), ends: make([]int, 0, len(t.ends)+len(t.ends)/8)}
	t.slots = nil
	return out
}

func (t *texts) len() int { return len(t.ends) }

// at returns text number i. It stays as it is when texts are added.
func (t *texts) at(i int) string {
	from := 0
	if i > 0 {
		from = t.ends[i-1]
	}
	b := t.bytes[from:t.ends[i]]
	return unsafe.String(unsafe.SliceData(b), len(b)) // bytes once written are not written again
}

// all returns the texts by number.
func (t *texts) all() []string {
	out := make([]string, len(t.ends))
	for i := range out {
		out[i] = t.at(i)
	}
	return out
}

// find returns the number of a text, or -1 and the sum to add it under.
func (t *texts) find(s string) (int32, uint32) {
	sum := t.sum(s)
	return t.findSum(s, sum), sum
}

func (t *texts) sum(s string) uint32 { return uint32(maphash.String(t.seed, s)) }

// fetch returns the sums of texts that are about to be looked for. It touches their
// slots one after the other without waiting: of a million texts these are in memory
// that is far from the processor.
func (t *texts) fetch(levels levels) []uint32 {
	sums := make([]uint32, levels.len())
	for i := range sums {
		sums[i] = t.sum(levels.at(i))
	}
	mask := uint32(len(t.slots) - 1)
	any := uint64(0)
	for _, sum := range sums { // a loop so short that the processor asks for many at once
		any |= t.slots[sum&mask]
	}
	t.fetched = any
	return sums
}

func (t *texts) findSum(s string, sum uint32) int32 {
	mask := uint32(len(t.slots) - 1)
	for i := sum & mask; ; i = (i + 1) & mask {
		slot := t.slots[i]
		n := int32(uint32(slot)) - 1
		if n < 0 || uint32(slot>>32) == sum && t.at(int(n)) == s {
			return n
		}
	}
}

// add numbers a text that is not there yet. No more than half of the slots are
// taken: with more, most of the time goes into looking for a free one.
func (t *texts) add(s string, sum uint32) int32 {
	if 2*(len(t.ends)+1) > len(t.slots) {
		t.grow()
	}
	n := int32(len(t.ends))
	t.bytes = append(t.bytes, s...)
	t.ends = append(t.ends, len(t.bytes))
	t.place(uint64(sum)<<32 | uint64(n+1))
	return n
}

func (t *texts) place(slot uint64) {
	mask := uint32(len(t.slots) - 1)
	i := uint32(slot>>32) & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = slot
}

func (t *texts) grow() {
	old := t.slots
	t.slots = make([]uint64, 2*len(old))
	for i := 0; i < len(t.slots); i += 512 {
		t.slots[i] = 0 // a page that is read before it is written is made twice
	}
	for _, slot := range old {
		if slot != 0 {
			t.place(slot)
		}
	}
	room := len(t.slots) / 2
	t.ends = append(make([]int, 0, room), t.ends...)
	if n := len(t.ends); n > 0 {
		t.bytes = append(make([]byte, 0, room*(1+len(t.bytes)/n)), t.bytes...)
	}
}

// number returns the number of a text, a new one where it is new.
func (t *texts) number(s string) int32 { return t.numberSum(s, t.sum(s)) }

func (t *texts) numberSum(s string, sum uint32) int32 {
	n := t.findSum(s, sum)
	if n < 0 {
		n = t.add(s, sum)
	}
	return n
}

// array returns the texts as an Arrow array that shares their bytes.
func (t *texts) array() arrow.Array {
	ends := make([]int32, 1+len(t.ends))
	for i, e := range t.ends {
		ends[1+i] = int32(e)
	}
	return array.NewStringData(array.NewData(arrow.BinaryTypes.String, len(t.ends), []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(ends)), memory.NewBufferBytes(t.bytes)}, nil, 0, 0))
}
