package streams

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"
)

// message builds what the client hands over for a header block as received.
func message(block, data string) *nats.Msg {
	m := &nats.Msg{Subject: "live.fabric.z.intent.alice", Data: []byte(data)}
	if block != "" {
		h, err := nats.DecodeHeadersMsg([]byte(block))
		if err == nil {
			m.Header = h
		}
	}
	return m
}

// authenticBlock is authentic with the block's true size, which a hand-made
// message does not carry.
func authenticBlock(m *nats.Msg, block string) bool {
	return m.Header != nil && len(block) > 0 && len(block) == renderedHeader(m.Header)
}

// brokerBlock appends the broker's lines to a publisher's block as nats-server does.
func brokerBlock(publisher string, announcement bool) string {
	lines := "Nats-Stream: LEDGER_z\r\nNats-Subject: fabric.z.intent.alice\r\nNats-Sequence: 7\r\nNats-Time-Stamp: 2026-11-22T03:53:35.5Z\r\n"
	if !announcement {
		lines += "Nats-Num-Pending: 3\r\n"
	}
	lines += "Nats-Last-Sequence: 6\r\n\r\n"
	if len(publisher) <= 2 {
		return "NATS/1.0\r\n" + lines
	}
	return publisher[:len(publisher)-2] + lines
}

// origin is the line that the broker adds when a record crosses accounts.
const origin = "Nats-Request-Info: {\"acc\":\"z_alice\"}\r\n"

func TestBrokersOwnBlocksAreAuthentic(t *testing.T) {
	for _, announcement := range []bool{true, false} {
		for _, publisher := range []string{"", "NATS/1.0\r\n\r\n", "NATS/1.0\r\n" + origin + "\r\n"} {
			block := brokerBlock(publisher, announcement)
			if !authenticBlock(message(block, "x"), block) {
				t.Errorf("not authentic: %q", block)
			}
		}
	}
	for _, block := range []string{"NATS/1.0 204 EOB\r\nNats-Num-Pending: 3\r\nNats-Last-Sequence: 12\r\n\r\n", "NATS/1.0 404 Message Not Found\r\n\r\n", "NATS/1.0 503\r\n\r\n"} {
		if !authenticBlock(message(block, ""), block) {
			t.Errorf("not authentic: %q", block)
		}
	}
}

// headerPieces are what an adversary would build a header block from.
var headerPieces = []string{
	"NATS/1.0", "NATS/1.0 204 EOB", "NATS/1.0 404", "\r\n", "\n", "\r", ":", " ", "x",
	"Nats-Stream: LEDGER_z\r\n", "Nats-Stream:LEDGER_z\r\n", "Nats-Subject: fabric.z.governance\r\n", "Nats-Sequence: 9\r\n", "Nats-Sequence:9\n",
	"Nats-Num-Pending: ", "Nats-Request-Info: ", "Nats-Sequence: ", "Nats-Time-Stamp: 2031-01-01T00:00:00Z\r\n", "Nats-Last-Sequence: 8\r\n", "Nats-Num-Pending: 0\r\n", "Status: 204\r\n", "Description: EOB\r\n", origin, "A: b\r\n",
}

// No publisher's block, behind which the broker writes its lines, reads as
// anything but what the broker wrote; and an announcement and an answer to a
// read of the same record are judged alike.
func TestNoPublisherForgesAHeader(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom(headerPieces), 0, 16).Draw(rt, "pieces")
		checkForgery(rt, strings.Join(pieces, ""))
	})
}

func FuzzHeader(f *testing.F) {
	for _, h := range evilHeaders {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, publisher string) { checkForgery(t, publisher) })
}

func checkForgery(t interface {
	Fatalf(string, ...any)
}, publisher string,
) {
	// The account border rewrites what a participant sends; see the broker's setHeader.
	stored := "NATS/1.0\r\n" + origin + "\r\n"
	if len(publisher) > 2 {
		stored = publisher[:len(publisher)-2] + origin + "\r\n"
	}
	announced, read := brokerBlock(stored, true), brokerBlock(stored, false)
	m, n := message(announced, "x"), message(read, "x")
	a := authenticBlock(m, announced) && announcement.has(m.Header)
	b := authenticBlock(n, read) && batchAnswer.has(n.Header)
	if a != b {
		t.Fatalf("announcement authentic: %v, read: %v; block %q", a, b, stored)
	}
	if a && (m.Header.Get(headerSequence) != "7" || n.Header.Get(headerSequence) != "7" || m.Header.Get(headerSubject) != "fabric.z.intent.alice") {
		t.Fatalf("forged: %v from %q", m.Header, announced)
	}
}

func TestRecordOf(t *testing.T) {
	good := func() nats.Header {
		return nats.Header{
			headerStream: {"LEDGER_z"}, headerSubject: {"fabric.z.pulse"}, headerSequence: {"7"},
			headerTime: {"2026-11-22T03:53:35.5+01:00"}, headerPrev: {"6"},
		}
	}
	for name, tc := range map[string]struct {
		change func(nats.Header)
		ok     bool
	}{
		"good":                     {func(nats.Header) {}, true},
		"with origin":              {func(h nats.Header) { h[headerOrigin] = []string{"{}"} }, true},
		"other stream":             {func(h nats.Header) { h[headerStream] = []string{"LEDGER_y"} }, false},
		"no stream":                {func(h nats.Header) { delete(h, headerStream) }, false},
		"two sequences":            {func(h nats.Header) { h[headerSequence] = []string{"7", "7"} }, false},
		"sequence zero":            {func(h nats.Header) { h[headerSequence] = []string{"0"} }, false},
		"sequence no word":         {func(h nats.Header) { h[headerSequence] = []string{"-1"} }, false},
		"no time":                  {func(h nats.Header) { delete(h, headerTime) }, false},
		"no predecessor":           {func(h nats.Header) { delete(h, headerPrev) }, false},
		"a line of the other form": {func(h nats.Header) { h[headerPending] = []string{"0"} }, false},
		"status":                   {func(h nats.Header) { h[headerStatus] = []string{"204"} }, false},
		"more":                     {func(h nats.Header) { h["A"] = []string{"b"} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := &nats.Msg{Header: good(), Data: []byte("x")}
			tc.change(m.Header)
			r, prev, ok := recordOf(m, "LEDGER_z", announcement)
			if ok != tc.ok {
				t.Fatalf("ok is %v, want %v (size %d, rendered %d)", ok, tc.ok, receivedHeader(m), renderedHeader(m.Header))
			}
			if !ok {
				return
			}
			if r.Seq != 7 || prev != 6 || r.Subject != "fabric.z.pulse" || !r.Time.Equal(time.Date(2026, 11, 22, 2, 53, 35, 5e8, time.UTC)) {
				t.Errorf("record is %+v after %d", r, prev)
			}
		})
	}
}
