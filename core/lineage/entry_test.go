package lineage_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
)

func drawEntry(t *rapid.T) lineage.Entry {
	at := rapid.Custom(func(t *rapid.T) time.Time {
		nanos := rapid.Int64().Draw(t, "nanos")
		if nanos == 0 {
			return time.Time{}
		}
		return time.Unix(0, nanos).UTC()
	})
	return lineage.Entry{
		Seq:     rapid.Uint64Min(1).Draw(t, "seq"),
		Time:    at.Draw(t, "time"),
		LogTime: at.Draw(t, "log time"),
		Subject: rapid.StringN(0, -1, lineage.MaxSubject).Draw(t, "subject"),
		Data:    trust.DigestOf(rapid.SliceOf(rapid.Byte()).Draw(t, "data")),
	}
}

func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		got, err := lineage.ParseEntry(e.Bytes())
		if err != nil || got != e {
			t.Fatalf("%+v came back as %+v, %v", e, got, err)
		}
	})
}

// TestEntryTellsRecordsApart: two entries that differ in anything have two leaves.
func TestEntryTellsRecordsApart(t *testing.T) {
	e := lineage.Entry{Seq: 7, Time: time.Unix(1, 0), LogTime: time.Unix(2, 0), Subject: "fabric.eu1.pulse", Data: trust.DigestOf([]byte("a"))}
	tests := map[string]func(*lineage.Entry){
		"position":                 func(e *lineage.Entry) { e.Seq++ },
		"time":                     func(e *lineage.Entry) { e.Time = e.Time.Add(1) },
		"no time":                  func(e *lineage.Entry) { e.Time = time.Time{} },
		"log time":                 func(e *lineage.Entry) { e.LogTime = e.LogTime.Add(1) },
		"times exchanged":          func(e *lineage.Entry) { e.Time, e.LogTime = e.LogTime, e.Time },
		"subject":                  func(e *lineage.Entry) { e.Subject = "fabric.eu1.pulsf" },
		"no subject":               func(e *lineage.Entry) { e.Subject = "" },
		"data":                     func(e *lineage.Entry) { e.Data[31] ^= 1 },
		"a long subject":           func(e *lineage.Entry) { e.Subject = strings.Repeat("s", lineage.MaxSubject+1) },
		"another long subject":     func(e *lineage.Entry) { e.Subject = strings.Repeat("t", lineage.MaxSubject+1) },
		"an even longer subject":   func(e *lineage.Entry) { e.Subject = strings.Repeat("s", lineage.MaxSubject+2) },
		"the longest one verbatim": func(e *lineage.Entry) { e.Subject = strings.Repeat("s", lineage.MaxSubject) },
	}
	seen := map[lineage.Hash]string{e.Leaf(): "unchanged"}
	for name, change := range tests {
		changed := e
		change(&changed)
		if other, known := seen[changed.Leaf()]; known {
			t.Errorf("%s: the leaf of %s", name, other)
		}
		seen[changed.Leaf()] = name
	}
}

// TestEntryIsSmall: a tile's entry holds at most 65,535 bytes.
func TestEntryIsSmall(t *testing.T) {
	e := lineage.Entry{Seq: 1, Subject: strings.Repeat("s", 1<<20)}
	if n := len(e.Bytes()); n > 1<<16-1 {
		t.Errorf("%d bytes", n)
	}
}

func TestParseEntryRefuses(t *testing.T) {
	good := lineage.Entry{Seq: 1, Subject: "abc"}.Bytes()
	length := len(good) - 32 - 3 - 8 // where the subject's length stands
	tests := map[string]func([]byte) []byte{
		"nothing":                     func([]byte) []byte { return nil },
		"another domain":              func(b []byte) []byte { b[0] ^= 1; return b },
		"a byte short":                func(b []byte) []byte { return b[:len(b)-1] },
		"a byte more":                 func(b []byte) []byte { return append(b, 0) },
		"no digest":                   func(b []byte) []byte { return b[:len(b)-32] },
		"position 0":                  func(b []byte) []byte { b[length-17] = 0; return b },
		"a subject one byte longer":   func(b []byte) []byte { b[length+7]++; return b },
		"a subject one byte shorter":  func(b []byte) []byte { b[length+7]--; return b },
		"a subject beyond all memory": func(b []byte) []byte { binary.BigEndian.PutUint64(b[length:], 1<<63); return b },
		"a length that wraps around":  func(b []byte) []byte { binary.BigEndian.PutUint64(b[length:], ^uint64(28)); return b },
		"a subject that is too long": func(b []byte) []byte {
			binary.BigEndian.PutUint64(b[length:], lineage.MaxSubject+1)
			return append(b, make([]byte, lineage.MaxSubject+1-3)...)
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			if e, err := lineage.ParseEntry(change(bytes.Clone(good))); !errors.Is(err, lineage.ErrEntry) || e != (lineage.Entry{}) {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
}

// FuzzEntry: what is read as an entry is one, byte for byte.
func FuzzEntry(f *testing.F) {
	f.Add(lineage.Entry{Seq: 1}.Bytes())
	f.Add(lineage.Entry{Seq: 1 << 63, Time: time.Unix(1, 2), LogTime: time.Unix(-3, 4), Subject: "fabric.eu1.pulse", Data: trust.DigestOf(nil)}.Bytes())
	f.Add([]byte("portcullis/ledger-entry/v1\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := lineage.ParseEntry(data)
		if err == nil && !bytes.Equal(e.Bytes(), data) {
			t.Errorf("%x is read as %+v, which is %x", data, e, e.Bytes())
		}
		if err != nil && !errors.Is(err, lineage.ErrEntry) {
			t.Error(err)
		}
	})
}
