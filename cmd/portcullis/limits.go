package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/streams/door"
)

// limitFlags say what each agent may send to a broker that this process runs.
type limitFlags struct {
	limits door.Limits
	given  func(flag string) bool // whether the command line has it
}

// The flags of limits.
const (
	flagAgentBytes    = "agent-bytes"
	flagAgentMessages = "agent-messages"
	flagAgentIntents  = "agent-intents"
)

func (l *limitFlags) register(c *cobra.Command) {
	flags := c.Flags()
	l.limits, l.given = door.DefaultLimits, flags.Changed
	flags.IntVar(&l.limits.Bytes, flagAgentBytes, l.limits.Bytes, "bytes that each agent may send in a second")
	flags.IntVar(&l.limits.Messages, flagAgentMessages, l.limits.Messages, "messages that each agent may send in a second")
	flags.IntVar(&l.limits.Intents, flagAgentIntents, l.limits.Intents, "intents that each agent may send in a second, in whatever lists")
}

// read returns the limits; none at all is not one of them.
func (l *limitFlags) read() (door.Limits, error) {
	if err := l.limits.Check(); err != nil {
		return door.Limits{}, usage(err)
	}
	return l.limits, nil
}

// elsewhere refuses limits where the broker is not of this process: nothing would
// come of them.
func (l *limitFlags) elsewhere() error {
	for _, flag := range []string{flagAgentBytes, flagAgentMessages, flagAgentIntents} {
		if l.given(flag) {
			return usage(fmt.Errorf("--%s: %w", flag, errElsewhere))
		}
	}
	return nil
}

var errElsewhere = errors.New("the broker is not of this process; give this to whoever runs it: portcullis server, or portcullis broker run")
