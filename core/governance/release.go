package governance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Release is a release that holds together, indexed. It is immutable.
type Release struct {
	Digest  trust.Digest // SHA-256 of the payload of its governance record
	Proto   *pb.Release
	Bounds  Bounds
	Issuers trust.Issuers

	governors  map[trust.KeyID]trust.PublicKey
	identities map[identityKey]*Identity
	tools      map[string]*pb.Tool
	servers    map[string][]string // tool → executors, ascending
}

// Bounds are the release's durations.
type Bounds struct {
	Memory, MaxDeadline                    time.Duration
	Start, PulseLimit, PulseInterval       time.Duration
	MaxClockSkew, Hedge, HeartbeatInterval time.Duration
	MaxSessions                            int

	// Sizes of what agents send, at most the protocol's own (package schemas).
	MaxIntentBytes, MaxListItems, MaxListBytes int
}

// Identity is one entry of the directory, indexed.
type Identity struct {
	Proto *pb.Identity
	tools map[string]bool
}

type identityKey struct {
	role pb.Role
	name string
}

// NewRelease indexes a release whose governance record has the given digest. The
// error joins everything that does not hold together.
func NewRelease(digest trust.Digest, p *pb.Release) (*Release, error) {
	r := &Release{
		Digest: digest, Proto: p, Bounds: boundsOf(p.GetBounds()),
		identities: make(map[identityKey]*Identity, len(p.GetDirectory())),
		tools:      make(map[string]*pb.Tool, len(p.GetTools())),
		servers:    make(map[string][]string),
	}
	var errs []error
	var err error
	if r.governors, err = governorKeys(p.GetGovernors(), p.GetThresholds()); err != nil {
		errs = append(errs, err)
	}
	if r.Issuers, err = trust.NewIssuers(p.GetIssuers()); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, r.indexTools()...)
	errs = append(errs, r.indexDirectory()...)
	errs = append(errs, r.checkSealingKeys()...)
	errs = append(errs, r.checkLimits()...)
	errs = append(errs, r.Bounds.check()...)
	errs = append(errs, r.checkDrift()...)
	if !p.GetNotBefore().AsTime().Before(p.GetExpires().AsTime()) {
		errs = append(errs, errors.New("expires is not after not_before"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

// Identity returns the directory's entry for an identity of this zone.
func (r *Release) Identity(id trust.Identity) (*Identity, bool) {
	e, ok := r.identities[identityKey{id.Role, id.Name}]
	return e, ok
}

// Tool returns the registry's entry.
func (r *Release) Tool(name string) (*pb.Tool, bool) {
	t, ok := r.tools[name]
	return t, ok
}

// ValidAt reports not_before <= t < expires.
func (r *Release) ValidAt(t time.Time) bool {
	return !t.Before(r.Proto.GetNotBefore().AsTime()) && t.Before(r.Proto.GetExpires().AsTime())
}

// Executors returns the names of the executors that serve a tool, ascending.
func (r *Release) Executors(tool string) []string { return r.servers[tool] }

// MayUse reports whether the directory grants the tool: to ask for it (agents)
// or to serve it (executors).
func (e *Identity) MayUse(tool string) bool { return e.tools[tool] }

// BuildAllowed reports whether the identity may be held by the build.
func (e *Identity) BuildAllowed(build trust.Digest) bool {
	if len(e.Proto.GetBuilds()) == 0 {
		return true
	}
	return slices.ContainsFunc(e.Proto.GetBuilds(), func(b []byte) bool {
		d, ok := trust.DigestFrom(b)
		return ok && d == build
	})
}

func governorKeys(governors []*pb.Governor, t *pb.GovernorThresholds) (map[trust.KeyID]trust.PublicKey, error) {
	keys := make(map[trust.KeyID]trust.PublicKey, len(governors))
	names := make(map[string]bool, len(governors))
	for _, g := range governors {
		key, err := trust.NewPublicKey(g.GetPublicKey())
		if err != nil {
			return nil, fmt.Errorf("governor %s: %w", g.GetName(), err)
		}
		if _, twice := keys[key.ID()]; twice || names[g.GetName()] {
			return nil, fmt.Errorf("governor %s: its name or key stands twice; one person, one key", g.GetName())
		}
		keys[key.ID()], names[g.GetName()] = key, true
	}
	if n := uint32(len(keys)); t.GetRelease() > n || t.GetResume() > n || t.GetRelease() < 1 || t.GetResume() < 1 { //nolint:gosec // at most 16
		return nil, fmt.Errorf("thresholds (release %d, resume %d) must be 1 to %d, the number of governors", t.GetRelease(), t.GetResume(), n)
	}
	return keys, nil
}

func (r *Release) indexTools() (errs []error) {
	actions := make(map[string]bool, len(r.Proto.GetTools()))
	for _, t := range r.Proto.GetTools() {
		action := ToolAction(t)
		if _, twice := r.tools[t.GetName()]; twice || actions[action] {
			errs = append(errs, fmt.Errorf("tool %s: its name or action %q stands twice", t.GetName(), action))
		}
		if limit := t.GetRunLimit(); limit != nil && (!limit.IsValid() || limit.AsDuration() <= 0) {
			errs = append(errs, fmt.Errorf("tool %s: run_limit must be positive", t.GetName()))
		}
		r.tools[t.GetName()], actions[action] = t, true
	}
	return errs
}

// ToolAction is the Cedar action of a tool: its action, or its name.
func ToolAction(t *pb.Tool) string {
	if t.GetAction() != "" {
		return t.GetAction()
	}
	return t.GetName()
}

func (r *Release) indexDirectory() (errs []error) {
	names := make(map[string]bool, len(r.Proto.GetDirectory()))
	ranks := make(map[uint32]bool)
	for _, p := range r.Proto.GetDirectory() {
		if names[p.GetName()] {
			errs = append(errs, fmt.Errorf("directory: the name %s stands twice; names are unique whatever the role", p.GetName()))
		}
		names[p.GetName()] = true
		if p.GetRole() == pb.Role_ROLE_ENFORCER {
			if ranks[p.GetRank()] {
				errs = append(errs, fmt.Errorf("directory: enforcer %s: rank %d stands twice", p.GetName(), p.GetRank()))
			}
			ranks[p.GetRank()] = true
		}
		e := &Identity{Proto: p, tools: make(map[string]bool, len(p.GetTools()))}
		for _, t := range p.GetTools() {
			if _, known := r.tools[t]; !known {
				errs = append(errs, fmt.Errorf("directory: %s: tool %q is not in the registry", p.GetName(), t))
			}
			e.tools[t] = true
			if p.GetRole() == pb.Role_ROLE_EXECUTOR {
				r.servers[t] = append(r.servers[t], p.GetName())
			}
		}
		r.identities[identityKey{p.GetRole(), p.GetName()}] = e
		if p.GetGateway() && p.GetRole() != pb.Role_ROLE_EXECUTOR {
			errs = append(errs, fmt.Errorf("directory: %s: only an executor is a gateway's; leave gateway out", p.GetName()))
		}
		if err := lineage.CheckIdentity(p); err != nil {
			errs = append(errs, fmt.Errorf("directory: %s: %w", p.GetName(), err))
		}
	}
	errs = append(errs, r.checkWitnesses()...)
	for _, names := range r.servers {
		slices.Sort(names)
	}
	if k := int(r.Proto.GetDecisionThreshold()); k < 1 || len(ranks) < k {
		errs = append(errs, fmt.Errorf("decision_threshold %d needs at least as many enforcers, the directory has %d", k, len(ranks)))
	}
	return errs
}

// checkWitnesses demands that as many distinct keys can cosign as must.
func (r *Release) checkWitnesses() (errs []error) {
	keys := map[string]bool{}
	for _, p := range r.Proto.GetDirectory() {
		if p.GetVerifier() != "" {
			key := verifierKey(p.GetVerifier())
			if keys[key] {
				errs = append(errs, fmt.Errorf("directory: %s: another witness has its verifier, or one of the same name and hash", p.GetName()))
			}
			keys[key] = true
		}
	}
	if n := r.Proto.GetWitnessThreshold(); int(n) > len(keys) {
		errs = append(errs, fmt.Errorf("witness_threshold %d needs as many witnesses with a verifier, the directory has %d", n, len(keys)))
	}
	return errs
}

// verifierKey is what a note's signature names of a verifier key: name and hash.
func verifierKey(verifier string) string {
	name, rest, _ := strings.Cut(verifier, "+")
	hash, _, _ := strings.Cut(rest, "+")
	return name + "+" + hash
}

// checkSealingKeys demands ids that name one key each: what is sealed to one must
// be openable by all who hold it, or by nobody.
func (r *Release) checkSealingKeys() (errs []error) {
	ids := map[string]bool{}
	for _, k := range r.Proto.GetSealingKeys() {
		if ids[k.GetId()] {
			errs = append(errs, fmt.Errorf("sealing key %s stands twice", k.GetId()))
		}
		ids[k.GetId()] = true
		if _, err := trust.NewSealTo(k); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func (r *Release) checkLimits() (errs []error) {
	ids := make(map[string]bool, len(r.Proto.GetLimits()))
	for _, l := range r.Proto.GetLimits() {
		if ids[l.GetId()] {
			errs = append(errs, fmt.Errorf("limit %s stands twice", l.GetId()))
		}
		ids[l.GetId()] = true
		if w := l.GetWindow(); !w.IsValid() || w.AsDuration() <= 0 || w.AsDuration() > r.Bounds.Memory {
			errs = append(errs, fmt.Errorf("limit %s: window %v must be positive and at most bounds.memory (%v)", l.GetId(), w.AsDuration(), r.Bounds.Memory))
		}
		for _, name := range l.GetTools() {
			if _, known := r.tools[name]; !known {
				errs = append(errs, fmt.Errorf("limit %s: tool %q is not in the registry", l.GetId(), name))
			}
		}
		errs = append(errs, r.checkLimitArgument(l)...)
	}
	return errs
}

// checkLimitArgument: what is summed must be there, be a whole number, and
// never be negative, or a limit could be paid back.
func (r *Release) checkLimitArgument(l *pb.Limit) (errs []error) {
	if l.GetArgument() == "" {
		return nil
	}
	for _, t := range r.Proto.GetTools() {
		if !LimitCovers(l, t.GetName()) {
			continue
		}
		i := slices.IndexFunc(t.GetArguments(), func(a *pb.Attribute) bool { return a.GetName() == l.GetArgument() })
		if i < 0 || t.GetArguments()[i].GetType() != pb.AttributeType_ATTRIBUTE_TYPE_LONG || !t.GetArguments()[i].GetRequired() ||
			t.GetArguments()[i].Min == nil || t.GetArguments()[i].GetMin() < 0 {
			errs = append(errs, fmt.Errorf("limit %s: tool %s must declare argument %q as required LONG with min of 0 or more", l.GetId(), t.GetName(), l.GetArgument()))
		}
	}
	return errs
}

// LimitCovers reports whether the limit counts the tool.
func LimitCovers(l *pb.Limit, tool string) bool {
	return len(l.GetTools()) == 0 || slices.Contains(l.GetTools(), tool)
}

func boundsOf(b *pb.Bounds) Bounds {
	return Bounds{
		Memory: b.GetMemory().AsDuration(), MaxDeadline: b.GetMaxDeadline().AsDuration(),
		Start: b.GetStart().AsDuration(), PulseLimit: b.GetPulseLimit().AsDuration(), PulseInterval: b.GetPulseInterval().AsDuration(),
		MaxClockSkew: b.GetMaxClockSkew().AsDuration(), Hedge: b.GetHedge().AsDuration(), HeartbeatInterval: b.GetHeartbeatInterval().AsDuration(),
		MaxSessions:    int(b.GetMaxSessions()),
		MaxIntentBytes: lowered(b.GetMaxIntentBytes(), schemas.MaxIntent),
		MaxListItems:   lowered(b.GetMaxListItems(), schemas.MaxItems),
		MaxListBytes:   lowered(b.GetMaxListBytes(), schemas.MaxPayload),
	}
}

// lowered is the protocol's limit, or the release's lower one.
func lowered(asked uint32, most int) int {
	if asked == 0 {
		return most
	}
	return min(int(asked), most)
}

func (b Bounds) check() (errs []error) {
	for _, d := range []struct {
		name  string
		value time.Duration
		most  time.Duration
	}{
		{"memory", b.Memory, 30 * 24 * time.Hour},
		{"max_deadline", b.MaxDeadline, b.Memory},
		{"start", b.Start, time.Minute},
		{"pulse_limit", b.PulseLimit, time.Minute},
		{"pulse_interval", b.PulseInterval, b.PulseLimit / 2},
		{"max_clock_skew", b.MaxClockSkew, time.Minute},
		{"hedge", b.Hedge, time.Minute},
		{"heartbeat_interval", b.HeartbeatInterval, time.Minute},
	} {
		if d.value <= 0 || d.value > d.most {
			errs = append(errs, fmt.Errorf("bounds.%s is %v; it must be positive and at most %v", d.name, d.value, d.most))
		}
	}
	if b.MaxSessions < 1 {
		errs = append(errs, errors.New("bounds.max_sessions must be at least 1"))
	}
	return errs
}
