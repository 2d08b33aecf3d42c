package web

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip" // half the time of the standard one
)

// minCompressed is the size from which a page is worth compressing, in bytes.
const minCompressed = 1 << 10

var compressors = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is one of its own
	}
	return z
}}

// compressible tells whether a page may be compressed for r. Not one that another site had opened: the length of a
// compressed page tells who listens on the way whether it has a text that the address repeats, and only another site can
// choose that address.
func compressible(r *http.Request, size int) bool {
	return size >= minCompressed && !otherSite(r) && acceptsGzip(r.Header)
}

// acceptsGzip tells whether a client takes gzip.
func acceptsGzip(h http.Header) bool {
	for _, line := range h.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(strings.ToLower(part), ";")
			if strings.TrimSpace(name) == "gzip" {
				return strings.Trim(strings.ReplaceAll(weight, " ", ""), "0.") != "q="
			}
		}
	}
	return false
}

// padding makes the length of a compressed page say little by itself.
var padding = strings.Repeat("x", 64)

func compress(into *bytes.Buffer, page []byte) error {
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(into)
	z.Comment = padding[:rand.IntN(len(padding))]
	if _, err := z.Write(page); err != nil {
		return err
	}
	return z.Close()
}
