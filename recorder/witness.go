package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/schemas"
)

// witness is one witness as a client of C2SP tlog-witness sees it. It belongs to
// one question at a time.
type witness struct {
	name   string
	url    string
	client *http.Client
	origin string // of the tree that it was asked about last
	old    uint64 // the size at which it has seen that tree, as far as known
	done   uint64 // the size at which it cosigned that tree last

	failures int
	again    time.Time // when to ask again after failures
}

const (
	addCheckpoint = "add-checkpoint"
	sizeType      = "text/x.tlog.size" // of a conflict's body

	maxAnswer      = 16 << 10 // bytes: a few signature lines
	maxCosignLines = 8        // signatures in an answer that are looked at
	maxBackOff     = time.Minute
)

func newWitnesses(configured []Witness, patience time.Duration) ([]*witness, error) {
	var all []*witness
	for _, w := range configured {
		if err := schemas.CheckName(w.Name); err != nil {
			return nil, fmt.Errorf("recorder: witness: %w", err)
		}
		u, err := url.Parse(w.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("recorder: witness %s: %.200q is no URL of a witness; give http(s)://host[:port][/prefix]", w.Name, w.URL)
		}
		if slices.ContainsFunc(all, func(o *witness) bool { return o.name == w.Name }) {
			return nil, fmt.Errorf("recorder: witness %s is listed twice", w.Name)
		}
		all = append(all, &witness{name: w.Name, url: u.JoinPath(addCheckpoint).String(), client: &http.Client{
			Timeout:       patience,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}})
	}
	return all, nil
}

// conflict is a witness's word that it has seen a tree of another size.
type conflict struct{ size uint64 }

func (c conflict) Error() string { return fmt.Sprintf("it has seen a tree of %d", c.size) }

// cosign asks for a cosignature and returns the lines of those that verify by the
// release's key of this witness. A witness that has seen another size is asked
// once more, from there.
func (w *witness) cosign(ctx context.Context, s *signed) ([]byte, error) {
	if w.origin != s.Origin {
		w.origin, w.old, w.done = s.Origin, 0, 0
	}
	answer, err := w.ask(ctx, s)
	var other conflict
	if errors.As(err, &other) && other.size != w.old && other.size <= s.Size {
		w.old = other.size
		answer, err = w.ask(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	lines, err := verified(s, w.name, answer)
	if err == nil {
		w.old, w.done = s.Size, s.Size
	}
	return lines, err
}

func (w *witness) ask(ctx context.Context, s *signed) (answer []byte, err error) {
	proof, err := lineage.Consistency(s.hashes, w.old, s.Size)
	if err != nil {
		return nil, err
	}
	body := lineage.AddCheckpoint{Old: w.old, Proof: proof, Checkpoint: s.note}.Marshal()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	switch {
	case len(answer) > maxAnswer:
		return nil, fmt.Errorf("its answer has more than %d bytes", maxAnswer)
	case res.StatusCode == http.StatusConflict && res.Header.Get("Content-Type") == sizeType:
		return nil, conflictOf(answer)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers %s: %.200q", res.Status, answer)
	}
	return answer, nil
}

func conflictOf(answer []byte) error {
	text, found := strings.CutSuffix(string(answer), "\n")
	size, err := strconv.ParseUint(text, 10, 64)
	if err != nil || !found || strconv.FormatUint(size, 10) != text {
		return fmt.Errorf("it speaks of a conflict, and gives no size: %.100q", answer)
	}
	return conflict{size}
}

// verified picks the lines of an answer that are this witness's cosignatures of
// the checkpoint. Others are left out: nothing that nobody can check is added.
func verified(s *signed, name string, answer []byte) ([]byte, error) {
	var lines []byte
	for i, line := range bytes.SplitAfter(answer, []byte("\n")) {
		if i == maxCosignLines {
			break
		}
		if !bytes.HasSuffix(line, []byte("\n")) || bytes.Equal(line, []byte("\n")) {
			continue
		}
		note, err := s.keys.Open(slices.Concat(s.note, line))
		if err == nil && slices.ContainsFunc(note.Cosigned, func(c lineage.Cosignature) bool { return c.Witness == name }) {
			lines = append(lines, line...)
		}
	}
	if lines == nil {
		return nil, errors.New("its answer holds no cosignature that verifies by its key in the release")
	}
	return lines, nil
}

// waits reports whether there is nothing to ask now.
func (w *witness) waits(s *signed, now time.Time) bool {
	return w.origin == s.Origin && w.done == s.Size || now.Before(w.again)
}

// succeeded and failed decide when the witness is asked next: one that fails is
// asked less often, so that it does not hold up the others.
func (w *witness) succeeded() { w.failures, w.again = 0, time.Time{} }

func (w *witness) failed(now time.Time) {
	w.again = now.Add(min(time.Second<<min(w.failures, 10), maxBackOff))
	w.failures++
}
