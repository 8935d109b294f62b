package agent

import (
	"crypto/x509"
	"log/slog"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// FuzzAnswer: no bytes settle a proposal but an answer on it that an enforcer or an
// executor of the zone signed. Honest answers on another intent are the seeds, so
// nothing that is taken from them may settle this one.
func FuzzAnswer(f *testing.F) {
	other, mine := trust.DigestOf([]byte("another intent")), trust.DigestOf([]byte("mine"))
	enforcer, executor, alice := ofToday(enforcer), ofToday(executor), ofToday(alice)
	seal := func(a answering) []byte {
		item, err := schemas.Marshal(a.answer)
		if err != nil {
			f.Fatal(err)
		}
		data, err := trust.SealIntroducedList(a.kind, a.ledger, [][]byte{item}, a.signer.Credential, a.signer.Key)
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	for _, a := range []answering{
		answerOf(enforcer, decisionOn(other, func(*pb.Decision) {})),
		answerOf(enforcer, decisionOn(other, allow)),
		answerOf(executor, outcomeOf(other, executor.SPIFFE(), []byte("done"), func(*pb.Outcome) {})),
		answerOf(alice, decisionOn(mine, func(*pb.Decision) {})),
		answerOf(enforcer, outcomeOf(mine, executor.SPIFFE(), nil, func(*pb.Outcome) {})),
	} {
		f.Add(seal(a))
	}
	issuers, err := trust.NewIssuers([][]byte{ca.Cert.Raw})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"stream":"LEDGER_z1","seq":7}`))
	cfg := Config{Ledger: ledgerID, ID: alice.ID, Key: alice.Key, Credential: alice.Credential, Issuers: issuers, Logger: slog.New(slog.DiscardHandler)}
	take := func(data []byte) *waiting {
		book := newAnswerBook(cfg)
		w, err := book.expect(mine, time.Now(), 0, nil)
		if err != nil {
			f.Fatal(err)
		}
		book.take(data)
		return w
	}
	if !take(seal(answerOf(enforcer, decisionOn(mine, func(*pb.Decision) {})))).settled {
		f.Fatal("an honest answer settles nothing, so nothing here could ever fail")
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if w := take(data); w.settled || w.allowed || w.pending != nil {
			t.Fatalf("settled: %v, %v; allowed: %v", w.outcome, w.err, w.allowed)
		}
	})
}

// ofToday is the member with a credential that is valid by the clock of this machine,
// which agents go by.
func ofToday(m trusttest.Member) trusttest.Member {
	svid := ca.SVID(m.ID, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(24 * time.Hour) })
	return trusttest.Enroll(svid, m.ID, m.Key, trust.Digest{})
}
