package ledger

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
)

// BenchmarkParse is one message with a signature of a known key, ahead of the fold.
func BenchmarkParse(b *testing.B) {
	l := begun(b)
	h := l.list(schemas.KindIntent, "alice", alice)
	raw := Raw{Seq: 1, Time: l.now, Subject: h.subject(), Data: h.data}
	b.ReportAllocs()
	for b.Loop() {
		if p := l.parser.Parse(raw); !p.verified {
			b.Fatal("not verified")
		}
	}
}

// BenchmarkParseVouched is the same for a message that this process sealed.
func BenchmarkParseVouched(b *testing.B) {
	l := begun(b)
	h := l.list(schemas.KindIntent, "alice", alice)
	l.parser.Keys.Vouch(h.data)
	raw := Raw{Seq: 1, Time: l.now, Subject: h.subject(), Data: h.data}
	b.ReportAllocs()
	for b.Loop() {
		if p := l.parser.Parse(raw); !p.verified {
			b.Fatal("not verified")
		}
	}
}

// BenchmarkStep is the fold of a message that was verified ahead.
func BenchmarkStep(b *testing.B) {
	l := begun(b)
	for _, kind := range []schemas.Kind{schemas.KindIntent, schemas.KindPulse} {
		for _, h := range l.signedKinds() {
			if h.kind != kind {
				continue
			}
			b.Run(kind.String(), func(b *testing.B) {
				p := l.parser.Parse(Raw{Seq: l.seq, Time: l.now, Subject: h.subject(), Data: h.data})
				b.ReportAllocs()
				for b.Loop() {
					clear(l.fold.pulsed) // the same pulse again and again
					if _, err := l.fold.Step(p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkStepNoise is what a stray message costs: parse and step.
func BenchmarkStepNoise(b *testing.B) {
	l := begun(b)
	raw := Raw{Seq: 1, Time: l.now, Subject: schemas.Subject(trusttest.ZoneName, schemas.KindPulse, ""), Data: []byte(`{"stream":"LEDGER_z1","seq":7}`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.fold.Step(l.parser.Parse(raw)); err == nil {
			b.Fatal("noise is taken for a record")
		}
	}
}
