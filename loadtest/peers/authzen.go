package peers

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// authzenDialect is AuthZEN 1.0, for Direct.
var authzenDialect = dialect{
	path: evaluationPath,
	body: func(a Agent, q Question) any {
		id := trust.Identity{TrustDomain: trustDomain, Zone: zoneName, Role: pb.Role_ROLE_AGENT, Name: a.Name}
		return map[string]any{
			"subject": party{subjectType, id.String()}, "action": action{q.Tool}, "resource": party{kindOf(q.Tool), q.Resource},
			"context": map[string]any{"arguments": q.arguments()},
		}
	},
	allowed: func(answer []byte, _ Question) (bool, error) {
		var a struct{ Decision *bool }
		if err := json.Unmarshal(answer, &a); err != nil || a.Decision == nil {
			return false, errUnreadable
		}
		return *a.Decision, nil
	},
}

const directFlags = "--data FOLDER loadtest authzen --port PORT"

// startDirect starts Direct in a process of its own: program is portcullis.
func startDirect(ctx context.Context, program, dir string, t *Task, outstanding int) (*server, error) {
	f, err := t.Create(dir, true)
	if err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	p, err := start(ctx, base+healthPath, program, "--data", f.Dir, "loadtest", "authzen", "--port", fmt.Sprint(port))
	if err != nil {
		return nil, err
	}
	return t.attach(p, base, authzenDialect, outstanding)
}
