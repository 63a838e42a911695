package readback

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// parquetOf is a Parquet file of a column of texts and one of numbers.
func parquetOf(t *testing.T, codec compress.Compression, dictionary bool, name string, texts []string, number int64) []byte {
	t.Helper()
	text, err := schema.NewPrimitiveNodeLogical(name, parquet.Repetitions.Required, schema.StringLogicalType{}, parquet.Types.ByteArray, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	sc, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, schema.FieldList{text, schema.NewInt64Node("number", parquet.Repetitions.Required, -1)}, -1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := file.NewParquetWriter(&b, sc, file.WithWriterProps(parquet.NewWriterProperties(parquet.WithCompression(codec), parquet.WithDictionaryDefault(dictionary), parquet.WithStats(false))))
	g := w.AppendRowGroup()
	var values []parquet.ByteArray
	var numbers []int64
	for _, s := range texts {
		values, numbers = append(values, parquet.ByteArray(s)), append(numbers, number)
	}
	column := func(write func(file.ColumnChunkWriter) error) {
		c, err := g.NextColumn()
		if err != nil {
			t.Fatal(err)
		}
		if err := write(c); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	column(func(c file.ColumnChunkWriter) error {
		_, err := c.(*file.ByteArrayColumnChunkWriter).WriteBatch(values, nil, nil)
		return err
	})
	column(func(c file.ColumnChunkWriter) error {
		_, err := c.(*file.Int64ColumnChunkWriter).WriteBatch(numbers, nil, nil)
		return err
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A text or a number in a page is found whatever the page is packed with, and where its
// letters stand nowhere in the file as they are, as with gzip and zstd here.
func TestCanaryInParquetPages(t *testing.T) {
	// Pieces of the text come first, so that a codec writes it as copies of them.
	around := []string{"Alpha Zzyzx-ca Alpha", "Beta x-canary Beta", strings.Repeat("Gamma ", 40)}
	for name, codec := range map[string]compress.Compression{
		"plain": compress.Codecs.Uncompressed, "snappy": compress.Codecs.Snappy, "gzip": compress.Codecs.Gzip, "zstd": compress.Codecs.Zstd, "brotli": compress.Codecs.Brotli,
	} {
		for _, dictionary := range []bool{true, false} {
			at := fmt.Sprintf("%s, dictionary %v", name, dictionary)
			b := parquetOf(t, codec, dictionary, "answer", append(around, canary, canary), 12)
			if (name == "gzip" || name == "zstd") && bytes.Contains(b, []byte(canary)) {
				t.Errorf("%s: the text stands in the file as it is: nothing is tested", at)
			}
			if found := Scan("a.parquet", b, Known{Texts: []string{canary}}); !has(found, CodeKnown) || has(found, CodeUnread) {
				t.Errorf("%s: %v", at, found)
			}
			clean := parquetOf(t, codec, dictionary, "answer", around, 12)
			if found := Scan("a.parquet", clean, Known{Texts: []string{canary}}); len(found) > 0 {
				t.Errorf("%s: %v without it", at, found)
			}
			if found := Scan("a.parquet", parquetOf(t, codec, dictionary, "answer", around, 70011223), Known{IDs: []string{"70011223"}}); !has(found, CodeKnown) {
				t.Errorf("%s: an id in numbers is let pass: %v", at, found)
			}
			if found := Scan("a.parquet", b[:len(b)/2], Known{}); !has(found, CodeUnread) {
				t.Errorf("%s: half a file passes: %v", at, found)
			}
		}
	}
	if found := Scan("a.parquet", parquetOf(t, compress.Codecs.Zstd, true, "patient_id", around, 12), Known{}); !has(found, CodeMicrodata) {
		t.Errorf("a column of ids: %v", found)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte("a,b\n1," + canary + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if found := Scan("a.csv.gz", packed.Bytes(), Known{Texts: []string{canary}}); !has(found, CodeKnown) {
		t.Errorf("a packed table: %v", found)
	}
}
