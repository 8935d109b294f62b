package mcp

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// What a client is told while people are asked. The user of the client is not an
// approver, and his software may answer for him: an approval is a signature on the
// ledger. So the question is only whether to wait on.

func pendingText(why *agent.Refused) string {
	return fmt.Sprintf("Portcullis: this call waits for approval (intent at ledger position %s). Somebody who may approve it does so with: portcullis approvals approve %s --as APPROVER",
		why.At, why.Intent.Short())
}

// Asks reports whether the client of an initialize can ask its user.
func Asks(params json.RawMessage) bool {
	members, err := jsonrpc.Object(params)
	if err != nil {
		return false // the server will say what is wrong with it
	}
	capabilities, err := jsonrpc.Object(members["capabilities"])
	return err == nil && capabilities["elicitation"] != nil
}

// PendingQuestion is an elicitation/create that asks whether to wait on.
func PendingQuestion(id json.RawMessage, why *agent.Refused) []byte {
	return jsonrpc.Request(id, "elicitation/create", pendingForm(why))
}

// pendingForm is a question whose answer is in its action alone.
func pendingForm(why *agent.Refused) map[string]any {
	return map[string]any{
		"message": pendingText(why) + "\nAccept to wait for it; decline to give the call up.",
		"requestedSchema": map[string]any{
			"type": "object", "properties": map[string]any{}, "required": []string{},
		},
	}
}

// tellPending tells the client of a call, in the way that it understands, that
// people are asked.
func (c *call) tellPending(ctx context.Context, why *agent.Refused) {
	if c.asking != nil {
		c.asking.wonder(why)
		return
	}
	c.peer.Pending(ctx, why, c.stop)
}

// Declined reports whether the user gave the call up. A client that cannot ask
// leaves it waiting.
func Declined(answer jsonrpc.Message) bool {
	result, err := jsonrpc.Object(answer.Result)
	action, _ := jsonrpc.Text(result["action"])
	return err == nil && (action == "decline" || action == "cancel")
}

// PendingProgress is a progress notification, nil if the call asked for none.
func PendingProgress(call jsonrpc.Message, why *agent.Refused) []byte {
	params, err := jsonrpc.Object(call.Params)
	if err != nil {
		return nil
	}
	meta, err := jsonrpc.Object(params["_meta"])
	if token := meta["progressToken"]; err != nil || token == nil {
		return nil
	}
	return jsonrpc.Request(nil, "notifications/progress", map[string]any{
		"progressToken": meta["progressToken"], "progress": 0, "message": pendingText(why),
	})
}

// Cancelled tells whoever was asked that nobody waits for the answer.
func Cancelled(id json.RawMessage, reason string) []byte {
	return jsonrpc.Request(nil, "notifications/cancelled", map[string]any{"requestId": id, "reason": reason})
}
