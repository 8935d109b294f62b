package peers

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const (
	trustDomain = "peers.test"
	zoneName    = "peers"
	enforcer    = "e1"
	governor    = "g1"
)

// Create makes a fabric in an empty folder whose release is the task.
func (t *Task) Create(dir string, relaxed bool) (*fabric.Fabric, error) {
	params := fabric.Params{TrustDomain: trustDomain, Zone: zoneName, Release: t.Release(), Clock: time.Now, Recorders: fabric.NoRecorders}
	if relaxed {
		params.Durability = pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS
	}
	f, err := fabric.Create(filepath.Join(dir, "fabric"), params)
	if err != nil {
		return nil, fmt.Errorf("peers: making a zone of %d policies: %w", len(t.Rules), err)
	}
	return f, nil
}
