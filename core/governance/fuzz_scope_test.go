package governance_test

import (
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/governance"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// FuzzParseScope: what governors write is halted exactly, or refused. What a scope
// is told as is read as the same scope, and a text that names a tool or an agent
// names no other.
func FuzzParseScope(f *testing.F) {
	for _, text := range []string{"global", "zone", "drill", "tool:pay", "agent:alice", "session:alice#s1", "tool:", "zone:z1", "agent:../x", "session:alice#", "session:alice#a#b", "Global", " global", "tool:pay "} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := governance.ParseScope(text, "acme.test", "z1")
		if err != nil {
			return
		}
		told := governance.ScopeString(s)
		if s.GetKind() == pb.ScopeKind_SCOPE_KIND_UNSPECIFIED || told == "" {
			t.Fatalf("%q has no kind", text)
		}
		kind, name, named := strings.Cut(text, ":")
		if !strings.HasPrefix(told, kind) || named && !strings.Contains(told, strings.SplitN(name, "#", 2)[0]) {
			t.Errorf("%q is told as %q", text, told)
		}
	})
}
