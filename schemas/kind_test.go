package schemas_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/schemas/internal/sample"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestKinds: the table is in the order of its constants, and no two rows share
// what tells records apart.
func TestKinds(t *testing.T) {
	names, types := map[string]bool{}, map[string]bool{}
	for i, info := range schemas.Kinds() {
		if got, ok := info.Kind.Info(); int(info.Kind) != i+1 || !ok || got.Name != info.Name || info.Kind.String() != info.Name {
			t.Errorf("row %d is of kind %d, Info says %q", i, info.Kind, got.Name)
		}
		if names[info.Name] || types[info.PayloadType] || info.Name == "" || info.PayloadType == "" || info.Summary == "" {
			t.Errorf("%s: name or payload type %q twice, or something is empty", info.Name, info.PayloadType)
		}
		names[info.Name], types[info.PayloadType] = true, true
		if info.Kind.PayloadType() != info.PayloadType || len(info.PayloadType) > 128 {
			t.Errorf("%s: payload type %q", info.Name, info.Kind.PayloadType())
		}
		if schemas.CheckName(info.Name) != nil {
			t.Errorf("%s is no subject token", info.Name)
		}
		if len(info.Writers) == 0 {
			t.Errorf("nobody may write a %s", info.Name)
		}
		for number := range pb.Role_name {
			if role := pb.Role(number); info.Kind.MayWrite(role) != slices.Contains(info.Writers, role) {
				t.Errorf("%s by %v", info.Name, role)
			}
		}
		if info.Kind.MayWrite(pb.Role_ROLE_UNSPECIFIED) {
			t.Errorf("nobody in particular may write a %s", info.Name)
		}
		if record := sample.Record(info.Kind); record != nil && string(record.ProtoReflect().Descriptor().FullName()) != info.Message {
			t.Errorf("%s: message %s", info.Name, info.Message)
		}
		if info.Message != "" {
			if _, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(info.Message)); err != nil {
				t.Errorf("%s: %v", info.Name, err)
			}
		}
	}
}

func TestUnknownKinds(t *testing.T) {
	for _, k := range []schemas.Kind{schemas.KindUnknown, schemas.Kind(len(schemas.Kinds()) + 1), 255} {
		if info, ok := k.Info(); ok || k.PayloadType() != "" || k.String() != "unknown" || k.MayWrite(pb.Role_ROLE_GOVERNOR) {
			t.Errorf("kind %d is %+v", k, info)
		}
	}
}

// TestKindsIsACopy: nobody can rewrite the table.
func TestKindsIsACopy(t *testing.T) {
	schemas.Kinds()[0].Name = "changed"
	if schemas.KindCredential.String() != "credential" {
		t.Error("Kinds hands out the table itself")
	}
}

