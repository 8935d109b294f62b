//go:build faults

package cluster

import (
	"os"
	"testing"

	"github.com/portcullis-dev/portcullis/loadtest/faults/world"
)

func TestMain(m *testing.M) { os.Exit(world.Main(m)) }

// some is how many effects show that a zone works again: more than could have been under way.
const some = 30

// silence are the rules that may trip when nobody could be heard for seconds, which is what a cluster without a leader looks like.
var silence = []string{"heartbeat.missing", "lag.exceeded"}
