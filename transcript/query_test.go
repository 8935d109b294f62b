package transcript_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/transcript"
)

const someID = "019a9d1c-7d3e-7000-8000-000000000001"

// digest is a digest that begins with the given digits.
func digest(prefix string) string { return prefix + strings.Repeat("0", 64-len(prefix)) }

func lines() []transcript.Line {
	at := func(seq uint64, index uint32) transcript.Position { return transcript.Position{Seq: seq, Index: index} }
	return []transcript.Line{
		{Position: at(3, 0), Kind: "noise", Noise: &transcript.Noise{}},
		{Position: at(4, 0), Kind: "intent", Intent: &transcript.Intent{Digest: digest("abcd1"), ID: someID}},
		{Position: at(4, 1), Kind: "intent", Intent: &transcript.Intent{Digest: digest("abcd2")}},
		{Position: at(5, 0), Kind: "decision", Decision: &transcript.Decision{Digest: digest("abcd1")}},
		{Position: at(6, 0), Kind: "intent", Intent: &transcript.Intent{Digest: digest("abcd1"), ID: someID}},
		{Position: at(7, 0), Kind: "claim", Claim: &transcript.Claim{Digest: digest("abcd1")}},
		{Position: at(8, 2), Kind: "outcome", Outcome: &transcript.Outcome{Digest: digest("abcd2")}},
		{Position: at(9, 0), Kind: "approval", Approval: &transcript.Approval{Digest: digest("abcd2")}},
		{Position: at(10, 0), Kind: "decision", Decision: &transcript.Decision{Digest: digest("12345678")}},
	}
}

func TestSearch(t *testing.T) {
	tests := []struct {
		name, query string
		want        string // the digest's beginning
		err         error
		says        string // part of the error
	}{
		{"whole digest", digest("abcd1"), "abcd1", nil, ""},
		{"prefix, sent again later", "abcd1", "abcd1", nil, ""},
		{"prefix in capitals", "ABCD2", "abcd2", nil, ""},
		{"ambiguous prefix", "abcd", "", transcript.ErrAmbiguous, "at 4.0"},
		{"ambiguous prefix names all", "abcd", "", transcript.ErrAmbiguous, "abcd20000000 at 4.1"},
		{"prefix of nothing", "feed", "", transcript.ErrNotFound, "portcullis tail"},
		{"a decision's digest is no intent", "12345678", "", transcript.ErrNotFound, ""},
		{"id", someID, "abcd1", nil, ""},
		{"id in capitals", strings.ToUpper(someID), "abcd1", nil, ""},
		{"position of an intent", "4.1", "abcd2", nil, ""},
		{"bare sequence means index 0", "4", "abcd1", nil, ""},
		{"position of a decision", "5", "abcd1", nil, ""},
		{"position of a claim", "7.0", "abcd1", nil, ""},
		{"position of an outcome", "8.2", "abcd2", nil, ""},
		{"position of an approval", "9", "abcd2", nil, ""},
		{"position of noise", "3", "", transcript.ErrNotFound, ""},
		{"position of nothing", "4.7", "", transcript.ErrNotFound, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			query, err := transcript.ParseQuery(test.query)
			if err != nil {
				t.Fatal(err)
			}
			search := transcript.NewSearch(query)
			for _, l := range lines() {
				search.Take(l)
			}
			found, err := search.Found()
			if !errors.Is(err, test.err) || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got error %v, want %v that says %q", err, test.err, test.says)
			}
			if test.err == nil && found.String() != digest(test.want) {
				t.Errorf("found %s, want %s…", found, test.want)
			}
		})
	}
}

func TestParseQueryRefuses(t *testing.T) {
	for _, text := range []string{
		"", "abc", "xyz", "0", "17.", ".0", "17.512", "1.2.3", "-1", "abcg1234", digest("a") + "0", someID[:35], "{" + someID + "}",
		strings.ReplaceAll(someID, "-", "_"), "99999999999999999999999.0", "intent\x1b[2J",
	} {
		if q, err := transcript.ParseQuery(text); !errors.Is(err, transcript.ErrQuery) {
			t.Errorf("%q gave %+v, %v; want ErrQuery", text, q, err)
		} else if strings.ContainsRune(err.Error(), 0x1b) {
			t.Errorf("%q: the error repeats a control character", text)
		}
	}
}

// TestAmbiguityIsBounded: a short prefix on a long ledger names a few, not all.
func TestAmbiguityIsBounded(t *testing.T) {
	query, err := transcript.ParseQuery("abcd")
	if err != nil {
		t.Fatal(err)
	}
	search := transcript.NewSearch(query)
	for i := range 100 {
		search.Take(transcript.Line{
			Position: transcript.Position{Seq: uint64(i) + 1},
			Intent:   &transcript.Intent{Digest: digest("abcd" + string(rune('a'+i%6)) + string(rune('0'+i%10)) + string(rune('0'+i/10)))},
		})
	}
	_, err = search.Found()
	if !errors.Is(err, transcript.ErrAmbiguous) || strings.Count(err.Error(), " at ") != 5 || !strings.Contains(err.Error(), "and more") {
		t.Errorf("got %v", err)
	}
}
