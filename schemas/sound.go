package schemas

import (
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// sound reports whether a message certainly keeps every rule of the schema and
// has no unknown field, for the records that an action is made of, and answers: reading one
// through protovalidate costs as much as everything else about it. False says
// nothing: whoever asks goes on to ask protovalidate, whose word, and whose words
// for an error, count. Tests hold it to that in both directions.
func sound(m proto.Message) bool {
	switch m := m.(type) {
	case *pb.Intent:
		return soundIntent(m)
	case *pb.Decision:
		return soundDecision(m)
	case *pb.Claim:
		return known(m) && len(m.GetIntentDigest()) == 32 && soundPosition(m.GetIntent()) && short(m.GetExecutor(), 1, 512) && len(m.GetIncarnation()) == 16
	case *pb.Outcome:
		return soundOutcome(m)
	case *pb.Answer:
		return known(m) && len(m.GetIntentDigest()) == 32 && m.GetBody() != nil && soundPosition(m.GetPosition()) &&
			len(m.GetResult()) <= MaxResult && short(m.GetExplanation(), 0, 4096)
	default:
		return false
	}
}

func soundIntent(m *pb.Intent) bool {
	return known(m) && len(m.GetId()) == 16 && short(m.GetAgent(), 1, 512) && isSession(m.GetSession()) && m.GetSequence() >= 1 &&
		len(m.GetPrevious()) <= 32 && digests(m.GetParents(), 16) && sized(m.GetDelegation(), 8, 4096) &&
		CheckName(m.GetTool()) == nil && short(m.GetAction(), 1, 128) && short(m.GetResource(), 0, 2048) &&
		len(m.GetArguments()) <= 61440 && len(m.GetArgumentsDigest()) == 32 && len(m.GetContext()) <= 8192 &&
		soundTime(m.GetDeadline()) && short(m.GetTraceParent(), 0, 55) && short(m.GetTraceState(), 0, 512) &&
		len(m.GetDefinitionDigest()) <= 32 && m.GetSealed() == nil // sealed ones are rare
}

func soundDecision(m *pb.Decision) bool {
	if len(m.GetObligations()) > 0 || len(m.GetReasons()) > 64 || len(m.GetPolicies()) > 64 || len(m.GetCharges()) > 64 {
		return false // obligations are rare, the rest is not to be
	}
	for _, r := range m.GetReasons() {
		if _, defined := pb.Reason_name[int32(r)]; !defined {
			return false
		}
	}
	for _, p := range m.GetPolicies() {
		if !short(p, 0, 256) {
			return false
		}
	}
	for _, c := range m.GetCharges() {
		if !known(c) || !short(c.GetLimit(), 1, 63) || !short(c.GetKey(), 0, 640) || c.GetAmount() < 0 {
			return false
		}
	}
	_, defined := pb.Verdict_name[int32(m.GetVerdict())]
	return known(m) && defined && soundPosition(m.GetIntent()) && len(m.GetIntentDigest()) == 32 && len(m.GetRelease()) == 32 &&
		(m.GetDeadline() == nil || soundTime(m.GetDeadline())) && soundTime(m.GetLogTime()) &&
		short(m.GetAgent(), 1, 512) && short(m.GetSession(), 0, 64) && short(m.GetTool(), 0, 63) &&
		(m.GetApproval() == nil || soundPosition(m.GetApproval()))
}

func soundOutcome(m *pb.Outcome) bool {
	_, status := pb.Status_name[int32(m.GetStatus())]
	_, reason := pb.Reason_name[int32(m.GetReason())]
	head := m.GetHead()
	return known(m) && len(m.GetIntentDigest()) == 32 && soundPosition(m.GetClaim()) && status && m.GetStatus() != 0 && reason &&
		len(m.GetResultDigest()) <= 32 && (m.GetStarted() == nil || soundTime(m.GetStarted())) && soundTime(m.GetFinished()) &&
		head != nil && known(head) && len(head.GetDigest()) == 32 && short(m.GetExecutor(), 1, 512)
}

func soundPosition(p *pb.Position) bool {
	return p != nil && known(p) && p.GetSequence() >= 1 && p.GetIndex() < MaxItems
}

func soundTime(t *timestamppb.Timestamp) bool { return t != nil && known(t) && t.IsValid() }

// known reports whether a message, not those inside it, has no unknown field.
func known(m proto.Message) bool { return len(m.ProtoReflect().GetUnknown()) == 0 }

// short reports whether a text is UTF-8 and has so many characters.
func short(s string, least, most int) bool {
	if len(s) < least || len(s) > 4*most || !utf8.ValidString(s) {
		return false
	}
	return len(s) <= most || utf8.RuneCountInString(s) <= most
}

// isSession reports whether s has the form of a session: 1 to 64 of A-Z, a-z,
// 0-9, '_' and '-'.
func isSession(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '_' && c != '-' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

func digests(all [][]byte, most int) bool {
	for _, d := range all {
		if len(d) != 32 {
			return false
		}
	}
	return len(all) <= most
}

func sized(all [][]byte, most, each int) bool {
	for _, b := range all {
		if len(b) < 1 || len(b) > each {
			return false
		}
	}
	return len(all) <= most
}
