package datasets

import "sync"

// slab is memory for the columns of one table, which stay together: taken from the
// system in large pieces, in huge pages where there are such. To touch a fresh page
// of 4 KiB for the first time costs more than to parse the text that fills it.
type slab struct {
	mu    sync.Mutex
	rest  []byte
	taken int
	small bool // huge pages are not worth it here
}

// What a slab takes at a time: as much as it holds already, from the least to the most.
const leastSlab, mostSlab = 1 << 20, 16 << 20

// bytes returns zeros for a column, at the begin of a cache line.
func (s *slab) bytes(size int) []byte {
	const line = 64
	size = (size + line - 1) &^ (line - 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if size > len(s.rest) {
		s.rest = make([]byte, max(size, min(max(s.taken, leastSlab), mostSlab)))
		s.taken += len(s.rest)
		if !s.small {
			s.small = !hugePages(s.rest)
		}
	}
	out := s.rest[:size:size]
	s.rest = s.rest[size:]
	return out
}
