package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Params says what a new fabric is like.
type Params struct {
	TrustDomain string
	Zone        string

	// How many of each there are; 0 means as many as the release's source has,
	// or 1 where it has none. They are called e1, x1, s1 and so on; executors
	// serve every tool.
	Enforcers, Executors, Sentinels int
	// Recorders are called r1 and so on, and nothing arms without them; 0 means 1.
	// The source lists none: their keys are made here. With NoRecorders there is
	// none, as in folders that were made before there were recorders.
	Recorders int
	// Agents come in addition to those of the release's source.
	Agents []Agent
	// K is how many enforcers must agree; 0 means what the source says.
	K int
	// Governors are called g1 and so on. 0 means one, with the thresholds that
	// the source states; another number sets both thresholds to a majority.
	Governors int
	// Durability other than sync always must be asked for by its name; the zero
	// value leaves what the source says.
	Durability pb.Durability

	// Release is the source of the first release; nil means Template, and then
	// the files that it speaks of are made too.
	Release fs.FS
	// NATS is where the broker will be; zero fields mean port 4222 of this
	// machine.
	NATS NATS
	// Clock is required.
	Clock func() time.Time

	recorders []newRecorder // that are being made
}

// Agent is an agent to enroll.
type Agent struct {
	Name   string
	Groups []string
	Tools  []string
}

// NoRecorders asks for a fabric whose ledger nobody records.
const NoRecorders = -1

const (
	defaultPort  = 4222
	maxGovernors = 16
	maxOfARole   = 64 // the schema's largest rank
)

func (p *Params) check() error {
	if p.Clock == nil {
		return errors.New("fabric: creating a fabric needs a clock")
	}
	if now := p.Clock(); now.Year() < 2000 || now.Year() > 9000 {
		return fmt.Errorf("fabric: the clock says %s; set it right first", now.Format(time.RFC3339))
	}
	if err := trust.CheckTrustDomain(p.TrustDomain); err != nil {
		return fmt.Errorf("fabric: trust domain: %w", err)
	}
	if err := schemas.CheckName(p.Zone); err != nil {
		return fmt.Errorf("fabric: zone: %w", err)
	}
	if spell(p.Durability) == "" {
		return fmt.Errorf("fabric: durability %d is none of the protocol's", p.Durability)
	}
	if err := p.broker().Check(); err != nil {
		return err
	}
	for _, n := range []struct {
		what        string
		count, most int
	}{
		{"enforcers", p.Enforcers, maxOfARole},
		{"executors", p.Executors, maxOfARole},
		{"sentinels", p.Sentinels, maxOfARole},
		{"recorders", max(p.Recorders, 0), maxOfARole},
		{"governors", p.Governors, maxGovernors},
		{"enforcers that must agree", p.K, maxGovernors},
		{"as port", p.NATS.Port, 65535},
	} {
		if n.count < 0 || n.count > n.most {
			return fmt.Errorf("fabric: %d %s; give 0 to %d", n.count, n.what, n.most)
		}
	}
	return nil
}

func (p *Params) wantedRecorders() int {
	if p.Recorders == 0 {
		return 1
	}
	return max(p.Recorders, 0)
}

// broker fills in where the broker is.
func (p *Params) broker() NATS {
	n := p.NATS
	if n.Port == 0 {
		n.Port = defaultPort
	}
	if n.URL == "" {
		n.URL = "nats://127.0.0.1:" + strconv.Itoa(n.Port)
	}
	return n
}
