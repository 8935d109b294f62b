package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// cerbosDialect is the HTTP form of Cerbos' CheckResources.
func cerbosDialect(scoped bool) dialect {
	return dialect{path: "/api/check/resources", allowed: cerbosAllowed, body: func(a Agent, q Question) any {
		resource := map[string]any{"kind": kindOf(q.Tool), "id": q.Resource, "attr": q.arguments()}
		if last := a.Groups[len(a.Groups)-1]; scoped && last != staff {
			resource["scope"] = last
		}
		return map[string]any{
			"requestId": "r",
			"principal": map[string]any{"id": a.Name, "roles": a.Groups},
			"resources": []any{map[string]any{"resource": resource, "actions": []string{q.Tool}}},
		}
	}}
}

func cerbosAllowed(answer []byte, q Question) (bool, error) {
	var a struct {
		Results []struct{ Actions map[string]string }
	}
	if err := json.Unmarshal(answer, &a); err != nil || len(a.Results) != 1 {
		return false, errUnreadable
	}
	switch a.Results[0].Actions[q.Tool] {
	case "EFFECT_ALLOW":
		return true, nil
	case "EFFECT_DENY":
		return false, nil
	default:
		return false, errUnreadable
	}
}

const cerbosFlags = "server --config=cerbos.yaml --log-level=error"

// startCerbos starts Cerbos with the task, told by roles.
func startCerbos(ctx context.Context, program, dir string, t *Task, outstanding int) (*server, error) {
	return t.startCerbos(ctx, program, dir, t.CerbosPolicies(), cerbosDialect(false), outstanding)
}

// startCerbosScopes starts Cerbos with the task, told by scopes.
func startCerbosScopes(ctx context.Context, program, dir string, t *Task, outstanding int) (*server, error) {
	return t.startCerbos(ctx, program, dir, t.CerbosScopes(), cerbosDialect(true), outstanding)
}

func (t *Task) startCerbos(ctx context.Context, program, dir string, files map[string]string, d dialect, outstanding int) (*server, error) {
	policies := filepath.Join(dir, "policies")
	if err := os.MkdirAll(policies, 0o700); err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(policies, name), []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("peers: %w", err)
		}
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	grpc, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "cerbos.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, cerbosConfig, port, grpc, policies), 0o600); err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	p, err := start(ctx, base+"/_cerbos/health", program, "server", "--config="+config, "--log-level=error")
	if err != nil {
		return nil, err
	}
	return t.attach(p, base, d, outstanding)
}
