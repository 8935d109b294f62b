//go:build faults

package single_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor/tools/httpcall"
	"github.com/portcullis-dev/portcullis/schemas"
)

// outside is the world in which actions have their effect. It is this process, which loses no power, and it believes
// nobody.
type outside struct {
	server *httptest.Server

	mu   sync.Mutex
	seen []arrival
	odd  int // requests that name no claim or no intent
}

// arrival is one effect.
type arrival struct {
	claim  ledger.Position // its fencing token
	intent trust.Digest
}

func newOutside(t *testing.T) *outside {
	o := new(outside)
	o.server = httptest.NewServer(o)
	t.Cleanup(o.server.Close)
	return o
}

func (o *outside) host() string { return strings.TrimPrefix(o.server.URL, "http://") }

func (o *outside) url() string { return o.server.URL + "/act" }

func (o *outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, err := strconv.ParseUint(r.Header.Get(httpcall.FencingHeader), 10, 64)
	intent, bad := trust.ParseDigest(r.Header.Get(httpcall.IntentHeader))
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil || bad != nil {
		o.odd++
	}
	o.seen = append(o.seen, arrival{ledger.Position{Seq: token / schemas.MaxItems, Index: uint32(token % schemas.MaxItems)}, intent})
	w.WriteHeader(http.StatusNoContent)
}

func (o *outside) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.seen)
}

// arrivals are all effects from the so-manieth on. No intent had two, ever.
func (o *outside) arrivals(t *testing.T, from int) []arrival {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.odd > 0 {
		t.Errorf("%d requests name no claim or no intent", o.odd)
	}
	intents := map[trust.Digest]bool{}
	for _, a := range o.seen {
		if intents[a.intent] {
			t.Errorf("intent %s was acted on twice; once under claim %s", a.intent.Short(), a.claim)
		}
		intents[a.intent] = true
	}
	return append([]arrival(nil), o.seen[from:]...)
}
