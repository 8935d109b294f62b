//go:build faults

package single_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/streams"
)

// damages are what becomes of a file of the broker's store while nothing runs. Older is the same file as it was earlier.
var damages = []struct {
	name   string
	damage func(random *rand.Rand, now, older []byte) (after []byte)
}{
	{"a flipped bit", func(random *rand.Rand, now, _ []byte) []byte {
		now[random.IntN(len(now))] ^= 1 << random.IntN(8)
		return now
	}},
	{"its end torn off", func(random *rand.Rand, now, _ []byte) []byte { return now[:len(now)/2+random.IntN(len(now)/2)] }},
	{"a torn page of zeros", func(random *rand.Rand, now, _ []byte) []byte {
		clear(now[len(now)-min(len(now), 1+random.IntN(4096)):])
		return now
	}},
	{"garbage behind its end", func(_ *rand.Rand, now, _ []byte) []byte {
		return append(now, bytes.Repeat([]byte("garbage"), 100)...)
	}},
	{"an older copy", func(_ *rand.Rand, _, older []byte) []byte { return older }},
	{"empty", func(*rand.Rand, []byte, []byte) []byte { return []byte{} }},
	{"gone", func(*rand.Rand, []byte, []byte) []byte { return nil }},
}

// TestDamagedFiles damages each kind of file that the broker keeps, and starts everything again. Either nothing is missing and
// the zone works, or somebody says what is wrong and nothing is done. Never is a record accepted that is not the one that was
// there before.
func TestDamagedFiles(t *testing.T) {
	v := newVault(t)
	for _, file := range v.files {
		t.Run(v.kind(file), func(t *testing.T) {
			for _, d := range damages {
				t.Run(d.name, func(t *testing.T) {
					seed := uint64(time.Now().UnixNano())
					v.restore(t)
					now, err := os.ReadFile(file)
					must(t, err)
					older, err := os.ReadFile(filepath.Join(v.older, v.under(file)))
					if err != nil {
						older = nil // it was not there then
					}
					after := d.damage(rand.New(rand.NewPCG(seed, 0)), now, older)
					if after == nil {
						must(t, os.Remove(file))
					} else {
						must(t, os.WriteFile(file, after, 0o600))
					}
					outcome := v.verdict(t)
					if t.Failed() {
						t.Logf("seed %d", seed)
					}
					report.row(t, v.kind(file)+", "+d.name, outcome)
				})
			}
		})
	}
}

// vault is a zone that does not run, and copies of what its broker and others had on their disks.
type vault struct {
	*site
	older, healthy string   // folders
	files          []string // of the broker's store that are damaged, one after the other
	last           uint64   // position
	content        [sha256.Size]byte
	checkpoints    map[uint64]trust.Digest // that were published, by position
	effects        int
}

// kept are the folders of the data folder that change while a zone runs.
var kept = []string{"server", "recorder", "run"}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{site: newSite(t, filepath.Join(t.TempDir(), "data"), syncAlways), older: t.TempDir(), healthy: t.TempDir()}
	for _, to := range []string{v.older, v.healthy} {
		v.start(everything...)
		v.connect()
		stop := v.load()
		v.awaitProgress()
		time.Sleep(time.Second) // so that there is something
		stop()
		v.last = v.awaitRecorded()
		v.content, v.checkpoints = v.read(t, v.last), v.published(t)
		v.disconnect()
		for _, part := range slices.Backward(everything) { // the broker last: a clean end writes its index
			must(t, v.parts[part].stop())
		}
		for _, folder := range kept {
			duplicate(t, filepath.Join(v.fabric.Dir, folder), to)
		}
	}
	must(t, filepath.WalkDir(v.fabric.ServerDir(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && (strings.Contains(path, "LEDGER_") || strings.Contains(path, "CHECKPOINTS_")) {
			v.files = append(v.files, path)
		}
		return err
	}))
	return v
}

// duplicate copies a folder into another one, modes too.
func duplicate(t *testing.T, folder, into string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", folder, into).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
}

// under is a file's path in the data folder.
func (v *vault) under(file string) string {
	return strings.TrimPrefix(strings.TrimPrefix(file, v.fabric.Dir), string(filepath.Separator))
}

// kind is what a file is to the broker.
func (*vault) kind(file string) string {
	stream := "ledger"
	if strings.Contains(file, "CHECKPOINTS_") {
		stream = "checkpoints"
	}
	return stream + " " + filepath.Base(file)
}

