package tiles

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Handler serves the tree in a folder (see TreeDir) to readers, as C2SP
// tlog-tiles says: GET and HEAD of checkpoint and of what the checkpoint covers,
// nothing else. Partial tiles that have become full are answered with 404, as
// that specification allows; the full one is there. Errors are short texts.
func Handler(tree string) http.Handler { return handler{reader{tree}} }

type handler struct{ read reader }

// Cache-Control of what changes and of what never will.
const (
	fresh     = "no-cache"
	immutable = "public, max-age=31536000, immutable"
)

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "a tree can only be read", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == checkpointName {
		h.file(w, r, name, "text/plain; charset=utf-8", fresh)
		return
	}
	if t, ok := parsePath(name); ok && h.covers(t) {
		h.file(w, r, path(t), "application/octet-stream", immutable)
		return
	}
	notFound(w)
}

// covers: what the checkpoint does not cover may still be written again.
func (h handler) covers(t tlog.Tile) bool {
	note, err := h.read.file(checkpointName)
	if err != nil {
		return false
	}
	c, err := TextOf(note)
	return err == nil && within(t, c.Size)
}

func (h handler) file(w http.ResponseWriter, r *http.Request, name, kind, cache string) {
	f, err := os.Open(filepath.Join(h.read.root, filepath.FromSlash(name)))
	if err != nil {
		notFound(w)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, f)
}

func notFound(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", fresh)
	http.Error(w, "the tree has no such thing, or not yet", http.StatusNotFound)
}
