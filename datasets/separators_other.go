//go:build !amd64

package datasets

func separators(text []byte, delim byte, masks []uint64) { separatorsPlain(text, delim, masks) }
