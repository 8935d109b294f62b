package witness_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/witness"
)

const (
	plain = "text/plain; charset=utf-8"
	size  = "text/x.tlog.size"
)

func TestServes(t *testing.T) {
	h := newWorld(t)
	url := h.serve() + "/add-checkpoint"
	tr := grow(9, 9, 0)
	for _, step := range []struct{ old, size int }{{0, 5}, {5, 5}, {5, 9}} {
		got := send(t, http.MethodPost, url, h.log.request(t, tr, step.old, step.size))
		if got.status != http.StatusOK || got.kind != plain {
			t.Fatalf("%+v", got)
		}
		h.check(tr, step.size, []byte(got.body))
	}
}

// TestRefusesOverHTTP: each refusal has the status of C2SP tlog-witness, and none
// changes what is cosigned.
func TestRefusesOverHTTP(t *testing.T) {
	h := newWorld(t)
	stranger := newLog(t)
	url := h.serve()
	tr, fork := grow(9, 9, 0), grow(9, 3, 1)
	h.accept(tr, 0, 5)
	text := tr.at(7).String() + "\n"
	ask := func(old int, proof []lineage.Hash, note string) []byte {
		return lineage.AddCheckpoint{Old: uint64(old), Proof: proof, Checkpoint: []byte(note)}.Marshal()
	}
	proof := tr.proof(5, 7)
	own := signatures(t, h.log.sign(t, tr, 7))
	foreign := signatures(t, stranger.sign(t, tr, 7))
	moved := strings.Replace(string(h.log.sign(t, tr, 7)), origin, origin+"/loss-1", 1)
	tests := []struct {
		name string
		body []byte
		want answer // an empty body: any that is no size
	}{
		{"nothing", nil, answer{400, plain, ""}},
		{"garbage", []byte("\x00\xff garbage \n\n\n"), answer{400, plain, ""}},
		{"no note", ask(5, proof, ""), answer{400, plain, ""}},
		{"a note without signatures", ask(5, proof, text), answer{400, plain, ""}},
		{"no checkpoint", ask(5, proof, "hello\n\n"+own[0]+own[1]), answer{400, plain, ""}},
		{"an extension line", ask(5, proof, strings.TrimSuffix(text, "\n")+"more\n\n"+own[0]+own[1]), answer{400, plain, ""}},
		{"an odd size", ask(5, proof, strings.Replace(text, "\n7\n", "\n07\n", 1)+own[0]+own[1]), answer{400, plain, ""}},
		{"too long a note", ask(5, proof, text+strings.Repeat("— x AAAAAAAAAAAA\n", 1)+strings.Repeat(" ", lineage.MaxNote)), answer{400, plain, ""}},
		{"to a smaller tree", ask(9, nil, string(h.log.sign(t, tr, 7))), answer{400, plain, ""}},
		{"unknown origin", ask(5, proof, moved), answer{404, plain, ""}},
		{"a stranger's keys", ask(5, proof, text+foreign[0]+foreign[1]), answer{403, plain, ""}},
		{"Ed25519 alone", ask(5, proof, text+own[0]), answer{403, plain, ""}},
		{"ML-DSA-44 alone", ask(5, proof, text+own[1]), answer{403, plain, ""}},
		{"signatures of another tree", ask(5, proof, tr.at(8).String()+"\n"+own[0]+own[1]), answer{403, plain, ""}},
		{"a stranger's fork", stranger.request(t, fork, 5, 5), answer{403, plain, ""}},
		{"a replay of the beginning", h.log.request(t, tr, 0, 5), answer{409, size, "5\n"}},
		{"a rollback", h.log.request(t, tr, 0, 3), answer{409, size, "5\n"}},
		{"a rollback from a tree that it never had", h.log.request(t, tr, 3, 4), answer{409, size, "5\n"}},
		{"a gap", h.log.request(t, tr, 6, 7), answer{409, size, "5\n"}},
		{"the fork at its size", h.log.request(t, fork, 5, 5), answer{409, plain, ""}},
		{"the fork at its size, from elsewhere", h.log.request(t, fork, 0, 5), answer{409, size, "5\n"}},
		{"a fork that grew", h.log.request(t, fork, 5, 7), answer{422, plain, ""}},
		{"no proof", ask(5, nil, string(h.log.sign(t, tr, 7))), answer{422, plain, ""}},
		{"a proof too long", ask(5, append(proof, proof[0]), string(h.log.sign(t, tr, 7))), answer{422, plain, ""}},
		{"a proof where none is needed", ask(5, proof, string(h.log.sign(t, tr, 5))), answer{422, plain, ""}},
		{"oversized", bytes.Repeat([]byte("x"), witness.MaxBody+1), answer{413, plain, ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := send(t, http.MethodPost, url+"/add-checkpoint", test.body)
			if got.status != test.want.status || got.kind != test.want.kind || test.want.body != "" && got.body != test.want.body || strings.Contains(got.body, "— ") {
				t.Errorf("%+v, want %+v", got, test.want)
			}
			h.t = t
			h.accept(tr, 5, 5)
		})
	}
	h.t = t
	h.restart()
	h.accept(tr, 5, 9)
}

