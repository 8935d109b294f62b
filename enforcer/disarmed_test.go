package enforcer

import (
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// disarmedBy waits until an enforcer says that it is disarmed, and why.
func (b *bench) disarmedBy(e *Enforcer, why string) {
	b.t.Helper()
	b.Eventually("disarmed by: "+why, func() bool { return strings.Contains(e.Status().Disarmed, why) })
}

// TestAnEnforcerSaysWhyItDoesNotCount: that its key is revoked, or its server relaxed,
// hinders it from publishing nothing, but nothing of it counts.
func TestAnEnforcerSaysWhyItDoesNotCount(t *testing.T) {
	for name, c := range map[string]struct {
		govern func(b *bench) *pb.Governance
		why    string
	}{
		"revoked key":      {func(b *bench) *pb.Governance { return trusttest.RevokeKey(b.Member("e1").Key.ID()) }, "revoked"},
		"revoked identity": {func(b *bench) *pb.Governance { return trusttest.RevokeIdentity(b.Member("e1").ID) }, "revoked"},
		"relaxed server": {func(b *bench) *pb.Governance {
			in := b.Fold().Governance().Release()
			next := proto.CloneOf(in.Proto)
			next.Version, next.Replaces, next.Durability = next.GetVersion()+1, in.Digest[:], pb.Durability_DURABILITY_SYNC_ALWAYS_UNSPECIFIED
			return trusttest.Released(next)
		}, "does not sync"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if e, err := New(Config{
				Conn: b.Connect("e2"), Ledger: b.Zone.Ledger, ID: b.Member("e2").ID, Key: b.Member("e2").Key, Credential: b.Member("e2").Credential,
				Logger: slog.New(slog.DiscardHandler),
			}); err != nil || e.Status().Disarmed == "" {
				t.Errorf("before it runs it would do: %v", err)
			}
			b.with("e1", func(e *Enforcer) {
				b.Eventually("all is well", func() bool { return e.Status().Disarmed == "" })
				b.Govern(c.govern(b))
				b.disarmedBy(e, c.why)
			})
		})
	}
}
