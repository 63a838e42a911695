package datasets

import (
	"hash/maphash"
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
}

func newTexts(seed maphash.Seed) *texts { return &texts{seed: seed, slots: make([]uint64, 16)} }

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
	sum := uint32(maphash.String(t.seed, s))
	return t.findSum(s, sum), sum
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
func (t *texts) number(s string) int32 {
	n, sum := t.find(s)
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
