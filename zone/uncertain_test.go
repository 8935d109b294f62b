package zone_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestABrokenConnectionIsIndeterminate: a server that hangs up in the middle may
// have done what it was asked; a refusal is a plain failure.
func TestABrokenConnectionIsIndeterminate(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	tools, err := zone.OpenTools(zone.ToolsConfig{Endpoints: []zone.EndpointConfig{
		{Tool: "hang-up", URL: server.URL + "/hang-up", Method: http.MethodPost, Allow: zone.ReachConfig{Loopback: true}},
		{Tool: "refuse", URL: server.URL + "/refuse", Method: http.MethodPost, Allow: zone.ReachConfig{Loopback: true}},
	}})
	must(t, err)
	defer tools.Close()
	handlers, err := tools.Handlers("x1", []string{"hang-up", "refuse"})
	must(t, err)
	for tool, indeterminate := range map[string]bool{"hang-up": true, "refuse": false} {
		_, err := handlers[tool].Handle(t.Context(), executor.Action{
			Intent: &pb.Intent{Tool: tool, Resource: server.URL + "/" + tool, Arguments: []byte("{}")}, Digest: trust.Digest{1}, Token: 1,
		})
		if err == nil || errors.Is(err, executor.ErrIndeterminate) != indeterminate {
			t.Errorf("%s: %v, and indeterminate should be %v", tool, err, indeterminate)
		}
	}
}