// TestWriters is the table of PROTOCOL section 2, spelled out once more.
func TestWriters(t *testing.T) {
	want := map[string]string{
		"credential": "agent enforcer executor sentinel approver recorder auditor",
		"intent":     "agent", "decision": "enforcer", "claim": "executor", "outcome": "executor",
		"governance": "governor sentinel", "approval": "approver", "pulse": "sentinel",
		"heartbeat":  "enforcer executor sentinel recorder auditor",
		"checkpoint": "recorder witness", "answer": "enforcer executor", "delegation": "agent",
	}
	for _, info := range schemas.Kinds() {
		var roles []string
		for _, r := range info.Writers {
			roles = append(roles, strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_")))
		}
		if got := strings.Join(roles, " "); got != want[info.Name] {
			t.Errorf("%s: %s, want %s", info.Name, got, want[info.Name])
		}
	}
}

func TestSubjects(t *testing.T) {
	tests := []struct {
		kind  schemas.Kind
		token string
		want  string
	}{
		{schemas.KindCredential, "alice", "fabric.z1.credential.alice"},
		{schemas.KindIntent, "alice", "fabric.z1.intent.alice"},
		{schemas.KindDecision, "pay", "fabric.z1.decision.pay"},
		{schemas.KindDecision, schemas.NoTool, "fabric.z1.decision.none"},
		{schemas.KindClaim, "pay", "fabric.z1.claim.pay"},
		{schemas.KindOutcome, "pay", "fabric.z1.outcome.pay"},
		{schemas.KindGovernance, "", "fabric.z1.governance"},
		{schemas.KindApproval, "", "fabric.z1.approval"},
		{schemas.KindPulse, "", "fabric.z1.pulse"},
	}
	for _, test := range tests {
		got := schemas.Subject("z1", test.kind, test.token)
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.kind, got, test.want)
		}
		zone, kind, token, err := schemas.LedgerSubject(got)
		if err != nil || zone != "z1" || kind != test.kind || token != test.token {
			t.Errorf("%s comes back as %q %s %q, %v", got, zone, kind, token, err)
		}
		if !strings.HasPrefix(got, strings.TrimSuffix(schemas.LedgerFilter("z1"), ">")) {
			t.Errorf("%s is outside of %s", got, schemas.LedgerFilter("z1"))
		}
	}
	for kind, want := range map[schemas.Kind]string{
		schemas.KindHeartbeat: "heartbeat.z1.executor.x1", schemas.KindCheckpoint: "checkpoint.z1", schemas.KindAnswer: "answer.z1.alice",
	} {
		token := map[schemas.Kind]string{schemas.KindHeartbeat: "executor.x1", schemas.KindAnswer: "alice"}[kind]
		if got := schemas.Subject("z1", kind, token); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}

func TestLedgerSubjectRefuses(t *testing.T) {
	for _, subject := range []string{
		"", "fabric", "fabric.z1", "fabric.z1.intent", "fabric.z1.intent.", "fabric.z1.intent.a.b", "fabric.z1.governance.a", "fabric.z1.governance.",
		"fabric..governance", "fabric.Z1.governance", "fabric.*.governance", "fabric.z1.*", "fabric.z1.>", "fabric.z1.intent.*", "fabric.z1.intent.>",
		"fabric.z1.intent.Alice", "fabric.z1.unknown", "fabric.z1.unknown.a", "fabric.z1.INTENT.a", "Fabric.z1.pulse", ".fabric.z1.pulse",
		"live.fabric.z1.pulse", "heartbeat.z1.executor.x1", "fabric.z1.heartbeat.x1", "fabric.z1.answer.alice", "fabric.z1.checkpoint",
		"fabric.z1.delegation", "fabric.z1.pulse\x00", "fabric.z1.intent." + strings.Repeat("a", 64), strings.Repeat("fabric.", 1000),
	} {
		zone, kind, token, err := schemas.LedgerSubject(subject)
		if err == nil || zone != "" || kind != schemas.KindUnknown || token != "" {
			t.Errorf("%.80q is taken for %q %s %q", subject, zone, kind, token)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, s := range []string{"a", "0", "a-b", "a--b", "z1", strings.Repeat("a", 63)} {
		if err := schemas.CheckName(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", "-", "-a", "a-", "A", "a_b", "a.b", "a b", "*", ">", "é", "a\n", strings.Repeat("a", 64), strings.Repeat("a", 1<<20)} {
		if err := schemas.CheckName(s); err == nil || len(err.Error()) > 400 {
			t.Errorf("%.80q: %.400v", s, err)
		}
	}
}

// FuzzLedgerSubject: what is accepted has one spelling, its own.
func FuzzLedgerSubject(f *testing.F) {
	f.Add("fabric.z1.intent.alice")
	f.Add("fabric.z1.pulse")
	f.Add("fabric.z1.governance.")
	f.Fuzz(func(t *testing.T, subject string) {
		zone, kind, token, err := schemas.LedgerSubject(subject)
		if err == nil && schemas.Subject(zone, kind, token) != subject {
			t.Errorf("%q is accepted as %q", subject, schemas.Subject(zone, kind, token))
		}
	})
}
