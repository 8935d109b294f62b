package proof_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	securesystems "github.com/secure-systems-lab/go-securesystemslib/dsse"
	formats "github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
)

// verifier is an Ed25519 key as an independent DSSE implementation wants it.
type verifier struct {
	id  string
	key ed25519.PublicKey
}

func verifierOf(k *trust.SigningKey) verifier { return verifier{k.ID().String(), k.Public().Bytes()} }

func (v verifier) Verify(_ context.Context, data, sig []byte) error {
	if !ed25519.Verify(v.key, data, sig) {
		return errors.New("no signature of this key")
	}
	return nil
}
func (v verifier) KeyID() (string, error)   { return v.id, nil }
func (v verifier) Public() crypto.PublicKey { return v.key }
func (verifier) Algo() string               { return "ed25519" }

// opened is what an independent implementation of DSSE makes of an envelope.
func opened(t *testing.T, text []byte, threshold int, keys ...*trust.SigningKey) (payloadType string, payload []byte, err error) {
	t.Helper()
	var env securesystems.Envelope
	must(t, json.Unmarshal(text, &env))
	all := make([]securesystems.Verifier, len(keys))
	for i, k := range keys {
		all[i] = verifierOf(k)
	}
	v, err := securesystems.NewMultiEnvelopeVerifier(threshold, all...)
	must(t, err)
	if _, err := v.Verify(t.Context(), &env); err != nil {
		return "", nil, err
	}
	payload, err = env.DecodeB64Payload()
	return env.PayloadType, payload, err
}

func TestEnvelopes(t *testing.T) {
	w := newWorld(t)
	f := w.prove(storyOf(t, "executed").tell(w))
	all, err := proof.Envelopes(f, w.zone.Ledger)
	must(t, err)
	if len(all) != 1 {
		t.Fatalf("%d envelopes of equal payloads", len(all))
	}
	payloadType, payload, err := opened(t, all[0], 2, w.e1.Key, w.e3.Key)
	must(t, err)
	if payloadType != schemas.KindDecision.PayloadType() {
		t.Errorf("payload type %q", payloadType)
	}
	i := slices.IndexFunc(f.Records, func(r proof.Record) bool { return r.Subject == "fabric.z1.decision.read" })
	if !bytes.Equal(payload, trusttest.Payload(f.Records[i].Envelope)) {
		t.Error("the payload is not the one on the ledger")
	}
	if _, _, err := opened(t, all[0], 2, w.e1.Key, w.e2.Key); err == nil {
		t.Error("a quorum of others verifies")
	}
	f.Kind = proof.KindFailed
	if _, err := proof.Envelopes(f, w.zone.Ledger); !errors.Is(err, proof.ErrRefused) {
		t.Errorf("of a file that does not verify: %v", err)
	}
	undecided := w.prove(storyOf(t, "expired").tell(w))
	if _, err := proof.Envelopes(undecided, w.zone.Ledger); !errors.Is(err, proof.ErrRefused) {
		t.Errorf("without a quorum: %v", err)
	}
}

// TestEnvelopesCutDifferently: enforcers that cut their lists otherwise sign other
// payloads.
func TestEnvelopesCutDifferently(t *testing.T) {
	w := newWorld(t)
	a := w.ask()
	d := w.encode(w.decision(a, deny(57)))
	w.add(schemas.KindDecision, "read", w.e1.List(schemas.KindDecision, w.zone.Ledger, d))
	w.add(schemas.KindDecision, "read", w.e2.List(schemas.KindDecision, w.zone.Ledger, d, d))
	w.pulse()
	all, err := proof.Envelopes(w.prove(proof.Question{Intent: a.digest}), w.zone.Ledger)
	must(t, err)
	if len(all) != 2 {
		t.Fatalf("%d envelopes of two payloads", len(all))
	}
	for i, m := range []trusttest.Member{w.e1, w.e2} {
		if _, _, err := opened(t, all[i], 1, m.Key); err != nil {
			t.Errorf("%s: %v", m.ID.Name, err)
		}
	}
}

