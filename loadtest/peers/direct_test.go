package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// directServer is Direct over HTTP, in this process.
func directServer(t *testing.T, k *Task) (*server, string) {
	t.Helper()
	f, err := k.Create(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDirect(f)
	if err != nil {
		t.Fatal(err)
	}
	at := httptest.NewServer(d.Handler())
	t.Cleanup(at.Close)
	s, err := k.dial(at.URL, authzenDialect, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s, at.URL
}

// TestDirectAgrees: our core behind HTTP gives the right answers, allow and deny, at every size.
func TestDirectAgrees(t *testing.T) {
	for _, n := range []int{1, 100, 1000} {
		s, _ := directServer(t, task(t, n))
		if err := s.agree(t.Context()); err != nil {
			t.Errorf("%d policies: %v", n, err)
		}
	}
}

// TestDirectRefuses: what is not a question it is asked, or not one that anybody may ask, is never allowed.
func TestDirectRefuses(t *testing.T) {
	_, url := directServer(t, task(t, 1))
	const right = `{"subject":{"type":"agent","id":"spiffe://peers.test/peers/agent/agent-0"},"action":{"name":"pay"},` +
		`"resource":{"type":"Account","id":"r1"},"context":{"arguments":{"amount":1,"currency":"EUR"}}}`
	for name, tt := range map[string]struct {
		old, new string
		status   int
		says     string
	}{
		"as it should be":              {"", "", 200, `{"decision":true}`},
		"fields that nobody knows":     {`{"subject"`, `{"more":1,"subject"`, 200, `{"decision":true}`},
		"above the limit":              {`"amount":1`, `"amount":1001`, 200, `{"decision":false}`},
		"a stranger":                   {"agent-0", "stranger", 200, `{"decision":false}`},
		"an agent by its name":         {"spiffe://peers.test/peers/agent/agent-0", "agent-0", 200, `{"decision":false}`},
		"another type of subject":      {`"type":"agent"`, `"type":"user"`, 200, `{"decision":false}`},
		"another type of resource":     {`"Account"`, `"File"`, 200, `{"decision":false}`},
		"a tool that does not exist":   {`"pay"`, `"steal"`, 200, `{"decision":false}`},
		"a tool that nobody permits":   {`"pay"`, `"refund"`, 200, `{"decision":false}`},
		"an argument too many":         {`"amount":1`, `"amount":1,"to":"me"`, 200, `{"decision":false}`},
		"an argument too few":          {`,"currency":"EUR"`, ``, 200, `{"decision":false}`},
		"an argument of another type":  {`"amount":1`, `"amount":"1"`, 200, `{"decision":false}`},
		"no arguments":                 {`{"amount":1,"currency":"EUR"}`, `null`, 200, `{"decision":false}`},
		"no subject":                   {`"subject"`, `"subjekt"`, 400, "subject.type is missing"},
		"no action":                    {`{"name":"pay"}`, `{}`, 400, "action.name is missing"},
		"no resource":                  {`"id":"r1"`, `"id":""`, 400, "resource.id is missing"},
		"no object":                    {right, `[]`, 400, "no evaluation request"},
		"nothing":                      {right, ``, 400, "no evaluation request"},
		"more than a request may have": {`"r1"`, `"` + strings.Repeat("r", maxEvaluation) + `"`, 400, "no evaluation request"},
	} {
		body := right
		if tt.old != "" {
			if body = strings.Replace(right, tt.old, tt.new, 1); body == right {
				t.Fatalf("%s: the test changes nothing", name)
			}
		}
		status, answer := post(t, url+evaluationPath, body)
		if status != tt.status || !strings.Contains(answer, tt.says) {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
}

func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// TestDriveJudges: an engine with one wrong answer, or none, yields no figure.
func TestDriveJudges(t *testing.T) {
	k := task(t, 1)
	for name, tt := range map[string]struct {
		answer func([]byte) string
		says   string
	}{
		"allows everything":   {func([]byte) string { return `{"decision":true}` }, "a wrong answer"},
		"denies everything":   {func([]byte) string { return `{"decision":false}` }, "a wrong answer"},
		"says nothing":        {func([]byte) string { return `{}` }, "has no verdict"},
		"says something else": {func([]byte) string { return `{"decision":"true"}` }, "has no verdict"},
		"one is wrong": {func(body []byte) string {
			var e evaluation
			var a struct{ Amount int64 }
			_ = json.Unmarshal(body, &e)
			_ = json.Unmarshal(e.Context.Arguments, &a)
			return fmt.Sprintf(`{"decision":%v}`, e.Action.Name == toolPay && a.Amount <= staffLimit+1)
		}, "amount 1001: got allow=true"},
	} {
		at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, tt.answer(body))
		}))
		s, err := k.dial(at.URL, authzenDialect, 2)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.measure(t.Context(), 2, leastFor); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
		s.close()
		at.Close()
	}
}

// TestDrive: figures are of what was asked, and only as many are outstanding as was said.
func TestDrive(t *testing.T) {
	k := task(t, 100)
	s, _ := directServer(t, k)
	m, err := s.measure(t.Context(), 4, leastFor)
	if err != nil {
		t.Fatal(err)
	}
	line := m.line("us", 100, 4)
	if line.Count == 0 || line.Latency.Samples != uint64(line.Count) || line.PerSecond <= 0 || line.Latency.P99 < line.Latency.P50 {
		t.Errorf("got %+v", line)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.drive(ctx, 4, leastFor); err == nil {
		t.Error("an end before the beginning gives a figure")
	}
}
