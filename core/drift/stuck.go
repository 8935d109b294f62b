package drift

import (
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// overdue is how much later than its action's end an outcome may be without a
// warning.
const overdue = time.Second

// stuck judges claim.stuck in log time: a valid claim has no outcome, and its
// action had to end, by its deadline or its tool's run limit, longer ago than the
// threshold. It warns soon after that end. Time in which nobody wrote anything
// does not count: after the whole zone was down, its executors need theirs to say
// what became of their claims.
func stuck(w *Watch, m moment) []symptom {
	var all []symptom
	for at, one := range w.claims.open {
		late := w.claims.late(one, m.logTime)
		if one.settled || late <= min(overdue, m.set.threshold) {
			continue
		}
		s := one.stuck(at, late)
		if late > m.set.threshold {
			s.level = pb.Level_LEVEL_TRIP
		}
		all = append(all, s)
	}
	return all
}

func (c *claim) stuck(at ledger.Position, late time.Duration) symptom {
	return symptom{
		level: pb.Level_LEVEL_WARN, subject: at.String(), about: about{tool: c.tool, agent: c.agent}, at: at.Seq, since: c.due, alike: true,
		detail: fmt.Sprintf("claim %s of %s has no outcome %v after its action had to end", at, c.executor, late.Round(time.Millisecond)),
	}
}
