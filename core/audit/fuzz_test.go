package audit_test

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
)

// fuzzed is the story with checkpoints over all of it, prepared.
var fuzzed = sync.OnceValue(func() (f struct {
	export   export
	prepared map[string]*audit.Prepared
	root     string
},
) {
	t := new(testing.T)
	w := newWorld(t)
	story(w)
	f.export = w.export()
	f.prepared = warm(t, f.export)
	f.root = f.export.audit(t).Tree.Root
	return f
})

// FuzzAudit changes the records and the checkpoints of a ledger as random bytes
// say: nothing panics, and nothing but what was written is clean and covered.
func FuzzAudit(f *testing.F) {
	for op := range byte(ops) {
		f.Add([]byte{op, 3, 0, 7, 1}, true)
		f.Add([]byte{op, 40, 1, 1, 200, op, 68, 0, 0, 9}, false)
	}
	f.Fuzz(func(t *testing.T, script []byte, noted bool) {
		whole := fuzzed()
		x := whole.export
		x.raws, x.notes = slices.Clone(x.raws), slices.Clone(x.notes)
		if !noted {
			x.notes = nil
		}
		for len(script) >= 5 {
			x = mutate(x, script[:5])
			script = script[5:]
		}
		r := x.run(t, whole.export.config(), whole.prepared)
		same := slices.EqualFunc(x.raws, whole.export.raws, func(a, b ledger.Raw) bool { return keyOf(a) == keyOf(b) })
		size := uint64(len(whole.export.raws))
		switch {
		case r.Clean() && r.Tree.Covered > size:
			t.Errorf("%d positions are covered, of %d that were signed for", r.Tree.Covered, size)
		case r.Clean() && r.Tree.Covered == size && !same && !prefixed(x.raws, whole.export.raws):
			t.Errorf("other records pass: %+v", r.Tree)
		case same && noted && r.Tree.Root != whole.root:
			t.Errorf("the same records have root %s and %s", r.Tree.Root, whole.root)
		case same && !r.Clean() && slices.EqualFunc(x.notes, whole.export.notes, func(a, b note) bool { return string(a.text) == string(b.text) }):
			t.Errorf("what was written is found to be wrong: %q", found(r))
		}
	})
}

// prefixed reports whether nothing but what follows the end was changed.
func prefixed(x, whole []ledger.Raw) bool {
	return len(x) > len(whole) && slices.EqualFunc(x[:len(whole)], whole, func(a, b ledger.Raw) bool { return keyOf(a) == keyOf(b) })
}

const ops = 9

// mutate does one thing to an export: what, where (two bytes), and two bytes more.
func mutate(x export, how []byte) export {
	if len(x.raws) == 0 {
		return x
	}
	i := int(binary.LittleEndian.Uint16(how[1:])) % len(x.raws)
	k := int(how[3]) % len(x.raws)
	raw := &x.raws[i]
	switch how[0] % ops {
	case 0:
		raw.Seq += uint64(how[3])
	case 1:
		raw.Time = raw.Time.Add(time.Duration(int8(how[3])) << (how[4] % 40))
	case 2:
		raw.Subject = flipped([]byte(raw.Subject), how[3], how[4])
	case 3:
		raw.Data = []byte(flipped(slices.Clone(raw.Data), how[3], how[4]))
	case 4:
		x.raws = slices.Delete(x.raws, i, i+1)
	case 5:
		x.raws = slices.Insert(x.raws, k, *raw)
	case 6:
		x.raws[i], x.raws[k] = x.raws[k], x.raws[i]
	case 7:
		x.raws = renumbered(x.raws)
	case 8:
		for n := range x.notes {
			if n == k%2 {
				x.notes[n].text = []byte(flipped(slices.Clone(x.notes[n].text), how[3], how[4]))
			}
		}
	}
	return x
}

func flipped(b []byte, at, with byte) string {
	if len(b) > 0 {
		b[(int(at)*251+int(with))%len(b)] ^= max(with, 1)
	}
	return string(b)
}
