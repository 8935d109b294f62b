package forward

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
)

// forwarding is one call on its way to the API.
type forwarding struct {
	upstream upstream
	call     mapping.Call

	mu     sync.Mutex
	sent   bool
	answer *answer
}

// act runs in the executor, on a permit, at most once.
func (f *forwarding) act(ctx context.Context, a executor.Action) (executor.Result, error) {
	f.mu.Lock()
	f.sent = true
	f.mu.Unlock()
	got, err := f.upstream.send(ctx, f.call, a)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.sent = errors.Is(err, executor.ErrIndeterminate)
		return executor.Result{}, err
	}
	got.intent, got.method = a.Digest, f.call.Method
	f.answer = got
	return got.result()
}

func (f *forwarding) started() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent
}

func (f *forwarding) answered() *answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.answer
}

// answer is what the API said.
type answer struct {
	status int
	header http.Header
	body   []byte
	method string // of the request
	intent trust.Digest
}

// told is an answer as the ledger knows it, by its digest.
type told struct {
	Status      int    `json:"status"`
	ContentType string `json:"content_type,omitempty"`
	Length      int    `json:"length"`
	SHA256      string `json:"sha256"` // of the body
}

// result says what the answer means for the ledger: that something was done, that the
// API refused (4xx), or that it failed on the way (5xx), when nobody knows how far it
// came.
func (a *answer) result() (executor.Result, error) {
	switch {
	case a.status >= http.StatusInternalServerError:
		return executor.Result{}, fmt.Errorf("%w: the API answered %d", executor.ErrIndeterminate, a.status)
	case a.status >= http.StatusBadRequest:
		return executor.Result{}, fmt.Errorf("forward: the API answered %d", a.status)
	}
	text, err := jsonrpc.Encode(told{
		Status: a.status, ContentType: strings.ToValidUTF8(a.header.Get("Content-Type"), "?"), Length: len(a.body), SHA256: trust.DigestOf(a.body).String(),
	})
	return executor.Result{Data: text}, err
}

// hop are headers of an answer that are between two machines and go no further.
var hop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length",
}

// write passes the answer on, whatever became of the records about it: the client
// must learn of what was done.
func (a *answer) write(w http.ResponseWriter, out *agent.Outcome, err error) {
	drop := slices.Clone(hop)
	for _, value := range a.header.Values("Connection") {
		for name := range strings.SplitSeq(value, ",") {
			drop = append(drop, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	for name, values := range a.header {
		if !slices.Contains(drop, name) && !strings.HasPrefix(name, "Portcullis-") {
			w.Header()[name] = values
		}
	}
	w.Header().Set(IntentHeader, a.intent.String())
	stand(w.Header(), out, err)
	if a.sized() {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // as the API wrote it; whoever left hears nothing
}

// sized reports whether an answer has the length of its body. That of a HEAD has the
// length of another.
func (a *answer) sized() bool {
	return a.method != http.MethodHead && a.status != http.StatusNoContent && a.status != http.StatusNotModified
}

// stand tells where the outcome stands on the ledger, if that is known.
func stand(h http.Header, out *agent.Outcome, err error) {
	var not *agent.NotExecuted
	switch {
	case out != nil:
		h.Set("Portcullis-Outcome", "EXECUTED")
		h.Set("Portcullis-Outcome-At", out.At.String())
	case errors.As(err, &not):
		h.Set("Portcullis-Outcome", strings.TrimPrefix(not.Status.String(), "STATUS_"))
		h.Set("Portcullis-Outcome-At", not.At.String())
	}
}