// TestServesNothingElse: there is one thing to ask of a witness.
func TestServesNothingElse(t *testing.T) {
	h := newWorld(t)
	url := h.serve()
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/add-checkpoint", 405},
		{http.MethodPut, "/add-checkpoint", 405},
		{http.MethodGet, "/", 404},
		{http.MethodGet, "/logs/", 404},
		{http.MethodPost, "/", 404},
		{http.MethodPost, "/add-checkpoint/more", 404},
		{http.MethodGet, "/ed25519.key", 404},
	} {
		if got := send(t, test.method, url+test.path, nil); got.status != test.status {
			t.Errorf("%s %s: %+v", test.method, test.path, got)
		}
	}
}

// TestOwnTrouble: why a witness cannot cosign is for its operator to read.
func TestOwnTrouble(t *testing.T) {
	h := newWorld(t)
	h.clock.now = time.Time{}
	got := send(t, http.MethodPost, h.serve()+"/add-checkpoint", h.log.request(t, grow(1, 1, 0), 0, 1))
	if got.status != http.StatusInternalServerError || strings.Contains(got.body, "clock") || !strings.Contains(h.said.String(), "the clock says") {
		t.Errorf("%+v; it wrote: %s", got, h.said)
	}
}

// TestSlowClients: who sends slowly, or nothing, is cut off, and others are served
// meanwhile.
func TestSlowClients(t *testing.T) {
	h := newWorld(t)
	witness.Hurry(h.w, 500*time.Millisecond)
	url := h.serve()
	address := strings.TrimPrefix(url, "http://")
	request := string(h.log.request(t, grow(1, 1, 0), 0, 1))
	beginnings := map[string]string{
		"silence":       "",
		"half a header": "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nX-",
		"half a body":   "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 500\r\n\r\n" + request[:20],
		"idle":          "GET / HTTP/1.1\r\nHost: w\r\n\r\n",
	}
	cut := make(chan error, len(beginnings))
	for name, text := range beginnings {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		must(t, err)
		_, err = io.WriteString(connection, text)
		must(t, err)
		go func() {
			defer connection.Close()
			err := connection.SetReadDeadline(time.Now().Add(30 * time.Second))
			if err == nil {
				_, err = io.Copy(io.Discard, bufio.NewReader(connection)) // to the end that the witness makes
			}
			var slow net.Error
			if errors.As(err, &slow) && slow.Timeout() {
				cut <- errors.New(name + ": still connected")
				return
			}
			cut <- nil
		}()
	}
	if got := send(t, http.MethodPost, url+"/add-checkpoint", []byte(request)); got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	for range beginnings {
		if err := <-cut; err != nil {
			t.Error(err)
		}
	}
}

// TestServeEnds: an end that was asked for is no error, and the folder is free.
func TestServeEnds(t *testing.T) {
	h := newWorld(t)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.w.Serve(ctx, listener) }()
	send(t, http.MethodGet, "http://"+listener.Addr().String(), nil)
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String()); err == nil {
		t.Error("it still listens")
	}
	h.restart()
}

// TestServeFails: an end that nobody asked for is one.
func TestServeFails(t *testing.T) {
	h := newWorld(t)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	must(t, listener.Close())
	if err := h.w.Serve(t.Context(), listener); err == nil {
		t.Error("no error")
	}
}
