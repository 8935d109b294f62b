//go:build faults

package single_test

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const (
	syncAlways = pb.Durability_DURABILITY_SYNC_ALWAYS_UNSPECIFIED
	relaxed    = pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS
)

// maxDeadline is short: after a loss it has to pass before a mark may be removed.
const maxDeadline = 5 * time.Second

// newFabric makes a fabric with one of each and one tool, which calls outside. It has no limits, and silence only warns:
// who is killed or without power is away for long.
func newFabric(t *testing.T, dir, host string, durability pb.Durability) *fabric.Fabric {
	t.Helper()
	release := fstest.MapFS{
		"release.yaml": {Data: edited(t)},
		"directory.yaml": text(`directory:
  - {name: scout, role: agent, groups: [staff], tools: [http-get]}
  - {name: mallory, role: agent, groups: [guests], tools: [http-get]}
  - {name: a1, role: auditor}
`),
		"tools.yaml": text(`tools:
  - {name: http-get, resource_type: Url, arguments: [{name: url, type: string, required: true, max_length: 2048}]}
`),
		"limits.yaml":         text("limits: []\n"),
		"policies/call.cedar": text("@id(\"staff-call\")\n@reason(\"Staff may call the outside.\")\npermit (principal in Group::\"staff\", action, resource is Url);\n"),
	}
	f, err := fabric.Create(dir, fabric.Params{
		TrustDomain: "test.portcullis", Zone: "home", Clock: time.Now, Release: release, Recorders: 1, Durability: durability,
	})
	must(t, err)
	tool := fmt.Sprintf("http:\n  - {tool: http-get, method: GET, scheme: http, host: %q, path: /act, allow: {loopback: true}}\n", host)
	must(t, os.WriteFile(filepath.Join(f.Dir, "tools.yaml"), []byte(tool), 0o600))
	return f
}

func text(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

// edited is the default release with a short deadline.
func edited(t *testing.T) []byte {
	t.Helper()
	template, err := fabric.Template()
	must(t, err)
	data, err := fs.ReadFile(template, "release.yaml")
	must(t, err)
	before, after, found := strings.Cut(string(data), "max_deadline: 60s")
	if !found {
		t.Fatal("the template's release.yaml was edited: it no longer says max_deadline: 60s")
	}
	return slices.Concat([]byte(before), fmt.Appendf(nil, "max_deadline: %v", maxDeadline), []byte(after),
		[]byte("\ndrift: [{rule: heartbeat.missing, warn_only: true}]\n"))
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	must(t, err)
	return port
}
