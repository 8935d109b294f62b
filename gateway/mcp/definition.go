package mcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Definition is one tool as a server describes it.
type Definition struct {
	Name   string
	Digest trust.Digest // SHA-256 of its canonical JSON, all of it
	Raw    json.RawMessage
}

// Listing is one page of a server's tools.
type Listing struct {
	Tools  []Definition
	Cursor string // of the next page; "" if this is the last

	members map[string]json.RawMessage // of the result
}

// maxListed bounds the tools of one server.
const maxListed = 4096

// ReadListing reads the result of a tools/list.
func ReadListing(result json.RawMessage) (Listing, error) {
	members, err := jsonrpc.Object(result)
	if err != nil {
		return Listing{}, fmt.Errorf("mcp: a list of tools: %w", err)
	}
	l := Listing{members: members}
	var tools []json.RawMessage
	if err := json.Unmarshal(members["tools"], &tools); err != nil || len(tools) > maxListed {
		return Listing{}, fmt.Errorf("mcp: a list of tools has no member tools that is an array of at most %d", maxListed)
	}
	if cursor, more := members["nextCursor"]; more {
		if l.Cursor, more = jsonrpc.Text(cursor); !more {
			return Listing{}, errors.New("mcp: a list of tools: nextCursor is no text")
		}
	}
	for i, raw := range tools {
		d, err := readDefinition(raw)
		if err != nil {
			return Listing{}, fmt.Errorf("mcp: tool %d of a list: %w", i+1, err)
		}
		l.Tools = append(l.Tools, d)
	}
	return l, nil
}

func readDefinition(raw json.RawMessage) (Definition, error) {
	members, err := jsonrpc.Object(raw)
	if err != nil {
		return Definition{}, err
	}
	d := Definition{Raw: raw}
	if d.Name, _ = jsonrpc.Text(members["name"]); d.Name == "" || len(d.Name) > maxToolName {
		return Definition{}, fmt.Errorf("its name is no text of 1 to %d bytes", maxToolName)
	}
	text, err := jsonrpc.Canonical(raw)
	if err != nil {
		return Definition{}, err
	}
	d.Digest = trust.DigestOf(text)
	return d, nil
}

const maxToolName = 256

// only is the listing's result with those of its tools that are wanted.
func (l Listing) only(wanted func(Definition) bool) map[string]json.RawMessage {
	tools := []json.RawMessage{}
	for _, d := range l.Tools {
		if wanted(d) {
			tools = append(tools, d.Raw)
		}
	}
	out := maps.Clone(l.members)
	out["tools"], _ = jsonrpc.Encode(tools) // raw JSON that was read has a JSON form
	return out
}

// definitions is what one session knows of its server's tools.
type definitions struct {
	mu      sync.Mutex
	shown   map[string]trust.Digest // as the client saw them last
	current map[string]trust.Digest // as the server told them last
	whole   bool                    // current holds every tool
}

func newDefinitions() *definitions {
	return &definitions{shown: map[string]trust.Digest{}, current: map[string]trust.Digest{}}
}

func (d *definitions) tell(tools []Definition, toClient bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range tools {
		d.current[t.Name] = t.Digest
		if toClient {
			d.shown[t.Name] = t.Digest
		}
	}
}

// all replaces what the server told by a whole list.
func (d *definitions) all(tools []Definition) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current, d.whole = make(map[string]trust.Digest, len(tools)), true
	for _, t := range tools {
		d.current[t.Name] = t.Digest
	}
}

// changed: the server says that its list is another now.
func (d *definitions) changed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.whole = false
}

func (d *definitions) known() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.whole
}

// unlisted is the digest of no definition: an intent that names it is denied.
var unlisted = trust.DigestOf([]byte("portcullis: the server lists no such tool"))

// of is the definition by which a tool is called: what the client was shown, which
// must still be what the server tells. Where the two differ, it is the one that is
// not pinned, so that the change is denied and seen.
func (d *definitions) of(tool string, pinned trust.Digest) trust.Digest {
	d.mu.Lock()
	defer d.mu.Unlock()
	current, listed := d.current[tool]
	shown, seen := d.shown[tool]
	switch {
	case !listed:
		return unlisted
	case seen && shown != pinned:
		return shown
	default:
		return current
	}
}
