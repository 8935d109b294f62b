package engine

import (
	"math"
	"strconv"

	"github.com/portcullis-dev/portcullis/streams/door"
)

// Wide are limits that no agent of a load reaches: what is measured is the zone,
// and not the door before it. Package flood measures that.
func Wide() door.Limits {
	l := door.DefaultLimits
	l.Bytes, l.Messages, l.Intents = math.MaxInt32, math.MaxInt32, math.MaxInt32
	return l
}

// wideFlags say the same to a broker's process.
func wideFlags() []string {
	l := Wide()
	return []string{
		"--agent-bytes", strconv.Itoa(l.Bytes), "--agent-messages", strconv.Itoa(l.Messages), "--agent-intents", strconv.Itoa(l.Intents),
	}
}
