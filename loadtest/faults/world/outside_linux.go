package world

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor/tools/httpcall"
	"github.com/portcullis-dev/portcullis/schemas"
)

// Outside is the world in which actions have their effect: a server that stamps each request with the test's clock, and takes nobody's
// word for what a ledger says.
type Outside struct {
	t      testing.TB
	server *httptest.Server

	mu      sync.Mutex
	effects []Effect
	grown   chan struct{} // closed, and made anew, when there is one more
}

// Effect is one action, as it was seen.
type Effect struct {
	At     time.Time
	Claim  ledger.Position // its fencing token
	Intent trust.Digest
	From   string // address of the host that acted
}

// effectTakes is how long an action lasts, so that some are always under way.
const effectTakes = 5 * time.Millisecond

func newOutside(t testing.TB) *Outside {
	t.Helper()
	o := &Outside{t: t, grown: make(chan struct{})}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", EffectAddress+":0")
	must(t, err)
	o.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: o, ReadHeaderTimeout: Patience}}
	o.server.Start()
	t.Cleanup(o.server.Close)
	return o
}

func (o *Outside) host() string { return o.server.Listener.Addr().String() }
func (o *Outside) url() string  { return "http://" + o.host() + "/act" }

// ServeHTTP is the effect.
func (o *Outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	token, err := strconv.ParseUint(r.Header.Get(httpcall.FencingHeader), 10, 64)
	intent, bad := trust.ParseDigest(r.Header.Get(httpcall.IntentHeader))
	from, _, odd := net.SplitHostPort(r.RemoteAddr)
	if err != nil || bad != nil || odd != nil {
		o.t.Errorf("an effect names no claim or no intent: %v", r.Header)
	}
	claim := ledger.Position{Seq: token / schemas.MaxItems, Index: uint32(token % schemas.MaxItems)}
	o.mu.Lock()
	o.effects = append(o.effects, Effect{at, claim, intent, from})
	close(o.grown)
	o.grown = make(chan struct{})
	o.mu.Unlock()
	select {
	case <-r.Context().Done():
	case <-time.After(effectTakes):
	}
	w.WriteHeader(http.StatusNoContent)
}

// Effects are all effects so far, in their order.
func (o *Outside) Effects() []Effect {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Effect(nil), o.effects...)
}

// Since are the effects after a moment.
func (o *Outside) Since(at time.Time) []Effect {
	all := o.Effects()
	for i, e := range all {
		if e.At.After(at) {
			return all[i:]
		}
	}
	return nil
}

// wait returns how many effects there are; more is closed when there are more.
func (o *Outside) wait() (n int, more <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.effects), o.grown
}
