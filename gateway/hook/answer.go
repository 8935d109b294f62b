package hook

import (
	"fmt"

	"github.com/portcullis-dev/portcullis/gateway/local"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Allow answers a PreToolUse: the platform is to run the tool. Rules of its own that
// deny still do.
func Allow(g local.Go) ([]byte, error) {
	return decision("allow", fmt.Sprintf("Portcullis: allowed under claim %s, intent %s", g.Claim, g.Intent))
}

// Deny answers a PreToolUse: the platform is not to run the tool. Its model reads
// why.
func Deny(r local.Refused) ([]byte, error) {
	text := "Portcullis: " + r.Text
	if r.Intent != "" {
		text += "; intent " + r.Intent
	}
	return decision("deny", text)
}

func decision(verdict, reason string) ([]byte, error) {
	return jsonrpc.Encode(map[string]any{"hookSpecificOutput": map[string]string{
		"hookEventName": string(Before), "permissionDecision": verdict, "permissionDecisionReason": reason,
	}})
}
