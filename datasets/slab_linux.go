package datasets

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePages asks for huge pages in memory that is large enough for some, and reports
// whether they are worth to be asked for again. Most machines hand out one in a
// quarter of the time of its 512 small ones; one whose host takes free memory back
// needs ten times as long, since it must get the page from there. Nothing but time
// depends on the answer.
func hugePages(b []byte) bool {
	const huge = 2 << 20
	const slow = time.Millisecond / 2 // it takes 0.1 ms, or 4
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (huge - 1))
	n := (len(b) - skip) &^ (huge - 1)
	if n < 2*huge {
		return true
	}
	b = b[skip : skip+n]
	if unix.Madvise(b, unix.MADV_HUGEPAGE) != nil {
		return false
	}
	began := time.Now() //nolint:forbidigo // see above
	b[0] = 0
	if time.Since(began) < slow { //nolint:forbidigo // see above
		return true
	}
	_ = unix.Madvise(b[huge:], unix.MADV_NOHUGEPAGE)
	return false
}
