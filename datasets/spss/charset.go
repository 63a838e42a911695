package spss

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// pages are the code pages whose names in the Encoding Standard do not follow
// from their numbers.
var pages = map[int]string{
	866: "ibm866", 874: "windows-874", 932: "shift_jis", 936: "gbk", 949: "euc-kr", 950: "big5",
	10000: "macintosh", 20127: "us-ascii", 20866: "koi8-r", 20932: "euc-jp", 21866: "koi8-u",
	51932: "euc-jp", 51936: "gbk", 51949: "euc-kr", 54936: "gb18030", 65001: "utf-8",
}

// codePage returns the name of a code page, "" for the numbers that say nothing:
// 2 and 3 are ASCII of seven and eight bits.
func codePage(n int) string {
	switch {
	case n >= 1250 && n <= 1258:
		return fmt.Sprintf("windows-%d", n)
	case n >= 28591 && n <= 28606:
		return fmt.Sprintf("iso-8859-%d", n-28590)
	case n > 3 && pages[n] == "":
		return fmt.Sprintf("cp%d", n)
	}
	return pages[n]
}

// charsetOf returns the encoding of a name as SPSS and other writers spell it;
// nil is UTF-8.
func charsetOf(name string) (encoding.Encoding, error) {
	name = strings.ToLower(strings.Trim(name, " \x00"))
	var n int
	if _, err := fmt.Sscanf(strings.TrimLeft(name, "cpmsibwndo_-"), "%d", &n); err == nil && !strings.HasPrefix(name, "iso") {
		switch n {
		case 437:
			return charmap.CodePage437, nil
		case 850:
			return charmap.CodePage850, nil
		case 852:
			return charmap.CodePage852, nil
		case 858:
			return charmap.CodePage858, nil
		}
		if page := codePage(n); page != "" {
			name = page
		}
	}
	enc, err := htmlindex.Get(strings.ReplaceAll(name, "_", "-"))
	if err != nil {
		enc, err = htmlindex.Get(name)
	}
	if err != nil || strings.HasPrefix(name, "utf-16") {
		return nil, errors.New("expected texts in an encoding that is known, found one that is not")
	}
	if canonical, _ := htmlindex.Name(enc); canonical == "utf-8" {
		return nil, nil
	}
	return enc, nil
}
