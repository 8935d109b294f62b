package evidence_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/schemas"
)

var drawnRaw = rapid.Custom(func(t *rapid.T) ledger.Raw {
	raw := ledger.Raw{Seq: rapid.Uint64Range(1, 1<<40).Draw(t, "seq"), Data: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data")}
	if rapid.Bool().Draw(t, "ours") {
		raw.Subject = rapid.StringN(1, 40, 200).Draw(t, "subject")
		raw.Time = time.Unix(0, rapid.Int64Range(1, 1<<62).Draw(t, "time")).UTC()
	}
	return raw
})

// TestRoundTrip: what is written is read again, and reading takes no other bytes.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := evidence.Header{
			Extent: evidence.Extent(rapid.IntRange(1, 3).Draw(rt, "extent")), Ledger: trust.DigestOf([]byte("ledger")),
			TrustDomain: rapid.StringN(1, 60, 255).Draw(rt, "trust domain"), Zone: rapid.StringN(1, 60, 255).Draw(rt, "zone"), First: 1,
		}
		var frames []evidence.Frame
		if h.Extent != evidence.Whole && rapid.Bool().Draw(rt, "later") {
			h.First = 1 << 41
			if h.Extent == evidence.Segment {
				h.Previous = trust.DigestOf([]byte("before"))
			} else {
				for _, raw := range rapid.SliceOfN(drawnRaw, 0, 3).Draw(rt, "prefix") {
					frames = append(frames, evidence.Frame{Kind: evidence.FramePrefix, Raw: raw})
				}
			}
		}
		if rapid.Bool().Draw(rt, "made") {
			h.Made = time.Unix(1, 2).UTC()
		}
		for _, raw := range rapid.SliceOfN(drawnRaw, 0, 10).Draw(rt, "records") {
			frames = append(frames, evidence.Frame{Kind: evidence.FrameRecord, Raw: raw})
			if rapid.Bool().Draw(rt, "checkpoint") {
				frames = append(frames, evidence.Frame{Kind: evidence.FrameCheckpoint, Note: rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(rt, "note")})
			}
		}
		data := written(t, h, frames)
		back, again, err := readBytes(data)
		if err != nil || back != h || !sameFrames(frames, again) {
			rt.Fatalf("%v\n%+v\n%+v\n%+v\n%+v", err, h, back, frames, again)
		}
		i := rapid.IntRange(0, len(data)-1).Draw(rt, "altered")
		altered := bytes.Clone(data)
		altered[i] ^= rapid.ByteRange(1, 255).Draw(rt, "by")
		if _, _, err := readBytes(altered); !errors.Is(err, evidence.ErrBroken) {
			rt.Fatalf("byte %d of %d was altered: %v", i, len(data), err)
		}
		cut := data[:rapid.IntRange(0, len(data)-1).Draw(rt, "cut")]
		if _, _, err := readBytes(cut); !errors.Is(err, evidence.ErrBroken) {
			rt.Fatalf("cut at %d of %d: %v", len(cut), len(data), err)
		}
		if _, _, err := readBytes(append(bytes.Clone(data), 0)); !errors.Is(err, evidence.ErrBroken) {
			rt.Fatalf("a byte follows the trailer: %v", err)
		}
	})
}

// TestFormatIsFixed: other programs read it; docs/evidence.md says how.
func TestFormatIsFixed(t *testing.T) {
	h := evidence.Header{Extent: evidence.Whole, Ledger: trust.DigestOf([]byte("x")), TrustDomain: "d.test", Zone: "z", First: 1, Made: time.Unix(0, 5)}
	data := written(t, h, []evidence.Frame{
		{Kind: evidence.FrameRecord, Raw: ledger.Raw{Seq: 1, Time: time.Unix(0, 258), Subject: "s.t", Data: []byte("data")}},
		{Kind: evidence.FrameCheckpoint, Note: []byte("note")},
		{Kind: evidence.FrameRecord, Raw: ledger.Raw{Seq: 2, Data: []byte{}}},
	})
	body := "portcullis export 1\n" +
		"H\x00\x00\x00\x5a" + "\x01" + string(h.Ledger[:]) + strings.Repeat("\x00", 32) + "\x00\x00\x00\x00\x00\x00\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x05" + "\x06d.test" + "\x01z" +
		"R\x00\x00\x00\x1a" + "\x00\x00\x00\x00\x00\x00\x00\x01" + "\x00\x00\x00\x00\x00\x00\x01\x02" + "\x00" + "\x00\x03s.t" + "data" +
		"C\x00\x00\x00\x04note" +
		"R\x00\x00\x00\x13" + "\x00\x00\x00\x00\x00\x00\x00\x02" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "\x01" + "\x00\x00"
	sum := trust.DigestOf([]byte(body))
	want := body + "E\x00\x00\x00\x30" + "\x00\x00\x00\x00\x00\x00\x00\x02" + "\x00\x00\x00\x00\x00\x00\x00\x02" + string(sum[:])
	if string(data) != want {
		t.Errorf("%q\n%q", data, want)
	}
}

