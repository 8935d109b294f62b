package zone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/executor/tools/httpcall"
)

// Bank is a toy: a ledger of transfers in memory, over HTTP on this machine
// only. It stands for the outside world in the demo and in a newcomer's zone.
//
//	POST /transfers   {"to", "amount", "currency", "memo"?} → 201 and the entry
//	GET  /transfers   → {"transfers": [entry…]}, oldest first
//
// It does what a downstream system should: a transfer that carries the intent
// of an earlier one is answered with that one and not made again.
type Bank struct {
	server   *http.Server
	listener net.Listener
	done     chan struct{}

	mu       sync.Mutex
	entries  []Transfer
	byIntent map[string]int // index into entries
}

// Transfer is one entry of the bank's books.
type Transfer struct {
	To       string `json:"to"`
	Amount   int64  `json:"amount"` // whole units
	Currency string `json:"currency"`
	Memo     string `json:"memo,omitempty"`
	Intent   string `json:"intent,omitempty"` // SHA-256 of the intent that it was made for, in hexadecimal
}

const (
	maxTransfer    = 16 << 10 // bytes of a request
	bankReadHeader = 5 * time.Second
	bankShutdown   = 2 * time.Second
)

// StartBank serves a bank without entries on a loopback address such as
// "127.0.0.1:4280"; port 0 means any free one.
func StartBank(ctx context.Context, address string) (*Bank, error) {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("zone: the toy bank listens on this machine only, not on %q; write an address such as 127.0.0.1:4280", address)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("zone: the toy bank cannot listen on %s: %w; stop what uses the port, or change bank and endpoint in %s", address, err, toolsFile)
	}
	b := &Bank{listener: listener, done: make(chan struct{}), byIntent: make(map[string]int)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /transfers", b.post)
	mux.HandleFunc("GET /transfers", b.get)
	b.server = &http.Server{Handler: mux, ReadHeaderTimeout: bankReadHeader}
	go func() {
		defer close(b.done)
		_ = b.server.Serve(listener) // ends with Close
	}()
	return b, nil
}

// URL is where transfers are posted.
func (b *Bank) URL() string { return "http://" + b.Address() + "/transfers" }

// Address is where the bank listens.
func (b *Bank) Address() string { return b.listener.Addr().String() }

// Transfers is a copy of the books, oldest first.
func (b *Bank) Transfers() []Transfer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.entries)
}

// Close stops serving.
func (b *Bank) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), bankShutdown)
	defer cancel()
	if b.server.Shutdown(ctx) != nil {
		_ = b.server.Close()
	}
	<-b.done
}

func (b *Bank) get(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string][]Transfer{"transfers": append([]Transfer{}, b.Transfers()...)})
}

func (b *Bank) post(w http.ResponseWriter, r *http.Request) {
	t, err := readTransfer(http.MaxBytesReader(w, r.Body, maxTransfer))
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	t.Intent = r.Header.Get(httpcall.IntentHeader)
	entry, made := b.book(t)
	if !made {
		answer(w, http.StatusOK, entry)
		return
	}
	answer(w, http.StatusCreated, entry)
}

func readTransfer(body io.Reader) (Transfer, error) {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	var t Transfer
	if err := decoder.Decode(&t); err != nil {
		return Transfer{}, fmt.Errorf("not a transfer: %w", err)
	}
	if decoder.More() || t.Intent != "" || t.To == "" || t.Currency == "" || t.Amount < 0 {
		return Transfer{}, errors.New(`not a transfer: write {"to", "amount" from 0, "currency", "memo"?} and nothing else`)
	}
	return t, nil
}

// book enters a transfer; made is false when its intent has one already.
func (b *Bank) book(t Transfer) (entry Transfer, made bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i, known := b.byIntent[t.Intent]; known && t.Intent != "" {
		return b.entries[i], false
	}
	b.byIntent[t.Intent] = len(b.entries)
	b.entries = append(b.entries, t)
	return t, true
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a caller that has gone away needs no answer
}
