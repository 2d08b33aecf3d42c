// Package static serves the files that pages need, from the binary, under addresses that name their content: a changed file
// has another address, so every answer may be kept for ever.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
)

//go:embed *.css *.js *.svg
var files embed.FS

// file is one static file, ready to be sent.
type file struct {
	content []byte
	packed  []byte // by gzip
	kind    string
}

// kinds are the content types by ending. A file of another ending is not served.
var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

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
		add(e.Name())
	}
}

// imports finds what a module imports from this folder. Each import stands on one line.
var imports = regexp.MustCompile(`(?m)^(import .* from )"\./([a-z]+\.js)"`)

// add gives a file its address and returns it. What a module imports comes first: its address stands in the module, so that a
// page that was drawn before an update gets the modules that belong together.
func add(name string) string {
	if address, ok := addresses[name]; ok {
		if address == "" {
			panic("static: modules that import each other: " + name)
		}
		return address
	}
	content, err := files.ReadFile(name)
	if err != nil {
		panic(err) // a module imports what is not there
	}
	addresses[name] = "" // under way
	ending := path.Ext(name)
	if ending == ".js" {
		content = imports.ReplaceAllFunc(content, func(m []byte) []byte {
			found := imports.FindSubmatch(m)
			return []byte(string(found[1]) + `"` + add(string(found[2])) + `"`)
		})
	}
	digest := sha256.Sum256(content)
	address := fmt.Sprintf("/static/%s.%s%s", strings.TrimSuffix(name, ending), hex.EncodeToString(digest[:6]), ending)
	addresses[name], served[address] = address, file{content, pack(content), kinds[ending]}
	return address
}

// pack compresses as well as it can: once, when the program starts.
func pack(content []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(content)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		panic(err) // into memory: cannot fail
	}
	return b.Bytes()
}

// URL is the address of a file of this folder. It panics for a name that is not there: that is a mistake in a template.
func URL(name string) string {
	address, ok := addresses[name]
	if !ok {
		panic("static: no file " + name)
	}
	return address
}

// Data is the content of a small file as an address, which saves a request.
func Data(name string) string {
	f := served[URL(name)]
	return "data:" + f.kind + ";base64," + base64.StdEncoding.EncodeToString(f.content)
}

// Handler serves exactly the addresses that URL gives, packed where accepts says that the client takes gzip. It serves whole
// files: they are small, and who asks for a thousand parts of one gets it once.
func Handler(accepts func(http.Header) bool) http.Handler {
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
		h, body := w.Header(), f.content
		h.Set("Content-Type", f.kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Vary", "Accept-Encoding")
		if accepts(r.Header) {
			h.Set("Content-Encoding", "gzip")
			body = f.packed
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(body) // a client that has left misses nothing
		}
	})
}