func TestStatement(t *testing.T) {
	for name, allowed := range map[string]bool{"executed": true, "denied": false, "approved": true, "void_halted": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			f := w.prove(storyOf(t, name).tell(w))
			key := trusttest.Key("an auditor")
			text, err := proof.Statement(f, w.zone.Ledger, key)
			must(t, err)
			payloadType, payload, err := opened(t, text, 1, key)
			must(t, err)
			if payloadType != "application/vnd.in-toto+json" {
				t.Errorf("payload type %q", payloadType)
			}
			var s struct {
				Type          string `json:"_type"`
				PredicateType string `json:"predicateType"`
				Subject       []struct {
					Digest map[string]string `json:"digest"`
				} `json:"subject"`
				Predicate struct {
					Subject  struct{ Type, ID string }
					Resource struct{ Type, ID string }
					Action   struct{ Name string }
					Decision bool
					Reasons  []string
					Epoch    uint64
				} `json:"predicate"`
			}
			must(t, json.Unmarshal(payload, &s))
			p := s.Predicate
			if s.Type != "https://in-toto.io/Statement/v1" || s.PredicateType != "https://portcullis.dev/attestation/decision/v1" ||
				s.Subject[0].Digest["sha256"] != trust.Digest(f.About.Intent).String() {
				t.Errorf("statement %+v", s)
			}
			if p.Decision != allowed || (len(p.Reasons) == 0) != allowed || p.Subject.ID != w.alice.SPIFFE() || p.Resource.Type != "File" || p.Action.Name != "read" || p.Epoch != 2 {
				t.Errorf("predicate %+v", p)
			}
			if _, _, err := opened(t, text, 1, trusttest.Key("somebody else")); err == nil {
				t.Error("it verifies under another key")
			}
			if _, err := proof.Statement(f, trust.Digest{1}, key); !errors.Is(err, proof.ErrRefused) {
				t.Errorf("under another anchor: %v", err)
			}
		})
	}
	w := newWorld(t)
	f := w.prove(storyOf(t, "denied_unreadable").tell(w))
	if _, err := proof.Statement(f, w.zone.Ledger, trusttest.Key("an auditor")); !errors.Is(err, proof.ErrRefused) {
		t.Errorf("of an intent that cannot be read: %v", err)
	}
}

// TestTLogProof reads the format with another library and checks it with nothing
// but the tree's own arithmetic.
func TestTLogProof(t *testing.T) {
	w := newWorld(t)
	f := w.prove(storyOf(t, "executed").tell(w))
	for _, seq := range []uint64{0, 1, f.About.Claim.Seq} {
		data, err := f.TLogProof(seq)
		must(t, err)
		checkTLogProof(t, w, data, max(seq, 1), seq == 0)
	}
	if _, err := f.TLogProof(12); err == nil {
		t.Error("of noise, which is not in the file")
	}
	keys, err := w.gathered(proof.Question{}).Keys()
	must(t, err)
	signed, err := keys.Open(w.checkpoint())
	must(t, err)
	c, err := proof.NewCollector(proof.SelectRecord(w.zone.Ledger, 12), signed)
	must(t, err)
	for _, raw := range w.tape {
		must(t, c.Step(raw))
	}
	data, err := c.TLogProof()
	must(t, err)
	checkTLogProof(t, w, data, 12, false)
}

func checkTLogProof(t *testing.T, w *world, data []byte, seq uint64, intent bool) {
	t.Helper()
	var p formats.TLogProof
	must(t, p.Unmarshal(data))
	keys, err := w.gathered(proof.Question{}).Keys()
	must(t, err)
	signed, err := keys.Open(p.Checkpoint)
	must(t, err)
	hashes := make(tlog.RecordProof, len(p.Hashes))
	for i, h := range p.Hashes {
		hashes[i] = h
	}
	must(t, tlog.CheckRecord(hashes, int64(signed.Size), signed.Root, int64(p.Index), tlog.RecordHash(p.ExtraData)))
	entry, err := lineage.ParseEntry(p.ExtraData)
	must(t, err)
	if raw := w.tape[p.Index]; entry.Data != trust.DigestOf(raw.Data) || entry.Seq != raw.Seq || !intent && raw.Seq != seq {
		t.Errorf("it is of the record at %d", entry.Seq)
	}
}
