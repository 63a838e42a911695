package readback

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf16"

	"recoup/datasets/parquet"
)

// The most that is read of one part of a file, and how many parts.
const (
	maxPart  = 64 << 20
	maxParts = 4096
)

var (
	hiddenSheet = regexp.MustCompile(`<sheet\b[^>]*\bstate="(?:hidden|veryHidden)"`)
	hiddenCells = regexp.MustCompile(`<(?:row|col)\b[^>]*\bhidden="(?:1|true)"`)
	keepsData   = regexp.MustCompile(`(?i)pivotCache|externalLinks?/|customXml/item|/embeddings/|vbaProject|model/item\.data`)
)

// archive looks at every part of a workbook, a document or a folder.
func (s *scan) archive(where string, content []byte, depth int) {
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil || len(z.File) > maxParts {
		s.leak(CodeUnread, where, "an archive")
		return
	}
	if z.Comment != "" {
		s.text(piece{where: where + ", comment", text: z.Comment, hidden: true})
	}
	for _, f := range z.File {
		at := where + "/" + f.Name
		s.text(piece{where: where + ", name of a part", text: f.Name, hidden: true})
		r, err := f.Open()
		if err != nil {
			s.leak(CodeUnread, at, "a part of an archive")
			continue
		}
		b, err := io.ReadAll(io.LimitReader(r, maxPart+1))
		_ = r.Close()
		if err != nil || len(b) > maxPart {
			s.leak(CodeUnread, at, "a part of an archive")
			continue
		}
		switch {
		case hiddenSheet.Match(b):
			s.leak(CodeMicrodata, at, "a hidden sheet")
		case hiddenCells.Match(b):
			s.leak(CodeHidden, at, "hidden rows or columns")
		case keepsData.MatchString(f.Name):
			s.leak(CodeMicrodata, at, "a part that keeps the data behind what is shown")
		}
		s.file(at, strings.ToLower(path.Ext(f.Name)), b, depth+1)
	}
}

// png looks at all of a picture but its pixels: packed pixels say anything by chance.
func (s *scan) png(where string, content []byte) {
	rest, ok := bytes.CutPrefix(content, []byte("\x89PNG\r\n\x1a\n"))
	for ok && len(rest) >= 12 {
		n := uint64(binary.BigEndian.Uint32(rest))
		if n > uint64(len(rest)-12) {
			break
		}
		kind, data := string(rest[4:8]), rest[8:8+n]
		rest = rest[12+n:]
		switch kind {
		case "IDAT", "IHDR", "PLTE":
			continue
		case "zTXt", "iTXt":
			s.printable(where+", "+kind, unpacked(data))
		}
		s.printable(where+", "+kind, data)
	}
	s.printable(where, rest) // what follows the picture, or is none
}

// unpacked is the first packed text within bytes. What is left of a damaged one is
// looked at.
func unpacked(data []byte) []byte {
	for i, c := range data {
		if c != 0x78 {
			continue
		}
		if z, err := zlib.NewReader(bytes.NewReader(data[i:])); err == nil {
			b, _ := io.ReadAll(io.LimitReader(z, maxPart))
			return b
		}
	}
	return nil
}

// parquet looks at every text and value of a Parquet file, those of packed pages and
// of dictionaries too, and at the rest of its footer.
func (s *scan) parquet(where string, content []byte) {
	seen := map[[2]string]bool{}
	err := parquet.Texts(content, func(column, text string) {
		key := [2]string{column, text}
		if seen[key] {
			return
		}
		if len(seen) < maxSeen {
			seen[key] = true
		}
		at := where
		if column != "" {
			at += ", " + column
		} else if idHead.MatchString(text) {
			s.leak(CodeMicrodata, where, "a column of patients' ids")
		}
		s.text(piece{where: at, text: text})
	})
	if err != nil {
		s.leak(CodeUnread, where, "a Parquet file")
		s.printable(where, content)
		return
	}
	end := len(content) - 8
	s.printable(where, content[end-int(binary.LittleEndian.Uint32(content[end:])):])
}

// maxSeen is how many texts of a file are remembered, so that none is looked at twice.
const maxSeen = 1 << 20

// gzip looks at what is packed.
func (s *scan) gzip(where string, content []byte, depth int) {
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		s.leak(CodeUnread, where, "a packed file")
		return
	}
	s.text(piece{where: where + ", name of a part", text: z.Name, hidden: true})
	s.text(piece{where: where + ", comment", text: z.Comment, hidden: true})
	b, err := io.ReadAll(io.LimitReader(z, maxPart+1))
	if err != nil || len(b) > maxPart {
		s.leak(CodeUnread, where, "a packed file")
		return
	}
	name := strings.TrimSuffix(where, ".gz")
	s.file(name, strings.ToLower(path.Ext(name)), b, depth+1)
}

var (
	userKey  = regexp.MustCompile(`(?i)^(?:user|username|user_name|host|hostname|computer|login|author|creator|owner)$`)
	countKey = regexp.MustCompile(`(?i)(?:^|_)(?:dropped|excluded|deleted|removed|missing|patients|n|count)$`)
)

// json looks at every key, text and count of a JSON file.
func (s *scan) json(where string, content []byte) {
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	for {
		var v any
		if err := d.Decode(&v); err == io.EOF {
			return
		} else if err != nil {
			s.leak(CodeUnread, where, "JSON that cannot be read")
			s.lines(where, string(content))
			return
		}
		s.value(where, "", v)
	}
}

