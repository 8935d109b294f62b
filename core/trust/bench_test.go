package trust_test

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const itemSize = 512

func BenchmarkSealList(b *testing.B) {
	member := trusttest.NewMember(pb.Role_ROLE_AGENT, "alice")
	items := [][]byte{make([]byte, itemSize)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := trust.SealList(schemas.KindIntent, trust.Digest{1}, items, member.Key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseEnvelope(b *testing.B) {
	data := trusttest.NewMember(pb.Role_ROLE_AGENT, "alice").List(schemas.KindIntent, trust.Digest{1}, make([]byte, itemSize))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := trust.ParseEnvelope(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseAndVerify(b *testing.B) {
	member := trusttest.NewMember(pb.Role_ROLE_AGENT, "alice")
	data, key := member.List(schemas.KindIntent, trust.Digest{1}, make([]byte, itemSize)), member.Key.Public()
	b.ReportAllocs()
	for b.Loop() {
		if env, err := trust.ParseEnvelope(data); err != nil || !env.VerifiedBy(0, key) {
			b.Fatal("does not verify", err)
		}
	}
}

func BenchmarkVerifyCredential(b *testing.B) {
	ca := trusttest.NewCA()
	env, trusted := parsed(b, ca.Member(pb.Role_ROLE_AGENT, "alice").Credential), issuers(b, ca)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := trust.VerifyCredential(env, trusted, trusttest.Start); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseIdentity(b *testing.B) {
	s := trusttest.ID(pb.Role_ROLE_AGENT, "alice").String()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := trust.ParseIdentity(s); err != nil {
			b.Fatal(err)
		}
	}
}
