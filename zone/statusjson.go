package zone

import (
	"encoding/hex"
	"maps"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// object is a JSON object.
type object = map[string]any

// Report is a status as programs read it, for JSON. Ages are in milliseconds. Fields
// are stable: new ones may be added.
func (s *Status) Report() map[string]any {
	halts, participants, found := []object{}, []object{}, []object{}
	for _, h := range s.Halts {
		halts = append(halts, haltObject(s, h))
	}
	for _, p := range s.Participants {
		participants = append(participants, participantJSON(s, p))
	}
	for _, f := range s.Findings {
		found = append(found, object{
			"level": strings.ToLower(strings.TrimPrefix(f.GetLevel().String(), "LEVEL_")), "rule": f.GetRule(), "subject": f.GetSubject(), "detail": f.GetDetail(), "by": f.By.Name,
			"since": f.GetSince().AsTime().Format(time.RFC3339Nano), "age_ms": age(s.At, f.Beat),
		})
	}
	all := object{
		"at": s.At.UTC().Format(time.RFC3339Nano), "armed": len(s.Unarmed) == 0, "why": append([]string{}, s.Unarmed...),
		"ledger": s.Ledger.String(), "position": s.Position, "log_time": s.LogTime.UTC().Format(time.RFC3339Nano),
		"epoch": s.Head.Number, "head": s.Head.Digest.String(), "halts": halts, "participants": participants, "findings": found,
		"approvals_waiting": s.Waiting, "evidence": evidenceJSON(s),
	}
	if s.Release != nil {
		all["release"] = object{
			"version": s.Release.Proto.GetVersion(), "digest": s.Release.Digest.String(),
			"expires": s.Release.Proto.GetExpires().AsTime().Format(time.RFC3339),
		}
	}
	if s.Last.Sequence > 0 {
		last := haltObject(s, s.Last.Halt)
		last["drill"], last["in_force"] = s.Last.Drill, s.InForce(s.Last.ID)
		all["last_halt"] = last
	}
	if s.Pulse.Seq > 0 {
		pulse := object{"by": s.Pulse.By.Name, "position": s.Pulse.Seq, "age_ms": age(s.At, s.Pulse.Time)}
		if s.Pulse.Fault != nil {
			pulse["fault"] = s.Pulse.Fault.Error()
		}
		all["pulse"] = pulse
	}
	return all
}

// evidenceJSON leaves out what no checkpoint says.
func evidenceJSON(s *Status) object {
	e := s.Evidence
	all := object{
		"state": string(e.State), "why": e.Why, "recorder": e.Heard, "recorders": e.Recorders,
		"cosigned": e.Cosigned, "witnesses": e.Witnesses, "needed": e.Needed,
	}
	if e.Checkpoint.Size > 0 {
		maps.Copy(all, object{"size": e.Checkpoint.Size, "root": e.Checkpoint.Root.String(), "age_ms": age(s.At, e.Stored), "uncovered": e.Uncovered})
	}
	return all
}

func haltObject(s *Status, h governance.Halt) object {
	return object{
		"halt": h.ID.String(), "scope": governance.ScopeString(h.Scope), "reason": h.Reason, "rule": h.Rule, "subject": h.Subject,
		"position": h.Sequence, "age_ms": age(s.At, h.Time),
	}
}

// participantJSON leaves out what a participant that was not heard cannot have said.
func participantJSON(s *Status, p Participant) object {
	one := object{"role": trust.RoleName(p.ID.Role), "name": p.ID.Name, "state": p.State()}
	if p.Beat == nil {
		return one
	}
	release, _ := trust.DigestFrom(p.Beat.GetRelease())
	maps.Copy(one, object{
		"why": p.Why(), "age_ms": age(s.At, p.Heard), "position": p.Beat.GetPosition(), "behind": p.Behind,
		"running": p.Beat.GetRunning(), "halted_running": p.Beat.GetHaltedRunning(), "epoch": p.Beat.GetEpoch(), "release": release.String(),
		"incarnation": hex.EncodeToString(p.Beat.GetIncarnation()), "build": hex.EncodeToString(p.Beat.GetBuildDigest()),
		"config": hex.EncodeToString(p.Beat.GetConfigDigest()), "clock": p.Beat.GetClock().AsTime().Format(time.RFC3339Nano),
	})
	return one
}

// age is in milliseconds.
func age(now, then time.Time) float64 { return float64(max(now.Sub(then), 0).Microseconds()) / 1000 }
