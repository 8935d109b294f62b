package fabric_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

func params() fabric.Params {
	return fabric.Params{TrustDomain: "acme.test", Zone: "east", Clock: clock}
}

func create(t testing.TB, p fabric.Params) *fabric.Fabric {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "data"), p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// fold replays a fabric's records and the credentials of all its members, as a
// follower of the ledger would.
func fold(t testing.TB, f *fabric.Fabric) *ledger.Fold {
	t.Helper()
	keys := ledger.NewKeys()
	fold := ledger.NewFold(f.Ledger, keys)
	parser := ledger.Parser{Zone: f.Zone, Keys: keys}
	step := func(subject string, data []byte) {
		t.Helper()
		if _, err := fold.Step(parser.Parse(ledger.Raw{Seq: fold.Seq() + 1, Time: noon, Subject: subject, Data: data})); err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
	}
	records, err := f.Records()
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range records {
		step(schemas.Subject(f.Zone, schemas.KindGovernance, ""), data)
	}
	all, err := f.Participants()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if !schemas.KindCredential.MayWrite(p.Role) {
			continue
		}
		m, err := f.Load(p.Role, p.Name, trust.DigestOf([]byte("build")))
		if err != nil {
			t.Fatal(err)
		}
		step(schemas.Subject(f.Zone, schemas.KindCredential, p.Name), m.Credential)
		cred, ok := fold.Credential(m.Key.ID())
		if reason, standing := fold.Standing(cred); !ok || !standing {
			t.Fatalf("%s does not stand: %v", m.ID, reason)
		}
	}
	return fold
}

// testIssuer is a root certificate, from a fabric made once.
var testIssuer = func() []byte {
	dir, err := os.MkdirTemp("", "fabric")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	f, err := fabric.Create(filepath.Join(dir, "data"), params())
	if err != nil {
		panic(err)
	}
	r, err := f.Release()
	if err != nil {
		panic(err)
	}
	return r.Proto.GetIssuers()[0]
}()
