package drift

import (
	"fmt"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// reported judges a rule for which one role looks on the sentinels' behalf: what
// this Watch has seen itself, and what the heartbeats of that role say now. What
// they say holds for as long as they say it. An auditor that has not read the
// newest resume yet tells nothing new: all that it found stands before it, and
// whoever resumed knew of it.
func reported(rule string, by pb.Role) func(*Watch, moment) []symptom {
	own := events(rule)
	return func(w *Watch, m moment) []symptom {
		all := own(w, m)
		for _, one := range w.heardNow(m) {
			if one.id.Role != by || by == pb.Role_ROLE_AUDITOR && one.read < m.gov.Resumed() {
				continue
			}
			for _, found := range one.reports {
				if found.GetRule() == rule && found.GetLevel() == pb.Level_LEVEL_TRIP {
					all = append(all, symptom{
						level: pb.Level_LEVEL_TRIP, subject: one.id.String(), about: about{participant: one.id}, since: found.GetSince().AsTime(), alike: true,
						detail: fmt.Sprintf("%s: %s", found.GetSubject(), found.GetDetail()),
					})
				}
			}
		}
		return all
	}
}
