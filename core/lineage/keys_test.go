package lineage_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func names(s lineage.Signed) (all []string) {
	for _, c := range s.Cosigned {
		all = append(all, c.Witness)
	}
	return all
}

func TestOpen(t *testing.T) {
	r, spare := newRecorder(t, "r"), newRecorder(t, "spare")
	a, b := newWitness(t, "a", "witness.example/a"), newQuantumWitness(t, "b", "witness.example/b")
	stranger := newWitness(t, "stranger", "witness.example/stranger")
	k := keysOf(t, 2, r.Identity, spare.Identity, a.Identity, b.Identity)
	c := checkpoint(5)
	signed := r.sign(t, origin, c.String())
	tests := []struct {
		name      string
		note      []byte
		recorder  string
		witnesses []string
		witnessed bool
	}{
		{"signed only", signed, "r", nil, false},
		{"by the other recorder", spare.sign(t, origin, c.String()), "spare", nil, false},
		{"one witness", cosign(t, signed, a.signer), "r", []string{"a"}, false},
		{"both witnesses, in the directory's order", cosign(t, signed, b.signer, a.signer), "r", []string{"a", "b"}, true},
		{"one witness twice", cosign(t, cosign(t, signed, a.signer), a.signer), "r", []string{"a"}, false},
		{"a witness whom nobody knows", cosign(t, signed, a.signer, stranger.signer), "r", []string{"a"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := k.Open(test.note)
			if err != nil || s.Checkpoint != c || s.Recorder != test.recorder || !slices.Equal(names(s), test.witnesses) || !bytes.Equal(s.Note, test.note) {
				t.Errorf("%+v, %v", s, err)
			}
			if got := k.Witnessed(s); got != test.witnessed {
				t.Errorf("witnessed: %v", got)
			}
			for _, w := range s.Cosigned {
				if w.Time.IsZero() || w.Time.Nanosecond() != 0 {
					t.Errorf("%s cosigned at %s", w.Witness, w.Time)
				}
			}
		})
	}
}

// lines are the signature lines of a signed note.
func lines(t *testing.T, signed []byte) []string {
	t.Helper()
	return slices.Collect(strings.Lines(string(signed[len(textOf(t, signed))+1:])))
}

