package recorder

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// cosigner is a witness as C2SP tlog-witness says, or as a test makes it.
type cosigner struct {
	name     string
	signer   *cosignature.Signer
	verifier string
	url      string

	mu     sync.Mutex
	seen   lineage.Checkpoint
	asked  int
	twist  func(w http.ResponseWriter, a lineage.AddCheckpoint) bool // answers in its place
	signed []lineage.Checkpoint
}

func newCosigner(t *testing.T, name string) *cosigner {
	t.Helper()
	secret, verifier, err := cosignature.GenerateMLDSAKey("example.test/" + name)
	must(t, err)
	signer, err := cosignature.NewSignerForCosignatureV1(secret)
	must(t, err)
	c := &cosigner{name: name, signer: signer, verifier: verifier}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL + "/some/prefix"
	return c
}

func (c *cosigner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	body, err := io.ReadAll(r.Body)
	a, parseErr := lineage.ParseAddCheckpoint(body)
	if err != nil || parseErr != nil || r.Method != http.MethodPost || r.URL.Path != "/some/prefix/add-checkpoint" {
		http.Error(w, fmt.Sprint(err, parseErr, r.URL), http.StatusBadRequest)
		return
	}
	if c.twist != nil && c.twist(w, a) {
		return
	}
	c.answer(w, a)
}

func (c *cosigner) answer(w http.ResponseWriter, a lineage.AddCheckpoint) {
	text, _, _ := strings.Cut(string(a.Checkpoint), "\n\n")
	now, err := lineage.ParseCheckpoint(text + "\n")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if now.Origin != c.seen.Origin {
		c.seen = lineage.Checkpoint{Origin: now.Origin}
		c.seen.Root, _ = lineage.Root(nil, 0)
	}
	if a.Old != c.seen.Size {
		w.Header().Set("Content-Type", sizeType)
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, "%d\n", c.seen.Size)
		return
	}
	if err := lineage.CheckConsistency(a.Proof, c.seen.Size, c.seen.Root, now.Size, now.Root); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	c.seen, c.signed = now, append(c.signed, now)
	_, _ = w.Write(c.line(now.String()))
}

// line is the cosignature of a text.
func (c *cosigner) line(text string) []byte {
	signed, err := note.Sign(&note.Note{Text: text}, c.signer)
	if err != nil {
		panic(err) // the server answers nothing then
	}
	return bytes.TrimPrefix(signed, []byte(text+"\n"))
}

func (c *cosigner) times() (asked, signed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked, len(c.signed)
}

// witnessed is a world whose release has these witnesses.
func witnessed(t *testing.T, threshold uint32, all ...*cosigner) *world {
	return newWorld(t, func(r *pb.Release) {
		r.WitnessThreshold = threshold
		for _, c := range all {
			entry := trusttest.Entry(pb.Role_ROLE_WITNESS, c.name)
			entry.Verifier = c.verifier
			r.Directory = append(r.Directory, entry)
		}
	})
}

func asking(all ...*cosigner) func(*Config) {
	return func(c *Config) {
		for _, w := range all {
			c.Witnesses = append(c.Witnesses, Witness{w.name, w.url})
		}
		c.Patience = time.Second
	}
}

// cosignedBy waits until the checkpoint on disk is the newest and has n
// cosignatures, and published.
func (r *running) cosignedBy(n int) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("%d cosignatures", n), func() bool { return r.Status().Cosigned == n })
	c := r.w.truthful()
	if len(c.Cosigned) != n {
		r.t.Errorf("the checkpoint is cosigned by %v", c.Cosigned)
	}
	r.eventually("it is published so", func() bool {
		notes := r.w.records(streams.Checkpoints)
		return len(notes) > 0 && bytes.Equal(notes[len(notes)-1].Data, c.Note)
	})
}

func TestWitnessesCosign(t *testing.T) {
	a, b := newCosigner(t, "wa"), newCosigner(t, "wb")
	w := witnessed(t, 2, a, b)
	r := w.run(asking(a, b))
	r.covers(w.noise(3))
	r.cosignedBy(2)
	r.covers(w.noise(300))
	r.cosignedBy(2)
	beat := w.beat(r)
	if beat.GetCosignatures() != 2 {
		t.Errorf("it beats %v", beat)
	}
	keys, err := w.fold().Governance().LogKeys()
	must(t, err)
	if !keys.Witnessed(w.checkpoint()) {
		t.Error("the checkpoint is not witnessed")
	}
	// A restart knows nothing of what they have seen, and learns it from them.
	r.end()
	r = w.run(asking(a, b))
	r.covers(w.noise(10))
	r.cosignedBy(2)
}

// A witness that was away is brought up to date; one that lost its memory too.
func TestWitnessLags(t *testing.T) {
	a := newCosigner(t, "wa")
	w := witnessed(t, 1, a)
	r := w.run(asking(a))
	r.covers(w.noise(20))
	r.cosignedBy(1)
	a.mu.Lock()
	a.seen = lineage.Checkpoint{}
	a.mu.Unlock()
	r.covers(w.noise(20))
	r.cosignedBy(1)
	r.end()
	w.run().covers(w.noise(300)) // nobody is asked
}

