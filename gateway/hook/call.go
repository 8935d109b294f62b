package hook

import (
	"encoding/json"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/gateway/local"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// maxResource is what an intent can carry, in bytes.
const maxResource = 2048

// Ask is a call as a request for a permit that stays open. The arguments of known
// tools are their input; those of others are one argument, input, of type json, and
// their resource is the tool's name.
func (e Event) Ask() (local.Ask, error) {
	key, err := e.Key()
	if err != nil {
		return local.Ask{}, err
	}
	arguments, err := e.arguments()
	if err != nil {
		return local.Ask{}, err
	}
	resource := e.Tool
	if t := known(e.Tool); t != nil {
		members, err := jsonrpc.Object(e.Input)
		if err != nil {
			return local.Ask{}, fmt.Errorf("%w: %w", ErrEvent, err)
		}
		if resource, err = t.resource(input{dir: e.Dir, members: members}); err != nil {
			return local.Ask{}, err
		}
	}
	if len(resource) > maxResource {
		return local.Ask{}, fmt.Errorf("hook: the resource has %d bytes, and the ledger takes %d", len(resource), maxResource)
	}
	return local.Ask{Key: key, Session: e.Session, Tool: ToolName(e.Tool), Resource: resource, Arguments: arguments, Detached: true}, nil
}

func (e Event) arguments() ([]byte, error) {
	text, err := jsonrpc.Canonical(e.Input)
	if err != nil {
		return nil, fmt.Errorf("%w: tool_input: %w", ErrEvent, err)
	}
	if known(e.Tool) != nil {
		return text, nil
	}
	return jsonrpc.Encode(map[string]json.RawMessage{"input": text})
}

// Report is what an event after a call says of it. The result of a call that is done
// is {"response_sha256":…}: the digest of tool_response as the platform sent it.
// Contents do not leave this machine.
func (e Event) Report() (local.Report, error) {
	key, err := e.Key()
	if err != nil {
		return local.Report{}, err
	}
	arguments, err := e.arguments()
	if err != nil {
		return local.Report{}, err
	}
	r := local.Report{Key: key, Arguments: arguments}
	switch {
	case e.Kind == After && e.background():
		r.Status, r.Note = local.StatusUnknown, "it goes on in the background, where its end is not seen"
	case e.Kind == After:
		r.Status = local.StatusDone
		r.Result, err = jsonrpc.Encode(map[string]string{"response_sha256": trust.DigestOf(e.Response).String()})
	case e.Aborted:
		r.Status, r.Note = local.StatusUnknown, local.Note("it was interrupted: "+e.Error)
	default:
		r.Status, r.Note = local.StatusFailed, local.Note(e.Error)
	}
	return r, err
}

// background reports whether a command was started and not waited for.
func (e Event) background() bool {
	members, err := jsonrpc.Object(e.Response)
	_, goesOn := members["backgroundTaskId"]
	return err == nil && goesOn
}
