package schemas

import (
	"strings"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ReasonCode is the dotted spelling of a reason, for example "session.gap" for
// REASON_SESSION_GAP: what records show to people and programs.
func ReasonCode(r pb.Reason) string {
	name := strings.TrimPrefix(r.String(), "REASON_")
	return strings.Replace(strings.ToLower(name), "_", ".", 1)
}

// ReasonFromCode is the inverse of ReasonCode; ok is false for other strings.
func ReasonFromCode(code string) (r pb.Reason, ok bool) {
	r, ok = reasonByCode[code]
	return r, ok
}

// ReasonText is the sentence that the schema gives for a reason.
func ReasonText(r pb.Reason) string { return reasonText[r] }

// Reasons returns every reason but the unspecified one, ascending.
func Reasons() []pb.Reason {
	values := pb.Reason(0).Descriptor().Values()
	all := make([]pb.Reason, 0, values.Len())
	for i := range values.Len() {
		if n := values.Get(i).Number(); n != 0 {
			all = append(all, pb.Reason(n))
		}
	}
	return all
}

var reasonByCode = func() map[string]pb.Reason {
	m := make(map[string]pb.Reason)
	for _, r := range Reasons() {
		m[ReasonCode(r)] = r
	}
	return m
}()

// ReasonCodes are the codes of reasons, in their order.
func ReasonCodes(reasons []pb.Reason) []string {
	codes := make([]string, len(reasons))
	for i, r := range reasons {
		codes[i] = ReasonCode(r)
	}
	return codes
}
