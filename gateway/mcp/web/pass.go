package web

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// message takes one message that was read.
func (s *Server) message(w http.ResponseWriter, r *http.Request, m jsonrpc.Message) {
	if m.Method == "initialize" {
		s.pass(w, r, m, nil)
		return
	}
	one, err := s.sessions.find(r.Header.Get(sessionHeader))
	switch {
	case err != nil:
		writeJSON(w, http.StatusNotFound, jsonrpc.Refusal(m.ID, err))
	case m.IsResponse() && one.answered(jsonrpc.FromClient, m):
		w.WriteHeader(http.StatusAccepted)
	case m.Method == "tools/call":
		s.call(w, r, m, one)
	case m.Method == "notifications/cancelled" && one.cancel(m):
		w.WriteHeader(http.StatusAccepted)
	default:
		s.pass(w, r, m, one)
	}
}

// cancel gives up a call that the server has not heard of. It reports whether that
// is all there is to do.
func (s *session) cancel(m jsonrpc.Message) (done bool) {
	params, err := jsonrpc.Object(m.Params)
	if err != nil {
		return false
	}
	known, forwarded := s.Cancel(params["requestId"])
	return known && !forwarded
}

// pass hands a message on and its answer back. One is nil for initialize.
func (s *Server) pass(w http.ResponseWriter, r *http.Request, m jsonrpc.Message, one *session) {
	list := m.Method == "tools/list" && m.IsRequest()
	if list {
		one.noteList(m.ID, true)
	}
	up, err := s.send(r.Context(), r.Method, onward(r.Header), m.Raw)
	if err != nil {
		writeJSON(w, http.StatusBadGateway, jsonrpc.Refusal(m.ID, err))
		return
	}
	defer up.Body.Close()
	if id := up.Header.Get(sessionHeader); one == nil && id != "" && up.StatusCode == http.StatusOK {
		if err := s.sessions.begin(id, mcp.Asks(m.Params)); err != nil {
			writeJSON(w, http.StatusServiceUnavailable, jsonrpc.Refusal(m.ID, fmt.Errorf("no session could be begun: %w", err)))
			return
		}
	}
	if list && up.StatusCode == http.StatusOK && kindOf(up) == kindJSON {
		one.listed(w, up, m)
		return
	}
	s.copyBack(w, up, one)
}

func (s *session) listed(w http.ResponseWriter, up *http.Response, m jsonrpc.Message) {
	s.noteList(m.ID, false)
	answer, err := readMessage(up)
	if err != nil {
		writeJSON(w, http.StatusBadGateway, jsonrpc.Refusal(m.ID, err))
		return
	}
	writeJSON(w, http.StatusOK, s.Listed(answer))
}

func (s *session) noteList(id []byte, asked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if asked && len(s.lists) < maxLists {
		s.lists[jsonrpc.Key(id)] = true
	} else {
		delete(s.lists, jsonrpc.Key(id))
	}
}

const maxLists = 256

// other passes a GET, a stream of what the server says by itself, or a DELETE.
func (s *Server) other(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get(sessionHeader)
	one, err := s.sessions.find(id)
	if err != nil {
		refuse(w, http.StatusNotFound, err.Error())
		return
	}
	up, err := s.send(r.Context(), r.Method, onward(r.Header), nil)
	if err != nil {
		refuse(w, http.StatusBadGateway, err.Error())
		return
	}
	defer up.Body.Close()
	if r.Method == http.MethodDelete && up.StatusCode < http.StatusMultipleChoices {
		s.sessions.end(id)
	}
	s.copyBack(w, up, one)
}

// copyBack hands an answer back as it is, streams event by event.
func (s *Server) copyBack(w http.ResponseWriter, up *http.Response, one *session) {
	maps.Copy(w.Header(), onward(up.Header))
	w.WriteHeader(up.StatusCode)
	if kindOf(up) != kindStream || one == nil {
		_, _ = io.Copy(w, up.Body)
		return
	}
	_ = http.NewResponseController(w).Flush()
	in := newEvents(up.Body, maxMessage)
	for {
		ev, err := in.next()
		if err != nil {
			return
		}
		if _, err := w.Write(s.inspect(one, ev)); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
	}
}

// inspect is what a client is told instead of an event: the same, but for lists of
// tools and answers to calls that another stream was to bring.
func (s *Server) inspect(one *session, ev event) []byte {
	if len(ev.data) == 0 {
		return ev.raw
	}
	m, err := jsonrpc.Parse(ev.data, maxMessage)
	if err != nil {
		s.cfg.Logger.Warn("an event of the server was dropped", "err", err)
		return nil
	}
	if m.Method == "notifications/tools/list_changed" {
		one.Changed()
	}
	if !m.IsResponse() {
		return ev.raw
	}
	key := jsonrpc.Key(m.ID)
	one.mu.Lock()
	list, late := one.lists[key], one.late[key]
	delete(one.lists, key)
	one.mu.Unlock()
	switch {
	case list:
		return ev.with(one.Listed(m))
	case late != nil && one.answered(jsonrpc.FromServer, m):
		return s.lateReply(ev, late)
	default:
		return ev.raw
	}
}

// lateReply waits until the ledger knows what an answer is an answer to.
func (s *Server) lateReply(ev event, late chan []byte) []byte {
	select {
	case reply := <-late:
		if reply == nil {
			return nil
		}
		return ev.with(reply)
	case <-s.ctx.Done():
	case <-time.After(lateWait):
	}
	return nil
}

// lateWait bounds waiting for an outcome to be appended.
const lateWait = 30 * time.Second
