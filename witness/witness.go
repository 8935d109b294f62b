package witness

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/telemetry"
)

// Config is what a witness needs. All fields are required but those that say
// otherwise.
type Config struct {
	Dir    string // made by Generate; one process at a time
	Logs   []Log
	Clock  func() time.Time
	Logger *slog.Logger
	Meter  *telemetry.Witness // may be nil: nobody counts
}

// Witness cosigns checkpoints. Make one with Open. Safe for concurrent use.
type Witness struct {
	cfg    Config
	keys   []*cosigner
	logs   map[string]*followed // by origin
	locked *os.File
	limits limits
}

// Open takes a witness's folder for this process and reads its keys and what it
// cosigned last of each log. Close gives the folder back.
func Open(cfg Config) (*Witness, error) {
	if cfg.Dir == "" || len(cfg.Logs) == 0 || cfg.Clock == nil || cfg.Logger == nil {
		return nil, errors.New("witness: Dir, Logs, Clock and Logger are all required; it follows at least one log")
	}
	keys, err := readKeys(cfg.Dir)
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{logsDir, forksDir} {
		info, err := os.Stat(filepath.Join(cfg.Dir, dir))
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
			return nil, fmt.Errorf("%w %s lacks %s: what this witness cosigned is lost; retire it and make another one", ErrFolder, cfg.Dir, dir)
		}
		if err != nil {
			return nil, fmt.Errorf("witness: %w", err)
		}
	}
	locked, err := lock(cfg.Dir)
	if err != nil {
		return nil, err
	}
	w := &Witness{cfg: cfg, keys: keys, locked: locked, limits: defaultLimits}
	own, err := cosignature.NewVerifierForCosignatureV1(keys[0].verifier)
	if err == nil {
		w.logs, err = follow(cfg.Dir, cfg.Logs, own)
	}
	if err != nil {
		return nil, errors.Join(err, locked.Close())
	}
	return w, nil
}

// Close gives the folder back. No request may be under way.
func (w *Witness) Close() error { return w.locked.Close() }

// Name is the witness's name in signature lines.
func (w *Witness) Name() string { return w.keys[0].name }

// Unable says why the witness could not cosign now, as far as that shows without
// cosigning; "" if nothing does.
func (w *Witness) Unable() string {
	if _, err := os.Stat(filepath.Join(w.cfg.Dir, logsDir)); err != nil {
		return fmt.Sprintf("what it cosigned last cannot be kept: %v", err)
	}
	return ""
}

// Verifiers are the witness's C2SP verifier keys, Ed25519's first.
func (w *Witness) Verifiers() (all []string) {
	for _, k := range w.keys {
		all = append(all, k.verifier)
	}
	return all
}

// AddCheckpoint takes the body of an add-checkpoint request (C2SP tlog-witness)
// and returns the body of its answer: a signature line for each key. What was
// cosigned is on disk by then. A *StaleError, or an error that wraps ErrMalformed,
// ErrUnknown, ErrUnsigned, ErrFork or ErrProof, refuses the request; after any
// other error nothing was cosigned either.
func (w *Witness) AddCheckpoint(body []byte) ([]byte, error) {
	request, err := lineage.ParseAddCheckpoint(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	c, err := unverified(request.Checkpoint)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	log := w.logs[c.Origin]
	if log == nil {
		return nil, fmt.Errorf("%w: %.300q", ErrUnknown, c.Origin)
	}
	n, err := log.open(request.Checkpoint)
	if err != nil {
		return nil, err
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	if err := w.check(log, request, c); err != nil {
		return nil, err
	}
	return w.cosign(log, c, n)
}

// unverified reads a signed note without checking a signature: whose keys count
// depends on its origin.
func unverified(signed []byte) (lineage.Checkpoint, error) {
	if len(signed) > lineage.MaxNote {
		return lineage.Checkpoint{}, fmt.Errorf("a note of %d bytes; it has at most %d", len(signed), lineage.MaxNote)
	}
	_, err := note.Open(signed, note.VerifierList())
	var unknown *note.UnverifiedNoteError // by everybody, and therefore well-formed
	if !errors.As(err, &unknown) {
		return lineage.Checkpoint{}, fmt.Errorf("not a signed note: %w", err)
	}
	return lineage.ParseCheckpoint(unknown.Note.Text)
}

// check compares a checkpoint that the log signed with what was cosigned last.
// The log's lock is held.
func (w *Witness) check(log *followed, request lineage.AddCheckpoint, c lineage.Checkpoint) error {
	forked := log.last.note != nil && c.Size == log.last.Size && c.Root != log.last.Root
	if forked {
		w.tellFork(log, c, request.Checkpoint)
	}
	switch {
	case request.Old > c.Size:
		return fmt.Errorf("%w: from a tree of %d to a smaller one of %d", ErrMalformed, request.Old, c.Size)
	case request.Old != log.last.Size:
		return &StaleError{log.last.Size}
	case forked:
		return fmt.Errorf("%w: %d leaves", ErrFork, c.Size)
	}
	if err := lineage.CheckConsistency(request.Proof, log.last.Size, log.last.Root, c.Size, c.Root); err != nil {
		// No evidence of a fork: with a genuine checkpoint, anyone can send a wrong proof.
		if log.warned != c {
			log.warned = c
			w.cfg.Logger.Warn("a checkpoint that its log signed came without a proof that it continues what was cosigned", "origin", c.Origin, "cosigned", log.last.Size, "size", c.Size)
		}
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	return nil
}

// tellFork keeps the evidence of a fork and tells the operator. The log's lock is
// held.
func (w *Witness) tellFork(log *followed, c lineage.Checkpoint, signed []byte) {
	path, err := keepFork(w.cfg.Dir, log.last, c.String(), signed)
	switch {
	case err != nil:
		w.cfg.Logger.Error("the evidence of a fork was not kept", "origin", c.Origin, "size", c.Size, "err", err)
	case log.warned != c:
		w.cfg.Logger.Error("the log forked: it signed two roots of one size", "origin", c.Origin, "size", c.Size, "evidence", path)
	}
	log.warned = c
}

// cosign signs, keeps and only then answers. The log's lock is held.
func (w *Witness) cosign(log *followed, c lineage.Checkpoint, n *note.Note) ([]byte, error) {
	at := w.cfg.Clock().Truncate(time.Second)
	if at.Before(log.last.at) {
		at = log.last.at
	}
	var signers []note.Signer
	for _, k := range w.keys {
		signers = append(signers, timed{k, c, at})
	}
	own, err := note.Sign(&note.Note{Text: n.Text}, signers...)
	if err != nil {
		return nil, err
	}
	lines := own[len(n.Text)+1:]
	whole, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs})
	if err != nil {
		return nil, err
	}
	whole = append(whole, lines...)
	if err := replace(log.path, whole); err != nil {
		return nil, err
	}
	log.last = cosigned{c, whole, at}
	return lines, nil
}