// What a witness gets wrong is not added, and hinders neither signing nor others.
func TestWitnessesThatFail(t *testing.T) {
	other := newCosigner(t, "other")
	for name, twist := range map[string]func(*cosigner) func(http.ResponseWriter, lineage.AddCheckpoint) bool{
		"refuses": func(*cosigner) func(http.ResponseWriter, lineage.AddCheckpoint) bool {
			return func(w http.ResponseWriter, _ lineage.AddCheckpoint) bool {
				http.Error(w, "no", http.StatusForbidden)
				return true
			}
		},
		"is slow": func(*cosigner) func(http.ResponseWriter, lineage.AddCheckpoint) bool {
			return func(http.ResponseWriter, lineage.AddCheckpoint) bool {
				time.Sleep(1500 * time.Millisecond)
				return false
			}
		},
		"forges": func(c *cosigner) func(http.ResponseWriter, lineage.AddCheckpoint) bool {
			return func(w http.ResponseWriter, _ lineage.AddCheckpoint) bool {
				_, _ = w.Write(c.line(lineage.Checkpoint{Origin: "elsewhere", Size: 1}.String()))
				return true
			}
		},
		"signs with another key": func(*cosigner) func(http.ResponseWriter, lineage.AddCheckpoint) bool {
			return func(w http.ResponseWriter, a lineage.AddCheckpoint) bool {
				text, _, _ := strings.Cut(string(a.Checkpoint), "\n\n")
				_, _ = w.Write(other.line(text + "\n"))
				return true
			}
		},
		"answers nothing": func(*cosigner) func(http.ResponseWriter, lineage.AddCheckpoint) bool {
			return func(http.ResponseWriter, lineage.AddCheckpoint) bool { return true }
		},
		"answers without end": func(*cosigner) func(http.ResponseWriter, lineage.AddCheckpoint) bool {
			return func(w http.ResponseWriter, _ lineage.AddCheckpoint) bool {
				_, err := w.Write(bytes.Repeat([]byte("— example.test/wa AAAA\n"), 1000))
				return err == nil
			}
		},
		"says it has seen more": func(*cosigner) func(http.ResponseWriter, lineage.AddCheckpoint) bool {
			return func(w http.ResponseWriter, _ lineage.AddCheckpoint) bool {
				w.Header().Set("Content-Type", sizeType)
				w.WriteHeader(http.StatusConflict)
				_, _ = w.Write([]byte("1000000\n"))
				return true
			}
		},
		"speaks of sizes in riddles": func(*cosigner) func(http.ResponseWriter, lineage.AddCheckpoint) bool {
			return func(w http.ResponseWriter, _ lineage.AddCheckpoint) bool {
				w.Header().Set("Content-Type", sizeType)
				w.WriteHeader(http.StatusConflict)
				_, _ = w.Write([]byte("-1\n"))
				return true
			}
		},
		"sends elsewhere": func(*cosigner) func(http.ResponseWriter, lineage.AddCheckpoint) bool {
			return func(w http.ResponseWriter, _ lineage.AddCheckpoint) bool {
				w.Header().Set("Location", "/some/prefix/add-checkpoint")
				w.WriteHeader(http.StatusTemporaryRedirect)
				return true
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad, good := newCosigner(t, "wa"), newCosigner(t, "wb")
			bad.twist = twist(bad)
			w := witnessed(t, 1, bad, good)
			r := w.run(asking(bad, good))
			for range 3 {
				r.covers(w.noise(2))
			}
			r.cosignedBy(1)
			if got := w.checkpoint().Cosigned[0].Witness; got != "wb" {
				t.Errorf("cosigned by %s", got)
			}
			asked, _ := bad.times()
			if asked == 0 {
				t.Error("it was not asked")
			}
			bad.mu.Lock()
			bad.twist = nil
			bad.mu.Unlock()
			r.cosignedBy(2) // it is well again
		})
	}
}

// A new tree is a new log: witnesses begin with it from nothing.
func TestWitnessesOfANewTree(t *testing.T) {
	a := newCosigner(t, "wa")
	w := witnessed(t, 1, a)
	old := w.copied()
	r := w.run(func(c *Config) { asking(a)(c); c.Conn = w.connect("r1", true) })
	r.covers(w.noise(30))
	r.cosignedBy(1)
	before := w.checkpoint()
	w.restore(old)
	r.forks()
	w.govern(loss(before.Checkpoint, w.last()))
	r.covers(w.last())
	r.cosignedBy(1)
}

// The last checkpoint is cosigned after the seal, when a witness comes back.
func TestSealIsCosigned(t *testing.T) {
	a := newCosigner(t, "wa")
	a.twist = func(w http.ResponseWriter, _ lineage.AddCheckpoint) bool {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return true
	}
	w := witnessed(t, 1, a)
	r := w.run(asking(a))
	sealed := w.govern(seal())
	r.eventually("the seal is covered", func() bool { return r.Status().Checkpoint.Size == sealed })
	a.mu.Lock()
	a.twist = nil
	a.mu.Unlock()
	r.cosignedBy(1)
}

func TestServes(t *testing.T) {
	w := newWorld(t)
	r := w.run(func(c *Config) { c.Listen = "127.0.0.1:0" })
	r.covers(w.noise(3))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.Status().Address+"/checkpoint", nil)
	must(t, err)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	body, err := io.ReadAll(res.Body)
	must(t, err)
	must(t, res.Body.Close())
	if c := w.checkpoint(); res.StatusCode != http.StatusOK || !bytes.Equal(body, c.Note) {
		t.Errorf("%s: %s", res.Status, body)
	}
	r.end()
	if res, err := http.DefaultClient.Do(req.Clone(t.Context())); err == nil {
		t.Error("it serves after its end", res.Body.Close())
	}
}
