package parquet

import (
	"encoding/binary"
	"io"

	"github.com/apache/arrow/go/v17/parquet/compress"
)

// lz4 decodes what arrow's library leaves out: pages of LZ4 blocks, and the older
// kind, in which Hadoop puts lengths before the blocks and others do not.
type lz4 struct {
	compress.Codec // none: nothing is written so
	hadoop         bool
}

// The numbers that the format has for them.
const (
	codecLZ4    = compress.Compression(5)
	codecLZ4Raw = compress.Compression(7)
)

func init() {
	compress.RegisterCodec(codecLZ4, lz4{hadoop: true})
	compress.RegisterCodec(codecLZ4Raw, lz4{})
}

// NewReader is never asked for by a reader of pages.
func (lz4) NewReader(io.Reader) io.ReadCloser { return nil }

// Decode fills dst, which is as long as the page says. It has no other way than a
// panic, which Guard makes an error, to say that it cannot: arrow's library looks at
// what it returns for some pages only.
func (c lz4) Decode(dst, src []byte) []byte {
	if !(c.hadoop && hadoopBlocks(dst, src) || block(dst, src)) {
		panic(errFormat) //nolint:forbidigo // see above
	}
	return dst
}

// hadoopBlocks decodes blocks that each follow on two lengths, unpacked and packed.
func hadoopBlocks(dst, src []byte) bool {
	for len(src) >= 8 {
		n, packed := uint64(binary.BigEndian.Uint32(src)), uint64(binary.BigEndian.Uint32(src[4:]))
		src = src[8:]
		if n > uint64(len(dst)) || packed > uint64(len(src)) || !block(dst[:n], src[:packed]) {
			return false
		}
		dst, src = dst[n:], src[packed:]
	}
	return len(src) == 0 && len(dst) == 0
}

// block decodes one block that must fill dst: again and again some bytes as they are
// and then some that stood a distance before.
func block(dst, src []byte) bool {
	at := 0
	length := func(n int) (int, bool) {
		for n2 := byte(255); n >= 15 && n2 == 255; n += int(n2) {
			if len(src) == 0 {
				return 0, false
			}
			n2, src = src[0], src[1:]
		}
		return n, true
	}
	for len(src) > 0 {
		token := src[0]
		src = src[1:]
		n, ok := length(int(token >> 4))
		if !ok || n > len(src) || n > len(dst)-at {
			return false
		}
		at += copy(dst[at:], src[:n])
		if src = src[n:]; len(src) == 0 {
			break // the last has no copy
		}
		if len(src) < 2 {
			return false
		}
		back := int(binary.LittleEndian.Uint16(src))
		src = src[2:]
		if n, ok = length(int(token & 15)); !ok {
			return false
		}
		if n += 4; back == 0 || back > at || n > len(dst)-at {
			return false
		}
		for ; n > 0; n -= back { // the copy may run into itself
			at += copy(dst[at:at+min(n, back)], dst[at-back:])
		}
	}
	return at == len(dst)
}