func TestOpenRefuses(t *testing.T) {
	r, thief := newRecorder(t, "r"), newRecorder(t, "thief")
	w := newWitness(t, "w", "witness.example/w")
	k := keysOf(t, 0, r.Identity, w.Identity)
	c := checkpoint(5)
	text := c.String()
	signed := string(r.sign(t, origin, text))
	own := lines(t, []byte(signed))
	other := lines(t, r.sign(t, origin, checkpoint(6).String()))
	elsewhere := origin + "/loss-1"
	moved := lineage.Checkpoint{Origin: elsewhere, Size: c.Size, Root: c.Root}
	secret, public, err := note.GenerateKey(nilReader{}, origin)
	must(t, err)
	plain, err := note.NewSigner(secret)
	must(t, err)
	extended := text + "more\n"
	if _, err := keysOf(t, 0, identity(t, public)).Open(cosign(t, []byte(text+"\n"), plain)); err != nil {
		t.Fatal(err) // what follows must be refused for another reason
	}

	tests := map[string]struct {
		keys *lineage.Keys
		note string
	}{
		"nothing":                       {k, ""},
		"no signature":                  {k, text + "\n"},
		"text alone":                    {k, text},
		"Ed25519 alone":                 {k, text + "\n" + own[0]},
		"ML-DSA-44 alone":               {k, text + "\n" + own[1]},
		"Ed25519 of another checkpoint": {k, text + "\n" + other[0] + own[1]},
		"ML-DSA of another checkpoint":  {k, text + "\n" + own[0] + other[1]},
		"another text":                  {k, strings.Replace(signed, "\n5\n", "\n6\n", 1)},
		"another's keys":                {k, string(thief.sign(t, origin, text))},
		"half one's keys, half another's": {
			keysOf(t, 0, r.Identity, thief.Identity), text + "\n" + own[0] + lines(t, thief.sign(t, origin, text))[1],
		},
		"a witness alone":             {k, string(cosign(t, []byte(text+"\n"), w.signer))},
		"another origin":              {k, string(r.sign(t, elsewhere, moved.String()))},
		"another origin, same name":   {keysOf(t, 0, identity(t, public)), string(cosign(t, []byte(moved.String()+"\n"), plain))},
		"an extension line":           {keysOf(t, 0, identity(t, public)), string(cosign(t, []byte(extended+"\n"), plain))},
		"a cosignature of another":    {k, signed + lines(t, cosign(t, []byte(checkpoint(6).String()+"\n"), w.signer))[0]},
		"a cosignature cut short":     {k, signed + "— witness.example/w AAAA\n"},
		"a note within the signature": {k, signed + "\n" + signed},
		"no last newline":             {k, strings.TrimSuffix(signed, "\n")},
		"a control character":         {k, strings.Replace(signed, "\n5\n", "\n5\r\n", 1)},
		"the revoked recorder":        {keysOf(t, 0, w.Identity), signed},
		"nobody":                      {keysOf(t, 0), signed},
		"the zero value's":            {new(lineage.Keys), signed},
		"a recorder without keys":     {keysOf(t, 0, &pb.Identity{Role: pb.Role_ROLE_RECORDER, Name: "r"}), signed},
		"keys in another role":        {keysOf(t, 0, &pb.Identity{Role: pb.Role_ROLE_SENTINEL, Name: "r", LogKeys: r.LogKeys}), signed},
		"too many bytes":              {k, signed + strings.Repeat("— a.example/x AAAAAAAAAAAAAAAAAAAA\n", 2000)},
		"too many signatures":         {k, signed + strings.Repeat("— a.example/x AAAAAAAAAAAA\n", 100)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := test.keys.Open([]byte(test.note))
			if !errors.Is(err, lineage.ErrCheckpoint) || s.Note != nil || s.Size != 0 {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

// nilReader is randomness for a key whose secrecy does not matter.
type nilReader struct{}

func (nilReader) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// identity is a recorder with one Ed25519 key, of a C2SP verifier key's text.
func identity(t *testing.T, verifier string) *pb.Identity {
	t.Helper()
	key, err := note.NewVerifier(verifier)
	must(t, err)
	raw := trust.SigningKeyFromSeedInsecure(trust.Digest{}).Public().Bytes() // of nilReader
	id := &pb.Identity{Role: pb.Role_ROLE_RECORDER, Name: "plain", LogKeys: []*pb.LogKey{{Algorithm: pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ED25519, PublicKey: raw}}}
	text, err := lineage.VerifierKey(key.Name(), id.GetLogKeys()[0])
	if err != nil || text != verifier {
		t.Fatalf("%s, %v; want %s", text, err, verifier)
	}
	return id
}

// TestOneKeyIsOneWitness: the threshold counts keys. A key that two participants
// have, or that has two names, counts once; it does not stop the others either.
func TestOneKeyIsOneWitness(t *testing.T) {
	r := newRecorder(t, "r")
	signed := r.sign(t, origin, checkpoint(5).String())
	secret, public, err := note.GenerateKey(nilReader{}, "witness.example/a")
	must(t, err)
	renamed, renamedPublic, err := note.GenerateKey(nilReader{}, "witness.example/b")
	must(t, err)
	converted, err := cosignature.VKeyToCosignatureV1(public)
	must(t, err)
	a, b := openWitness(t, "a", secret, public), openWitness(t, "b", renamed, renamedPublic)
	other := newWitness(t, "other", "witness.example/other")
	same := &pb.Identity{Role: pb.Role_ROLE_WITNESS, Name: "same", Verifier: public}
	sameConverted := &pb.Identity{Role: pb.Role_ROLE_WITNESS, Name: "same", Verifier: converted}
	tests := map[string]struct {
		directory []*pb.Identity
		note      []byte
	}{
		"two participants":                  {[]*pb.Identity{a.Identity, same}, cosign(t, signed, a.signer)},
		"two participants, two spellings":   {[]*pb.Identity{a.Identity, sameConverted}, cosign(t, signed, a.signer)},
		"two names":                         {[]*pb.Identity{a.Identity, b.Identity}, cosign(t, signed, a.signer, b.signer)},
		"two names and the third is silent": {[]*pb.Identity{a.Identity, b.Identity, other.Identity}, cosign(t, signed, a.signer, b.signer)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := keysOf(t, 2, append(test.directory, r.Identity)...)
			s, err := k.Open(test.note)
			if err != nil || !slices.Equal(names(s), []string{"a"}) || k.Witnessed(s) {
				t.Errorf("%v, %v", names(s), err)
			}
			if s, err = k.Open(cosign(t, test.note, other.signer)); err != nil || k.Witnessed(s) != (len(test.directory) == 3) {
				t.Errorf("with another: %v, %v", names(s), err)
			}
		})
	}
}

// TestRecordersShareAKey: so do recorders; either has signed then.
func TestRecordersShareAKey(t *testing.T) {
	r := newRecorder(t, "r")
	twin := &pb.Identity{Role: pb.Role_ROLE_RECORDER, Name: "twin", LogKeys: r.LogKeys}
	s, err := keysOf(t, 0, r.Identity, twin).Open(r.sign(t, origin, checkpoint(1).String()))
	if err != nil || s.Recorder != "r" {
		t.Errorf("%q, %v", s.Recorder, err)
	}
}

func TestCheckIdentity(t *testing.T) {
	r := newRecorder(t, "r")
	w, quantum := newWitness(t, "w", "witness.example/w"), newQuantumWitness(t, "q", "witness.example/q")
	converted, err := cosignature.VKeyToCosignatureV1(w.Verifier)
	must(t, err)
	ed, ml := r.LogKeys[0], r.LogKeys[1]
	recorder := func(keys ...*pb.LogKey) *pb.Identity {
		return &pb.Identity{Role: pb.Role_ROLE_RECORDER, Name: "r", LogKeys: keys}
	}
	of := func(verifier string) *pb.Identity {
		return &pb.Identity{Role: pb.Role_ROLE_WITNESS, Name: "w", Verifier: verifier}
	}
	flipped := func(key string) string { // the hash that it states is another
		at := strings.IndexByte(key, '+') + 1
		digit := byte('0')
		if key[at] == '0' {
			digit = '1'
		}
		return key[:at] + string(digit) + key[at+1:]
	}
	tests := []struct {
		name string
		id   *pb.Identity
		want string // part of the error; empty: none
	}{
		{"both algorithms", recorder(ed, ml), ""},
		{"Ed25519 alone", recorder(ed), ""},
		{"no keys yet", recorder(), ""},
		{"an Ed25519 witness", w.Identity, ""},
		{"in its other spelling", of(converted), ""},
		{"an ML-DSA witness", quantum.Identity, ""},
		{"a witness without a key yet", of(""), ""},
		{"ML-DSA alone", recorder(ml), "without one of Ed25519"},
		{"one algorithm twice", recorder(ed, ed), "two log_keys"},
		{"no algorithm", recorder(&pb.LogKey{PublicKey: ed.PublicKey}), "log key of algorithm"},
		{"an unknown algorithm", recorder(&pb.LogKey{Algorithm: 9, PublicKey: ed.PublicKey}), "log key of algorithm"},
		{"a short key", recorder(&pb.LogKey{Algorithm: ed.Algorithm, PublicKey: ed.PublicKey[1:]}), "31 bytes"},
		{"a key of the other length", recorder(&pb.LogKey{Algorithm: ml.Algorithm, PublicKey: ed.PublicKey}), "32 bytes"},
		{"keys of an agent", &pb.Identity{Role: pb.Role_ROLE_AGENT, LogKeys: r.LogKeys}, "only recorders"},
		{"keys of a witness", &pb.Identity{Role: pb.Role_ROLE_WITNESS, LogKeys: r.LogKeys}, "only recorders"},
		{"a verifier of a recorder", &pb.Identity{Role: pb.Role_ROLE_RECORDER, Verifier: w.Verifier}, "only witnesses"},
		{"no verifier key", of("witness"), "no C2SP verifier key"},
		{"another algorithm", of("witness.example/w+00000000+AgAA"), "no C2SP verifier key"},
		{"another hash", of(flipped(w.Verifier)), "another hash"},
		{"another hash, other spelling", of(flipped(converted)), "another hash"},
		{"another hash, ML-DSA", of(flipped(quantum.Verifier)), "another hash"},
		{"another name", of("x" + w.Verifier), "another hash"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := lineage.CheckIdentity(test.id)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if _, all := lineage.NewKeys(origin, []*pb.Identity{test.id}, 0); err != nil && strings.HasPrefix(test.want, "only") == (all != nil) {
				t.Errorf("as part of a directory: %v", all)
			}
		})
	}
}
