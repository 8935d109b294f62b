package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// ErrNotWaiting reports an intent that cannot be approved or refused: none such
// waits, it was answered, or it is not this approver's to answer.
var ErrNotWaiting = errors.New("zone: not to be answered")

// Answering is an approver's connection.
type Answering struct {
	f        *fabric.Fabric
	m        *fabric.Member
	conn     *streams.Conn
	observer *Observer
}

// Answered is an answer that stands on the ledger.
type Answered struct {
	Waiting  Waiting      // as it was before
	Seq      uint64       // of the answer
	Decision *pb.Decision // of the round that it opened; nil if none came in time
}

// AnswerAs connects an approver and reads what waits for approval.
func AnswerAs(ctx context.Context, f *fabric.Fabric, b Broker, name string, build trust.Digest, log *slog.Logger) (*Answering, error) {
	m, err := f.Load(pb.Role_ROLE_APPROVER, name, build)
	if err != nil {
		return nil, err
	}
	conn, err := b.Connect(ctx, m, log)
	if err != nil {
		return nil, err
	}
	observer, err := Observe(ctx, ObserveConfig{Fabric: f, Conn: conn, Approvals: true})
	if err != nil {
		conn.Close()
		return nil, err
	}
	a := &Answering{f: f, m: m, conn: conn, observer: observer}
	if err := observer.Ready(ctx); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// Close closes the connection.
func (a *Answering) Close() {
	a.observer.Close()
	a.conn.Close()
}

// Waiting lists what this approver sees waiting.
func (a *Answering) Waiting() []Waiting { return a.observer.Waiting() }

// Answer approves or refuses the intent that text means: the beginning of its
// digest, at least four digits, or its position. It refuses, before anything is
// appended, what would have no effect, and an answer by a clock that cannot be
// trusted: a deadline is a matter of time. It waits for the new round's decision
// until ctx ends.
func (a *Answering) Answer(ctx context.Context, text string, approve bool, note string) (Answered, error) {
	if _, err := a.answerable(text, approve); err != nil {
		return Answered{}, err
	}
	if err := a.introduce(ctx); err != nil {
		return Answered{}, err
	}
	w, err := a.answerable(text, approve) // that took time
	if err != nil {
		return Answered{}, err
	}
	data, err := a.seal(w, approve, note)
	if err != nil {
		return Answered{}, err
	}
	seq, err := a.conn.Append(ctx, schemas.Subject(a.f.Zone, schemas.KindApproval, ""), data)
	if err != nil {
		return Answered{}, fmt.Errorf("zone: appending an approval: %w", err)
	}
	done := Answered{Waiting: w, Seq: seq}
	done.Decision, err = a.observer.Ruling(ctx, seq)
	return done, err
}

// introduce appends the approver's credential, and compares clocks by it.
func (a *Answering) introduce(ctx context.Context) error {
	before := a.f.Clock()
	seq, err := a.conn.Append(ctx, schemas.Subject(a.f.Zone, schemas.KindCredential, a.m.ID.Name), a.m.Credential)
	if err != nil {
		return fmt.Errorf("zone: introducing %s: %w", a.m.ID, err)
	}
	after := a.f.Clock()
	raw, err := a.conn.Get(ctx, seq)
	if err != nil {
		return err
	}
	off := Skew(raw.Time, before, after)
	if limit := a.observer.Release().Bounds.MaxClockSkew; off.Abs() > limit {
		return fmt.Errorf("zone: this machine's clock differs from the ledger's by %s, more than the %s of the release, so its deadlines cannot be judged here; set the clock right", off.Round(time.Second), limit)
	}
	return nil
}

func (a *Answering) seal(w Waiting, approve bool, note string) ([]byte, error) {
	digest := w.Intent.Digest
	payload, err := schemas.Marshal(&pb.Approval{
		Ledger: a.f.Ledger[:], IntentDigest: digest[:], Approver: a.m.ID.String(), Approve: approve, Note: note,
	})
	if err != nil {
		return nil, fmt.Errorf("zone: the approval: %w", err)
	}
	return trust.Seal(schemas.KindApproval.PayloadType(), payload, a.m.Key)
}

// answerable finds the intent and says why an answer to it would count for
// nothing.
func (a *Answering) answerable(text string, approve bool) (Waiting, error) {
	w, err := meant(a.observer.Waiting(), text)
	if err != nil {
		return Waiting{}, err
	}
	return w, mayAnswer(a.observer.Release(), a.m.ID, w, approve)
}

// mayAnswer holds the rules of core/verdict about answers, in words: an answer
// that they would pass over is not appended.
func mayAnswer(release *governance.Release, approver trust.Identity, w Waiting, approve bool) error {
	tool := w.Intent.Content.GetTool()
	entry, enrolled := release.Identity(approver)
	what := fmt.Sprintf("%s (%s for %s)", w.Intent.Digest.Short(), tool, w.Intent.Signer.ID.Name)
	refused := w.Refused()
	switch {
	case !enrolled:
		return fmt.Errorf("%w: %s is not in the directory of the release in force; publish a release that has it", ErrNotWaiting, approver.Name)
	case !entry.MayUse(tool):
		return fmt.Errorf("%w: the directory does not let %s answer for %s, only for %s; ask somebody whom it lets", ErrNotWaiting, approver.Name, tool, orNone(entry.Proto.GetTools()))
	case refused != trust.Identity{}:
		return fmt.Errorf("%w: %s was refused by %s; let the agent ask again", ErrNotWaiting, what, refused.Name)
	case !approve && w.Claimed:
		return fmt.Errorf("%w: %s was claimed already, so a no comes too late; stop what runs with: portcullis halt", ErrNotWaiting, what)
	case approve && !w.Pending():
		return fmt.Errorf("%w: %s waits for no approval any more, it was decided %s; see: portcullis show %s", ErrNotWaiting, what, decidedAs(w.Decision), w.Intent.Digest.Short())
	case approve && slices.Contains(w.Approved(), approver):
		return fmt.Errorf("%w: %s has approved %s already; somebody else must, or refuse it with: portcullis approvals refuse", ErrNotWaiting, approver.Name, what)
	default:
		return nil
	}
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

func decidedAs(d *pb.Decision) string {
	if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		return "ALLOW"
	}
	return "DENY"
}

// maxPositionDigits is how long a text of decimal digits may be to mean a
// position rather than the beginning of a digest, as for portcullis show.
const maxPositionDigits = 7

// meant finds the one intent that a text means.
func meant(all []Waiting, text string) (Waiting, error) {
	const shortest = 4
	position, err := ledger.ParsePosition(text)
	byPosition := err == nil && (strings.Contains(text, ".") || len(text) <= maxPositionDigits)
	if !byPosition && (len(text) < shortest || strings.Trim(text, "0123456789abcdef") != "") {
		return Waiting{}, fmt.Errorf("%w: %.80q is neither the beginning of a digest (four digits 0-9, a-f or more) nor a position; see portcullis approvals list", ErrNotWaiting, text)
	}
	var found []Waiting
	for _, w := range all {
		if byPosition && w.Intent.Position == position || !byPosition && strings.HasPrefix(w.Intent.Digest.String(), text) {
			found = append(found, w)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Waiting{}, fmt.Errorf("%w: no intent that %s means waits for approval: its deadline has passed, or no policy keeps it waiting; see portcullis approvals list, or portcullis show", ErrNotWaiting, text)
	default:
		return Waiting{}, fmt.Errorf("%w: %s means %d intents; write more of the digest", ErrNotWaiting, text, len(found))
	}
}
