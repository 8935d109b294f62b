package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// opaDialect is OPA's Data API.
var opaDialect = dialect{
	path: "/v1/data/portcullis/allow",
	body: func(a Agent, q Question) any {
		return map[string]any{"input": map[string]any{
			"agent": a.Name, "groups": a.Groups, "tool": q.Tool, "resource": q.Resource, "arguments": q.arguments(),
		}}
	},
	allowed: func(answer []byte, _ Question) (bool, error) {
		var a struct{ Result *bool }
		if err := json.Unmarshal(answer, &a); err != nil || a.Result == nil {
			return false, errUnreadable
		}
		return *a.Result, nil
	},
}

const opaFlags = "run --server --addr=127.0.0.1:PORT --log-level=error --disable-telemetry task.rego"

// startOPA starts OPA with the task.
func startOPA(ctx context.Context, program, dir string, t *Task, outstanding int) (*server, error) {
	file := filepath.Join(dir, "task.rego")
	if err := os.WriteFile(file, []byte(t.Rego()), 0o600); err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	p, err := start(ctx, "http://"+address+"/health", program, "run", "--server", "--addr="+address,
		"--log-level=error", "--disable-telemetry", file)
	if err != nil {
		return nil, err
	}
	return t.attach(p, "http://"+address, opaDialect, outstanding)
}

// attach makes the client of a process.
func (t *Task) attach(p *process, base string, d dialect, outstanding int) (*server, error) {
	s, err := t.dial(base, d, outstanding)
	if err != nil {
		p.end()
		return nil, err
	}
	s.process = p
	return s, nil
}
