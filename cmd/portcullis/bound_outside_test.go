package main

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor/tools/httpcall"
	"github.com/portcullis-dev/portcullis/schemas"
)

// outside is the world in which actions have their effect: a server that stamps
// each request when it arrives, by the same clock as the ledger, and trusts
// nobody's word for it.
type outside struct {
	server *httptest.Server

	mu   sync.Mutex
	seen []arrival
	odd  []string      // requests that name no claim
	more chan struct{} // closed and made anew when something arrives
}

// arrival is one effect of an action.
type arrival struct {
	at     time.Time
	claim  ledger.Position // its fencing token
	intent trust.Digest
}

// outsideTakes is how long an action lasts, so that some are always under way.
const outsideTakes = 10 * time.Millisecond

func newOutside(t *testing.T) *outside {
	o := &outside{more: make(chan struct{})}
	o.server = httptest.NewServer(o)
	t.Cleanup(o.server.Close)
	return o
}

func (o *outside) host() string { return strings.TrimPrefix(o.server.URL, "http://") }

func (o *outside) url() string { return o.server.URL + "/act" }

func (o *outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	token, err := strconv.ParseUint(r.Header.Get(httpcall.FencingHeader), 10, 64)
	intent, bad := trust.ParseDigest(r.Header.Get(httpcall.IntentHeader))
	o.mu.Lock()
	if err != nil || bad != nil {
		o.odd = append(o.odd, r.URL.Path)
	}
	claim := ledger.Position{Seq: token / schemas.MaxItems, Index: uint32(token % schemas.MaxItems)}
	o.seen = append(o.seen, arrival{at, claim, intent})
	close(o.more)
	o.more = make(chan struct{})
	o.mu.Unlock()
	select {
	case <-r.Context().Done():
	case <-time.After(outsideTakes):
	}
	w.WriteHeader(http.StatusNoContent)
}

// count is how much has arrived; more is closed when it is more.
func (o *outside) count() (n int, more <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.seen), o.more
}

// arrivals are all, each claim at most once (S2).
func (o *outside) arrivals(t *testing.T) []arrival {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.odd) > 0 {
		t.Errorf("%d requests name no claim or no intent: %q", len(o.odd), o.odd[0])
	}
	claims, intents := map[ledger.Position]bool{}, map[trust.Digest]bool{}
	for _, a := range o.seen {
		if claims[a.claim] || intents[a.intent] {
			t.Errorf("intent %s was acted on twice; once under claim %s", a.intent.Short(), a.claim)
		}
		claims[a.claim], intents[a.intent] = true, true
	}
	return append([]arrival(nil), o.seen...)
}
