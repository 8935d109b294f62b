package enforcer

import (
	"strings"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Sealing is where an enforcer's sealing keys are kept. Its methods are safe for
// concurrent use.
type Sealing interface {
	// Held are the keys that were read last; nil if there are none.
	Held() *trust.SealingKeys
	// Refresh reads them again: a key may have been brought. On an error Held stays.
	Refresh() error
}

// reader reads intents with the sealing keys that are held now.
func (e *Enforcer) reader() verdict.Reader {
	if e.cfg.Sealing == nil {
		return verdict.Reader{}
	}
	return verdict.Reader{Ledger: e.cfg.Ledger, Keys: e.cfg.Sealing.Held()}
}

// lacking says which sealing keys of a release are not here; "" if all are. An
// enforcer that cannot open what others can must not decide anything: inability
// is not a verdict.
func (e *Enforcer) lacking(release *governance.Release) string {
	if release == nil {
		return ""
	}
	listed := release.Proto.GetSealingKeys()
	ids := e.reader().Keys.Lacking(listed)
	if len(ids) > 0 && e.cfg.Sealing != nil {
		if err := e.cfg.Sealing.Refresh(); err != nil {
			e.cfg.Logger.Error("the sealing keys were not read again", "err", err)
		}
		ids = e.reader().Keys.Lacking(listed)
	}
	if len(ids) == 0 {
		return ""
	}
	return "the release lists sealing keys whose private halves are not here: " + strings.Join(ids, ", ") + "; bring them from another enforcer's folder"
}

// checkKeys looks whether every sealing key of the release is here. What stands
// before the enforcer's start was decided by the releases of then, whose keys may
// be erased since: of those only the last one's must be here.
func (l *loop) checkKeys(f *ledger.Fold) {
	if f.Seq() > l.last {
		l.lacks = l.e.lacking(f.Governance().Release())
	}
}

// blindness is what an enforcer says that could not derive a decision within W.
const blindness = "a decision of late rests on sealed arguments that were not opened here, and others rest on it; bring the sealing key and start again, or wait for bounds.memory"

// reopen reads intents again that were read ahead of the fold, before the key
// was brought that they are sealed to.
func (l *loop) reopen(f *ledger.Fold, ev feed.Event[ahead]) []verdict.Content {
	contents := ev.Ahead.contents
	rules := l.replica.Rules(f)
	if rules == nil {
		return contents
	}
	for i, c := range contents {
		if rules.Sealed(verdict.Intent{Content: c.Intent, Opened: c.Opened}) {
			contents[i] = l.e.reader().Read(ev.Record.Items[i].Bytes)
		}
	}
	return contents
}
