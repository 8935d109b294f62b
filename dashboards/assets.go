package dashboards

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// built is the application as Vite has built it. It is committed, so that building
// Portcullis needs no Node; `make console-check` builds it again and compares.
//
//go:embed all:web/dist
var built embed.FS

// serveAsset serves a file of the application. Names of files under assets/ carry their
// digest, so that they can be kept.
func serveAsset(w http.ResponseWriter, r *http.Request) error {
	dist, err := fs.Sub(built, "web/dist")
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	info, err := fs.Stat(dist, name)
	if err != nil || info.IsDir() {
		return surface.Missing("the application has no such file")
	}
	if strings.HasPrefix(name, "assets/") {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeFileFS(w, r, dist, name)
	return nil
}
