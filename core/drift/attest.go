package drift

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// unattested says what a participant runs with that nobody vouches for; "" if
// all is vouched for. A credential without a build vouches for none and denies
// none: then only the directory's list can.
func (*member) unattested(f *ledger.Fold, release *governance.Release, beat *pb.Heartbeat, from trust.Credential) string {
	build, _ := trust.DigestFrom(beat.GetBuildDigest())
	entry, enrolled := release.Identity(from.ID)
	reason, ok := f.Standing(from)
	switch {
	case !enrolled:
		return "the directory does not list it"
	case !from.Build.IsZero() && build != from.Build:
		return fmt.Sprintf("it runs build %s, its credential is for build %s", build.Short(), from.Build.Short())
	case !ok && reason == pb.Reason_REASON_NOISE_BUILD:
		return fmt.Sprintf("its credential is for build %s, which the directory does not list", from.Build.Short())
	case !entry.BuildAllowed(build):
		return fmt.Sprintf("it runs build %s, which the directory does not list", build.Short())
	case !configAllowed(entry.Proto, beat.GetConfigDigest()):
		return fmt.Sprintf("its configuration %.12x is not among those that the directory lists", beat.GetConfigDigest())
	default:
		return ""
	}
}

func configAllowed(entry *pb.Identity, config []byte) bool {
	return len(entry.GetConfigs()) == 0 || slices.ContainsFunc(entry.GetConfigs(), func(c []byte) bool { return bytes.Equal(c, config) })
}

// unattested judges build.unattested: once is enough.
func unattested(w *Watch, m moment) []symptom {
	var all []symptom
	for _, one := range w.heardNow(m) {
		if s := one.build; s.what != "" {
			all = append(all, symptom{
				level: pb.Level_LEVEL_TRIP, subject: one.id.String(), about: about{participant: one.id}, since: s.since, detail: s.what,
			})
		}
	}
	return all
}
