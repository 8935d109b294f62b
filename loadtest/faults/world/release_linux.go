package world

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
)

// Settings are what a test may choose of a world. The zero value is a zone as `portcullis init` makes it, on three brokers.
type Settings struct {
	K    int    // how many of the two enforcers must agree; 0 means one
	Disk string // size of each broker's disk, as mount writes it; "" means 512m
}

// Who is in a world's directory besides: mallory, a guest who may do nothing, whose records are noise.
var (
	agentNames    = []string{"scout", "robin"}
	enforcerNames = []string{"e1", "e2"}
	executorNames = []string{"x1", "x2"}
	toolNames     = []string{"http-get", "http-poll"}
)

const strayName = "mallory"

// newFabric makes a fabric whose brokers will be at these URLs and whose tools act on the outside.
func newFabric(t testing.TB, dir string, s Settings, brokers []string, outside *Outside) *fabric.Fabric {
	t.Helper()
	f, err := fabric.Create(dir, fabric.Params{
		TrustDomain: "test.portcullis", Zone: "home", Clock: time.Now, Release: releaseSource(t), K: s.K,
		NATS: fabric.NATS{URL: strings.Join(brokers, ","), Replicas: len(brokers)},
	})
	must(t, err)
	var served strings.Builder
	for _, name := range toolNames {
		fmt.Fprintf(&served, "  - {tool: %s, method: GET, scheme: http, host: %q, path: /act, allow: {private: true}}\n", name, outside.host())
	}
	must(t, os.WriteFile(filepath.Join(f.Dir, "tools.yaml"), []byte("http:\n"+served.String()), 0o600))
	return f
}

// releaseSource is the default release, with who and what a world needs, and without limits.
func releaseSource(t testing.TB) fstest.MapFS {
	t.Helper()
	template, err := fabric.Template()
	must(t, err)
	release, err := fs.ReadFile(template, "release.yaml")
	must(t, err)
	var directory, tools strings.Builder
	serving := strings.Join(toolNames, ", ")
	for _, name := range agentNames {
		fmt.Fprintf(&directory, "  - {name: %s, role: agent, groups: [staff], tools: [%s]}\n", name, serving)
	}
	fmt.Fprintf(&directory, "  - {name: %s, role: agent, groups: [guests], tools: [%s]}\n", strayName, serving)
	for rank, name := range enforcerNames {
		fmt.Fprintf(&directory, "  - {name: %s, role: enforcer, rank: %d}\n", name, rank)
	}
	for _, name := range executorNames {
		fmt.Fprintf(&directory, "  - {name: %s, role: executor, tools: [%s]}\n", name, serving)
	}
	for _, name := range toolNames {
		fmt.Fprintf(&tools, "  - {name: %s, resource_type: Url, arguments: [{name: url, type: string, required: true, max_length: 2048}]}\n", name)
	}
	source := fstest.MapFS{"release.yaml": {Data: release}}
	for name, text := range map[string]string{
		"directory.yaml":      "directory:\n" + directory.String() + "  - {name: s1, role: sentinel}\n",
		"tools.yaml":          "tools:\n" + tools.String(),
		"limits.yaml":         "limits: []\n",
		"policies/call.cedar": "@id(\"staff-call\")\n@reason(\"Staff may call the outside.\")\npermit (principal in Group::\"staff\", action, resource is Url);\n",
	} {
		source[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return source
}