// TestReaderIsStrict: what no writer writes is refused where it stands, even with
// a trailer that is right.
func TestReaderIsStrict(t *testing.T) {
	const head = len("portcullis export 1\n")
	whole := newWorld(t).checkpoint().export()
	header := whole[head : head+5+81+1+len("example.test")+1+len("z1")]
	first := head + len(header)
	record := func(flags byte, at byte, subject string) string {
		body := "\x00\x00\x00\x00\x00\x00\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00" + string([]byte{at, flags, 0, byte(len(subject))}) + subject
		return fmt.Sprintf("R\x00\x00\x00%c%s", len(body), body)
	}
	sealed := func(body string) string {
		sum := trust.DigestOf([]byte(body))
		return body + "E\x00\x00\x00\x30" + strings.Repeat("\x00", 16) + string(sum[:])
	}
	begun := string(whole[:first])
	extent := func(b byte) string { return begun[:head+5] + string(b) + begun[head+6:] }
	for name, tt := range map[string]struct {
		data string
		at   int64
		why  string
	}{
		"nothing":              {"", 0, "does not begin with"},
		"another file":         {strings.Repeat("x", 500), 0, "does not begin with"},
		"compressed":           {"\x1f\x8b" + begun, 0, "compressed"},
		"no header":            {begun[:head], int64(head), "cut off"},
		"a record first":       {begun[:head] + record(0, 1, "s"), int64(head), "where the header must"},
		"no extent":            {extent(0), int64(head), "extent 0"},
		"an extent beyond":     {extent(4), int64(head), "extent 4"},
		"an orphaned segment":  {begun[:head+5] + "\x03" + begun[head+6:head+5+65] + "\x00\x00\x00\x00\x00\x00\x00\x02" + begun[head+5+73:], int64(head), "names the file before it"},
		"no trailer":           {begun, int64(first), "cut off"},
		"unknown frame":        {begun + "Q\x00\x00\x00\x00", int64(first), "unknown"},
		"a second header":      {begun + string(header), int64(first), "where a record"},
		"a huge frame":         {begun + "R\xff\xff\xff\xff", int64(first), "at most"},
		"a huge checkpoint":    {begun + "C\x00\x01\x00\x01", int64(first), "at most"},
		"a prefix of a whole":  {sealed(begun + "P" + record(0, 1, "s")[1:]), int64(first), "prefix"},
		"a checkpoint first":   {sealed(begun + "C\x00\x00\x00\x01x"), int64(first), "before the first record"},
		"an empty checkpoint":  {sealed(begun + record(0, 1, "s") + "C\x00\x00\x00\x00"), int64(first) + 25, "0 bytes"},
		"a short record":       {sealed(begun + "R\x00\x00\x00\x01x"), int64(first), "1 bytes"},
		"position 0":           {sealed(begun + strings.Replace(record(0, 1, "s"), "\x00\x01\x00\x00\x00", "\x00\x00\x00\x00\x00", 1)), int64(first), "position"},
		"a subject cut off":    {sealed(begun + strings.Replace(record(0, 1, "s"), "\x00\x01s", "\x00\x09s", 1)), int64(first), "shorter than its subject"},
		"foreign and named":    {sealed(begun + record(1, 1, "s")), int64(first), "flags 1"},
		"ours without a name":  {sealed(begun + record(0, 0, "")), int64(first), "flags 0"},
		"other flags":          {sealed(begun + record(2, 1, "s")), int64(first), "flags 2"},
		"no time":              {sealed(begun + record(0, 0, "s")), int64(first), "without the other"},
		"a short trailer":      {begun + "E\x00\x00\x00\x00", int64(first), "trailer of 0 bytes"},
		"a count that is less": {sealed(begun + record(0, 1, "s")), int64(first) + 25, "its trailer says"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := readBytes([]byte(tt.data))
			var broken *evidence.BrokenError
			if !errors.As(err, &broken) || broken.Offset != tt.at || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("%v, want %q at %d", err, tt.why, tt.at)
			}
		})
	}
	if _, _, err := readBytes([]byte(sealed(begun))); err != nil {
		t.Errorf("an export of nothing is well-formed: %v", err)
	}
}