func (s *scan) value(where, key string, v any) {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			s.text(piece{where: where + ", key", text: k})
			s.value(where, k, v[k])
		}
	case []any:
		for _, x := range v {
			s.value(where, key, x)
		}
	case string:
		if userKey.MatchString(key) && v != "" {
			s.leak(CodeManifest, where, "who made it, or on which computer")
		}
		if idHead.MatchString(key) && v != "" {
			s.leak(CodeMicrodata, where, "a field of patients' ids")
		}
		s.text(piece{where: where + ", " + key, text: v})
	case json.Number:
		if n, err := strconv.Atoi(v.String()); err == nil && n > 0 && n < s.known.K && countKey.MatchString(key) {
			s.leak(CodeManifest, where, "a small count")
		}
	}
}

var (
	pdfStream = regexp.MustCompile(`(?s)stream\r?\n(.*?)endstream`)
	pdfString = regexp.MustCompile(`\((?:[^()\\]|\\.)*\)`)
	pdfHex    = regexp.MustCompile(`<([0-9A-Fa-f]{4,})>`)
	pdfChar   = regexp.MustCompile(`<([0-9A-Fa-f]{2,4})>\s*<([0-9A-Fa-f]{4,})>`)
	pdfRange  = regexp.MustCompile(`<([0-9A-Fa-f]{2,4})>\s*<([0-9A-Fa-f]{2,4})>\s*<([0-9A-Fa-f]{4})>`)
	pdfRun    = regexp.MustCompile(`(?s)BT(.*?)ET`)
)

// pdf looks at the texts of a PDF: those outside its streams (title, author, bookmarks,
// alternative texts), and those drawn, by each of its fonts' tables of characters.
func (s *scan) pdf(where string, content []byte) {
	var streams [][]byte
	for _, m := range pdfStream.FindAllSubmatch(content, -1) {
		r, err := zlib.NewReader(bytes.NewReader(m[1]))
		if err != nil {
			streams = append(streams, m[1])
			continue
		}
		b, _ := io.ReadAll(io.LimitReader(r, maxPart)) // what is left of a damaged stream is looked at
		streams = append(streams, b)
	}
	outside := pdfStream.ReplaceAll(content, nil)
	var maps []map[string]string
	for _, b := range append(streams, outside) {
		if bytes.Contains(b, []byte("begincmap")) {
			maps = append(maps, characters(string(b)))
		}
	}
	for i, b := range append(streams, outside) {
		at := where
		if i < len(streams) {
			at = where + ", stream"
		}
		if bytes.HasPrefix(b, []byte("<?xpacket")) || bytes.Contains(b[:min(len(b), 400)], []byte("<x:xmpmeta")) {
			s.markup(at+", metadata", string(b), 1)
			continue
		}
		if isFont(b) {
			continue // its bytes are outlines: what looks like a text in them is chance
		}
		for _, t := range pdfString.FindAllString(string(b), -1) {
			s.text(piece{where: at, text: unescapePDF(t[1 : len(t)-1])})
		}
		for _, h := range pdfHex.FindAllStringSubmatch(string(b), -1) {
			if raw, err := hex.DecodeString(h[1]); err == nil && len(raw) > 2 && raw[0] == 0xfe && raw[1] == 0xff {
				s.text(piece{where: at, text: wide(raw[2:])})
			}
		}
		for _, m := range maps {
			for _, run := range pdfRun.FindAllString(string(b), -1) {
				var text strings.Builder
				for _, h := range pdfHex.FindAllStringSubmatch(run, -1) {
					for k := 0; k+4 <= len(h[1]); k += 4 {
						text.WriteString(m[strings.ToUpper(h[1][k:k+4])])
					}
				}
				s.text(piece{where: at, text: text.String()})
			}
		}
	}
}

// isFont tells whether a stream is a TrueType or OpenType font, by its first bytes.
func isFont(b []byte) bool {
	for _, magic := range []string{"\x00\x01\x00\x00\x00", "true\x00", "OTTO\x00"} {
		if bytes.HasPrefix(b, []byte(magic)) {
			return true
		}
	}
	return false
}

// characters reads which glyph stands for which characters.
func characters(cmap string) map[string]string {
	m := map[string]string{}
	for _, block := range strings.Split(cmap, "beginbfchar")[1:] {
		block, _, _ = strings.Cut(block, "endbfchar")
		for _, c := range pdfChar.FindAllStringSubmatch(block, -1) {
			if raw, err := hex.DecodeString(c[2]); err == nil {
				m[strings.ToUpper(c[1])] = wide(raw)
			}
		}
	}
	for _, block := range strings.Split(cmap, "beginbfrange")[1:] {
		block, _, _ = strings.Cut(block, "endbfrange")
		for _, c := range pdfRange.FindAllStringSubmatch(block, -1) {
			from, _ := strconv.ParseUint(c[1], 16, 32)
			to, _ := strconv.ParseUint(c[2], 16, 32)
			first, _ := strconv.ParseUint(c[3], 16, 32)
			for g := from; g <= to && g-from < 65536; g++ {
				m[fmt.Sprintf("%04X", g)] = string(rune(first + g - from))
			}
		}
	}
	return m
}

func wide(raw []byte) string {
	var u []uint16
	for i := 0; i+1 < len(raw); i += 2 {
		u = append(u, uint16(raw[i])<<8|uint16(raw[i+1]))
	}
	return string(utf16.Decode(u))
}

func unescapePDF(s string) string {
	s = strings.NewReplacer(`\(`, "(", `\)`, ")", `\\`, `\`, `\n`, " ", `\r`, " ").Replace(s)
	if strings.HasPrefix(s, "\xfe\xff") {
		return wide([]byte(s[2:]))
	}
	return s
}
