// Package static serves the files that pages need, from the binary, under addresses that name their content: a changed file
// has another address, so every answer may be kept for ever.
package static

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed *.css *.svg
var files embed.FS

// file is one static file, ready to be sent.
type file struct {
	content []byte
	kind    string
}

// kinds are the content types by ending. A file of another ending is not served.
var kinds = map[string]string{".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

var (
	addresses = map[string]string{} // name to address
	served    = map[string]file{}   // address to content
)

func init() {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded: cannot fail
	}
	for _, e := range entries {
		content, err := files.ReadFile(e.Name())
		if err != nil {
			panic(err)
		}
		digest := sha256.Sum256(content)
		ending := path.Ext(e.Name())
		address := fmt.Sprintf("/static/%s.%s%s", strings.TrimSuffix(e.Name(), ending), hex.EncodeToString(digest[:6]), ending)
		addresses[e.Name()], served[address] = address, file{content, kinds[ending]}
	}
}

// URL is the address of a file of this folder. It panics for a name that is not there: that is a mistake in a template.
func URL(name string) string {
	address, ok := addresses[name]
	if !ok {
		panic("static: no file " + name)
	}
	return address
}

// Handler serves exactly the addresses that URL gives.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := served[r.URL.Path]
		if !ok {
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "There is no such file.", http.StatusNotFound)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "This file can only be read.", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", f.kind)
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	})
}
