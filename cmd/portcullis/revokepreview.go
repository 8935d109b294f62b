package main

import (
	"fmt"
	"strings"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// preview tells what revoking the subject means.
func (r *revoking) preview(vote fabric.Vote) error {
	warnings := r.roll.warnings(r.about)
	if r.g.json {
		return writeJSON(r.g.stdout, r.previewJSON(vote, warnings))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "would revoke %s for good: %s\n", r.about, r.about.id)
	met := false
	for _, k := range r.roll.keys {
		if !r.about.takes(k) {
			continue
		}
		met = true
		now := "counts now"
		if why := r.roll.whyNot(k); why != "" {
			now = "does not count: " + why
		}
		fmt.Fprintf(&b, "  key %s  introduced at %d, %s\n", keyed(k.key), k.seq, now)
	}
	if !met {
		b.WriteString("  it has introduced no key\n")
	}
	for _, warning := range warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	return r.g.say(nil, "%ssigned by %s\n", b.String(), signedText(vote))
}

// signedText is voteText, in plainer words where one signature was needed.
func signedText(vote fabric.Vote) string {
	if vote.Needed == 1 && vote.Enough() {
		return strings.Join(vote.Signed, ", ") + "; one governor suffices"
	}
	return voteText(vote)
}

func (r *revoking) previewJSON(vote fabric.Vote, warnings []string) any {
	type keyObject struct {
		Key          string `json:"key"`
		IntroducedAt uint64 `json:"introduced_at"`
		Counts       bool   `json:"counts"`
		WhyNot       string `json:"why_not"`
	}
	keys := []keyObject{}
	for _, k := range r.roll.keys {
		if why := r.roll.whyNot(k); r.about.takes(k) {
			keys = append(keys, keyObject{k.key.String(), k.seq, why == "", why})
		}
	}
	return map[string]any{
		"event": "preview", "role": trust.RoleName(r.about.id.Role), "name": r.about.id.Name, "spiffe_id": r.about.id.String(), "key": r.about.keyText(),
		"keys": keys, "needed": vote.Needed, "signed": orEmpty(vote.Signed), "missing": orEmpty(vote.Missing), "warnings": orEmpty(warnings),
	}
}

// needed is how many governors must sign: one, or as many as a release needs
// where the key is a governor's.
func (r *roll) needed(about subject) int {
	if _, governor := r.state.Governors()[about.key]; governor {
		return int(r.release.Proto.GetThresholds().GetRelease())
	}
	return 1
}

// lockedOut refuses to revoke a governor's key where those left could never sign
// anything that takes a release's threshold: that could not be mended.
func (r *roll) lockedOut(about subject) error {
	left, governor := r.governorsLeft(about)
	if need := int(r.release.Proto.GetThresholds().GetRelease()); governor && left < need {
		return fmt.Errorf("%s would be left and a release needs %d: nobody could publish any more, for good; halt meanwhile, and add governors by a release first",
			plural(left, "governor"), need)
	}
	return nil
}

// governorsLeft counts the governors that a revocation leaves, if it is about
// one.
func (r *roll) governorsLeft(about subject) (left int, governor bool) {
	left = len(r.state.Governors())
	if _, governor = r.state.Governors()[about.key]; governor {
		left--
	}
	return left, governor
}

// warnings say what the zone loses by a revocation, and what it does not stop.
func (r *roll) warnings(about subject) (all []string) {
	if left, governor := r.governorsLeft(about); governor {
		if need := int(r.release.Proto.GetThresholds().GetResume()); left < need && r.lockedOut(about) == nil {
			all = append(all, fmt.Sprintf("%s would be left, and %d must sign a resume: nothing could be resumed before a release changes that", plural(left, "governor"), need))
		}
		return all
	}
	entry, enrolled := r.release.Identity(about.id)
	if !enrolled || r.identity(about.id.Role, about.id.Name) != about.id {
		return append(all, fmt.Sprintf("%s is not in the directory of release %d: nothing of it counts now either", about.id, r.release.Proto.GetVersion()))
	}
	if about.isKey() {
		all = append(all, r.keyWarnings(about, entry.Proto)...)
	}
	switch about.id.Role { //nolint:exhaustive // nothing waits for the others
	case pb.Role_ROLE_ENFORCER:
		return append(all, r.enforcerWarnings(about)...)
	case pb.Role_ROLE_EXECUTOR:
		return append(all, r.executorWarnings(about, entry.Proto.GetTools())...)
	case pb.Role_ROLE_SENTINEL:
		return append(all, r.sentinelWarnings(about)...)
	default:
		return all
	}
}

func (r *roll) keyWarnings(about subject, entry *pb.Identity) (all []string) {
	who := trust.RoleName(about.id.Role) + " " + about.id.Name
	if r.countsWithout(about.id, about) {
		all = append(all, who+" has other keys, which count on; to end them all revoke "+who)
	} else {
		all = append(all, who+" has no other key that counts; it is back as soon as it introduces one")
		if entry.GetRequired() {
			all = append(all, "the directory requires "+who+": sentinels trip until it is back")
		}
	}
	if about.id.Role == pb.Role_ROLE_AGENT {
		all = append(all, "what runs for "+who+" runs on; to interrupt it revoke "+who)
	}
	return all
}

func (r *roll) enforcerWarnings(about subject) []string {
	left, need := r.left(pb.Role_ROLE_ENFORCER, "", about), int(r.release.Proto.GetDecisionThreshold())
	if len(left) >= need {
		return nil
	}
	return []string{fmt.Sprintf("%s with a key that counts would be left, and %d must agree: nothing is allowed until there are more", plural(len(left), "enforcer"), need)}
}

func (r *roll) executorWarnings(about subject, tools []string) []string {
	var orphans []string
	for _, tool := range tools {
		if len(r.left(pb.Role_ROLE_EXECUTOR, tool, about)) == 0 {
			orphans = append(orphans, tool)
		}
	}
	if len(orphans) == 0 {
		return nil
	}
	return []string{"no executor with a key that counts would be left for " + strings.Join(orphans, ", ") + ": nobody carries them out until there is one"}
}

func (r *roll) sentinelWarnings(about subject) []string {
	if len(r.left(pb.Role_ROLE_SENTINEL, "", about)) > 0 {
		return nil
	}
	return []string{"no sentinel with a key that counts would be left: nothing starts until one pulses"}
}
