package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// server is an engine in a process of its own, asked over HTTP.
type server struct {
	process *process
	url     string
	bodies  [][]byte // of each question
	allowed func(answer []byte, q Question) (bool, error)
	task    *Task
	client  *http.Client
}

// dialect is how one engine is asked.
type dialect struct {
	path    string
	body    func(Agent, Question) any
	allowed func(answer []byte, q Question) (bool, error)
}

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 10

var errUnreadable = errors.New("the answer has no verdict")

// dial makes the client of a server. Every question is written down beforehand: what is measured is asking.
func (t *Task) dial(base string, d dialect, outstanding int) (*server, error) {
	transport := &http.Transport{MaxIdleConns: outstanding, MaxIdleConnsPerHost: outstanding, MaxConnsPerHost: outstanding, DisableCompression: true}
	s := &server{url: base + d.path, allowed: d.allowed, task: t, client: &http.Client{Transport: transport}}
	for _, q := range t.Questions {
		body, err := json.Marshal(d.body(t.Agents[q.Agent], q))
		if err != nil {
			return nil, fmt.Errorf("peers: writing a question: %w", err)
		}
		s.bodies = append(s.bodies, body)
	}
	return s, nil
}

// ask asks one question. What is no verdict is an error, and no denial.
func (s *server) ask(ctx context.Context, question int) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(s.bodies[question]))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return false, err
	}
	if response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("%s: %.200s", response.Status, answer)
	}
	return s.allowed(answer, s.task.Questions[question])
}

func (s *server) close() {
	s.client.CloseIdleConnections()
	if s.process != nil {
		s.process.end()
	}
}

// arguments are a question's, as every engine is given them.
func (q Question) arguments() map[string]any {
	if !paid(q.Tool) {
		return map[string]any{}
	}
	return map[string]any{"amount": q.Amount, "currency": q.Currency}
}