// restore puts everything back as it was.
func (v *vault) restore(t *testing.T) {
	t.Helper()
	for _, folder := range kept {
		must(t, os.RemoveAll(filepath.Join(v.fabric.Dir, folder)))
		duplicate(t, filepath.Join(v.healthy, folder), v.fabric.Dir)
	}
	v.forget()
	v.effects = v.outside.count()
}

// read is a digest of all that the ledger holds up to a position.
func (v *vault) read(t *testing.T, to uint64) [sha256.Size]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	h := sha256.New()
	_, err := streams.Read(ctx, v.reader, streams.ReadConfig{To: to}, func(raw streams.Raw) error {
		fmt.Fprintf(h, "%d %d %q %x\n", raw.Seq, raw.Time.UnixNano(), raw.Subject, raw.Data)
		return nil
	})
	must(t, err)
	return [sha256.Size]byte(h.Sum(nil))
}

// published are the checkpoints that the broker has, up to the first hole.
func (v *vault) published(t *testing.T) map[uint64]trust.Digest {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	all := map[uint64]trust.Digest{}
	_, err := streams.Read(ctx, v.reader, streams.ReadConfig{Stream: streams.Checkpoints}, func(raw streams.Raw) error {
		all[raw.Seq] = trust.DigestOf(raw.Data)
		return nil
	})
	if !errors.Is(err, streams.ErrMissing) {
		must(t, err)
	}
	return all
}

// unpublished says how many checkpoints the broker has lost, or cannot be read behind a hole. They are copies: the recorder
// has its tree, and whoever was shown one has his own.
func (v *vault) unpublished(t *testing.T) string {
	t.Helper()
	now, gone := v.published(t), 0
	for seq, want := range v.checkpoints {
		if now[seq] != want {
			gone++
		}
	}
	if gone == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of %d published copies of checkpoints cannot be read any more", gone, len(v.checkpoints))
}

// verdict starts everything and waits until it is known what comes of the damage.
func (v *vault) verdict(t *testing.T) string {
	t.Helper()
	defer func() {
		v.disconnect()
		v.kill(everything...)
	}()
	for _, part := range everything {
		if err := v.try(part); err != nil {
			text := err.Error()
			if v.parts["server"] != nil && !v.running("server") { // it took the others with it
				part, text = "server", v.parts["server"].text()
			}
			if !saysDamage(text) {
				t.Errorf("the %s refuses for another reason than the damage: %s", part, text)
			}
			return v.still(t, "the "+part+" refuses: "+lastLine(text))
		}
	}
	v.connect()
	stop := v.load()
	defer stop()
	for deadline := time.Now().Add(patience); ; {
		if s := v.status(); s.Evidence.State == "fork" && len(s.Halts) > 0 {
			stop()
			return v.still(t, "the recorder reports it, a sentinel has tripped")
		}
		for _, part := range everything {
			if !v.running(part) {
				stop()
				if !saysDamage(v.parts[part].text()) {
					t.Errorf("the %s ends for another reason than the damage", part)
				}
				return v.still(t, "the "+part+" ends: "+lastLine(v.parts[part].text()))
			}
		}
		if v.outside.count() > v.effects {
			if v.read(t, v.last) != v.content {
				t.Error("it acts on a ledger that is not what it was")
			}
			return "every record of the ledger is as it was, the zone works" + v.unpublished(t)
		}
		if time.Now().After(deadline) {
			t.Errorf("nothing is done, and nobody says why: %+v", v.status())
			return "nothing is done, and nobody says why"
		}
	}
}

// saysDamage reports whether somebody says that the store or the ledger is not what it was.
func saysDamage(text string) bool {
	for _, words := range []string{"stream regressed", "records missing", "checkpoint.fork", "lineage break", "start server", "ensure"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// still demands that nothing was done.
func (v *vault) still(t *testing.T, outcome string) string {
	t.Helper()
	if n := v.outside.count() - v.effects; n != 0 {
		t.Errorf("%d effects on a damaged ledger", n)
	}
	return outcome
}

// lastLine is the end of what a part said.
func lastLine(log string) string {
	log = strings.TrimSpace(log)
	return ending(log[strings.LastIndexByte(log, '\n')+1:], 160)
}
