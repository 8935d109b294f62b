package verdict

import (
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Opened is what a reader found behind sealed arguments. The zero value says
// that it has no key of that id.
type Opened struct {
	key       trust.SealTo // that was tried
	arguments []byte       // nil if it does not open them
}

func (r Reader) open(in *pb.Intent) Opened {
	key, held := r.Keys.Key(in.GetSealed().GetKey())
	if !held {
		return Opened{}
	}
	arguments, err := key.Open(r.Ledger, in)
	if err != nil {
		return Opened{key: key.SealTo()} // whoever has the key finds the same
	}
	return Opened{key.SealTo(), arguments}
}

// Sealed reports whether an intent's arguments are sealed and this reader has
// not tried the key that the release lists. The verdict then rests on what it
// cannot know: no decision can be derived, and inability is not a verdict.
func (r *Rules) Sealed(in Intent) bool {
	if in.Content.GetSealed() == nil {
		return false
	}
	listed, ok := r.sealing[in.Content.GetSealed().GetKey()]
	return ok && listed != in.Opened.key
}

// arguments are the intent's arguments as policy and limits see them; ok is
// false where they are sealed and nothing was opened: to a key that the release
// does not list, or not what was sealed to it. All enforcers find the same.
func (r *Rules) arguments(in Intent) (arguments []byte, ok bool) {
	sealed := in.Content.GetSealed()
	if sealed == nil {
		return in.Content.GetArguments(), true
	}
	listed, known := r.sealing[sealed.GetKey()]
	if !known || listed != in.Opened.key || in.Opened.arguments == nil {
		return nil, false
	}
	return in.Opened.arguments, true
}

// indexSealing keeps the keys that arguments may be sealed to. A release with a
// malformed one, or with two of one id, takes no effect.
func (r *Rules) indexSealing() {
	for _, k := range r.Release.Proto.GetSealingKeys() {
		if to, err := trust.NewSealTo(k); err == nil {
			r.sealing[k.GetId()] = to
		}
	}
}
