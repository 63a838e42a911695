package datasets

import "unsafe"

// numbersAVX2 reads so many cells, a multiple of eight, as decimals from low to high that
// are none of n codes. Words are the eight bytes that end with each. Bit by bit, empty
// tells of those that are empty, and odd of those that are not plain.
//
//go:noescape
func numbersAVX2(words *uint64, sizes *uint32, rows int, out *float64, low, high float64, d *decimals, codes *float64, n int, empty, odd *uint64)

// numbersAVX512 is numbersAVX2 for any number of cells but 0.
//
//go:noescape
func numbersAVX512(words *uint64, sizes *uint32, rows int, out *float64, low, high float64, d *decimals, codes *float64, n int, empty, odd *uint64)

// manyNumbers reads the first cells of a column, as many as it returns, as decimals from
// low to high that are no missing codes.
func (s *fastScratch) manyNumbers(text []byte, cells places, out []float64, low, high float64, d *decimals, codes []float64) int {
	n, numbers := len(out), numbersAVX512
	if !wide {
		n, numbers = n&^7, numbersAVX2
	}
	if !fast || n == 0 {
		return 0
	}
	s.lay(text, cells, n)
	numbers(&s.words[0], &s.sizes[0], n, &out[0], low, high, d, unsafe.SliceData(codes), len(codes), &s.empty[0], &s.odd[0])
	return n
}

// datesAVX512 reads so many dates, as plainDate does. Words are the eight bytes that end
// with each, and out holds the two before. Starts are the days that so many months begin
// with, the first that much after the year 0. Empty and odd get bits as those of numbers.
//
//go:noescape
func datesAVX512(words *uint64, sizes *uint32, rows int, out, starts *int32, first, months int, empty, odd *uint64)

// manyDates reads the first cells of a column, as many as it returns, as dates.
func (s *fastScratch) manyDates(text []byte, cells places, out []int32) int {
	n := len(out)
	if !wide || n == 0 {
		return 0
	}
	s.lay(text, cells, n)
	ends, begin := cells.ends[1:], unsafe.Pointer(unsafe.SliceData(text))
	for r := range out {
		out[r] = int32(*(*uint16)(unsafe.Add(begin, int(ends[r*cells.stride])-11)))
	}
	datesAVX512(&s.words[0], &s.sizes[0], n, &out[0], &monthStarts[0], 12*firstYear+1, len(monthStarts)-1, &s.empty[0], &s.odd[0])
	return n
}

// lay lays the cells' sizes, and the eight bytes that end with each, side by side, and
// clears the bits. There are as many bytes before the text.
func (s *fastScratch) lay(text []byte, cells places, n int) {
	words, sizes := s.words[:n], s.sizes[:n]
	ends, step := unsafe.Pointer(&cells.ends[0]), 4*cells.stride
	last := unsafe.Pointer(unsafe.SliceData(text))
	for r := range words {
		cell := (*[2]uint32)(unsafe.Add(ends, r*step))
		words[r] = *(*uint64)(unsafe.Add(last, int(cell[1])-9))
		sizes[r] = cell[1] - cell[0] - 1
	}
	clear(s.empty[:(n+63)/64])
	clear(s.odd[:(n+63)/64])
}