// TestReaderTellsTroubleFromDamage: a disk that fails is no proof of tampering.
func TestReaderTellsTroubleFromDamage(t *testing.T) {
	data := newWorld(t).export()
	trouble := errors.New("trouble")
	for _, n := range []int{0, 30, 300, len(data)} {
		r, err := evidence.NewReader(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(trouble)))
		if err == nil {
			_, err = read(r)
		}
		if !errors.Is(err, trouble) || errors.Is(err, evidence.ErrBroken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	r, err := evidence.NewReader(iotest.OneByteReader(bytes.NewReader(data)))
	must(t, err)
	if _, err := read(r); err != nil {
		t.Errorf("byte by byte: %v", err)
	}
}

func TestWriterRefuses(t *testing.T) {
	good := newWorld(t).header()
	record := evidence.Frame{Kind: evidence.FrameRecord, Raw: ledger.Raw{Seq: 1, Time: time.Unix(1, 0), Subject: "s"}}
	with := func(change func(*evidence.Frame)) []evidence.Frame {
		f := record
		change(&f)
		return []evidence.Frame{record, f}
	}
	for name, tt := range map[string]struct {
		header evidence.Header
		frames []evidence.Frame
	}{
		"zero header":   {evidence.Header{}, nil},
		"zero frame":    {good, []evidence.Frame{{}}},
		"a header":      {good, with(func(f *evidence.Frame) { f.Kind = evidence.FrameHeader })},
		"no position":   {good, with(func(f *evidence.Frame) { f.Raw.Seq = 0 })},
		"no time":       {good, with(func(f *evidence.Frame) { f.Raw.Time = time.Time{} })},
		"no subject":    {good, with(func(f *evidence.Frame) { f.Raw.Subject = "" })},
		"large data":    {good, with(func(f *evidence.Frame) { f.Raw.Data = make([]byte, schemas.MaxEnvelope+1<<10+1) })},
		"large subject": {good, with(func(f *evidence.Frame) { f.Raw.Subject = strings.Repeat("s", 4<<10+1) })},
		"empty note":    {good, with(func(f *evidence.Frame) { *f = evidence.Frame{Kind: evidence.FrameCheckpoint} })},
		"large note": {good, with(func(f *evidence.Frame) {
			*f = evidence.Frame{Kind: evidence.FrameCheckpoint, Note: make([]byte, lineage.MaxNote+1)}
		})},
		"a late prefix": {good, with(func(f *evidence.Frame) { f.Kind = evidence.FramePrefix })},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.pcx")
			if _, err := evidence.WriteFile(path, tt.header, framesOf(tt.frames)); err == nil {
				t.Error("written")
			}
			if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestWriteFile: whole or not at all, for its owner alone, and never in the place
// of another file.
func TestWriteFile(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "x.pcx")
	done, err := evidence.WriteFile(path, w.header(), framesOf(w.frames))
	must(t, err)
	data, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(data, w.export()) || done.Bytes != int64(len(data)) || done.SHA256 != trust.DigestOf(data) || done.Records != w.size() || done.Last != w.size() {
		t.Errorf("%+v; %d bytes", done, len(data))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := evidence.WriteFile(path, w.header(), framesOf(nil)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
	trouble := errors.New("trouble")
	other := filepath.Join(filepath.Dir(path), "other.pcx")
	_, err = evidence.WriteFile(other, w.header(), func(yield func(evidence.Frame, error) bool) {
		_ = yield(w.frames[0], nil) && yield(evidence.Frame{}, trouble)
	})
	if left, listed := os.ReadDir(filepath.Dir(path)); !errors.Is(err, trouble) || listed != nil || len(left) != 1 {
		t.Errorf("%v; left behind: %v", err, left)
	}
}

// FuzzReader: no bytes make it panic, and what it accepts is exactly what Write
// writes.
func FuzzReader(f *testing.F) {
	w := newWorld(f).acts(1, 2)
	w.foreign()
	data := w.checkpoint().export()
	f.Add(data)
	f.Add(data[:len(data)/2])
	h := w.header()
	h.Extent, h.First = evidence.Range, 9
	prefix := w.frames[1]
	prefix.Kind = evidence.FramePrefix
	f.Add(written(f, h, []evidence.Frame{prefix, w.frames[8]}))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, frames, err := readBytes(data)
		if err != nil {
			return
		}
		if !bytes.Equal(written(t, h, frames), data) {
			t.Error("accepted, and written otherwise")
		}
	})
}
