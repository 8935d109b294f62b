package engine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Ask is one action that somebody asks for.
type Ask struct {
	Agent     int // from 0
	Tool      string
	Resource  string
	Arguments json.RawMessage
}

// Asks chooses what is asked for. It is called for one action after another, in the order of sending.
type Asks func(random *rand.Rand) Ask

// Uniform asks every agent's every tool alike for what policy permits.
func (p Params) Uniform() Asks {
	arguments := p.arguments()
	return func(random *rand.Rand) Ask {
		return Ask{
			Agent: random.IntN(p.Agents), Tool: ToolName(random.IntN(p.Tools)),
			Resource: fmt.Sprintf("open/%d", random.IntN(resources)), Arguments: arguments,
		}
	}
}

// resources is how many different ones are acted upon.
const resources = 1000

func (p Params) arguments() json.RawMessage {
	padding := max(p.ArgumentBytes-len(`{"text":""}`), 0)
	return json.RawMessage(`{"text":"` + strings.Repeat("x", padding) + `"}`)
}

// AgentName is the name of an agent, from 0.
func AgentName(i int) string { return fmt.Sprintf("agent-%d", i) }

// ToolName is the name of a tool, from 0.
func ToolName(i int) string { return fmt.Sprintf("tool-%d", i) }

// ClosedTool is a tool that every agent may ask for and that no policy permits. Nobody serves it.
const ClosedTool = "closed"
