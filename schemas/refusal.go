package schemas

import (
	"errors"
	"fmt"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Refusal is the error of everything that is refused for a reason of the table.
type Refusal struct {
	Reason pb.Reason
	Detail string // for people: what, where, how to mend it; may be empty
}

// Refuse makes a Refusal.
func Refuse(reason pb.Reason, format string, args ...any) error {
	return &Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

func (r *Refusal) Error() string {
	if r.Detail == "" {
		return ReasonCode(r.Reason) + ": " + ReasonText(r.Reason)
	}
	return ReasonCode(r.Reason) + ": " + r.Detail
}

// ReasonOf returns the reason that err carries, REASON_UNSPECIFIED if none.
func ReasonOf(err error) pb.Reason {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal.Reason
	}
	return pb.Reason_REASON_UNSPECIFIED
}
