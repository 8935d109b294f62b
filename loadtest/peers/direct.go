package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone/pdp"
)

// Direct answers questions as AuthZEN 1.0 puts them (POST /access/v1/evaluation), from the core that decides intents and from
// nothing else: no ledger, no signature, nothing kept, so nothing that it says authorises anything. It exists to be measured.
// Safe for concurrent use.
type Direct struct {
	mu   sync.Mutex
	fold *ledger.Fold
	core *pdp.Core
}

// NewDirect knows what a fabric's folder knows: its governance.
func NewDirect(f *fabric.Fabric) (*Direct, error) {
	d := &Direct{fold: ledger.NewFold(f.Ledger, nil)}
	records, err := f.Founding()
	if err != nil {
		return nil, err
	}
	parser := ledger.Parser{Zone: f.Zone}
	for _, data := range records {
		raw := ledger.Raw{Seq: d.fold.Seq() + 1, Time: f.Clock(), Subject: schemas.Subject(f.Zone, schemas.KindGovernance, ""), Data: data}
		if _, err := d.fold.Step(parser.Parse(raw)); err != nil {
			return nil, fmt.Errorf("peers: the fabric's governance: %w", err)
		}
	}
	if d.core, err = pdp.NewCore(d.fold, verdict.NewState()); err != nil {
		return nil, err
	}
	if d.core.Release() == nil {
		return nil, errors.New("peers: the fabric has no release in force")
	}
	return d, nil
}

// Handler serves the evaluation, and a page that says that it does.
func (d *Direct) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+evaluationPath, d.evaluate)
	mux.HandleFunc("GET "+healthPath, func(http.ResponseWriter, *http.Request) {})
	return mux
}

const (
	evaluationPath = "/access/v1/evaluation"
	healthPath     = "/health"
	maxEvaluation  = 64 << 10
	subjectType    = "agent"
)

// evaluation is AuthZEN's request, as far as it is used.
type evaluation struct {
	Subject  party  `json:"subject"`
	Action   action `json:"action"`
	Resource party  `json:"resource"`
	Context  struct {
		Arguments json.RawMessage `json:"arguments"`
	} `json:"context"`
}

type party struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type action struct {
	Name string `json:"name"`
}

// missing is the first field that must be there and is not.
func (e *evaluation) missing() string {
	for _, f := range []struct{ name, value string }{
		{"subject.type", e.Subject.Type},
		{"subject.id", e.Subject.ID},
		{"action.name", e.Action.Name},
		{"resource.type", e.Resource.Type},
		{"resource.id", e.Resource.ID},
	} {
		if f.value == "" {
			return f.name
		}
	}
	return ""
}

func (d *Direct) evaluate(w http.ResponseWriter, r *http.Request) {
	var e evaluation
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxEvaluation)).Decode(&e); err != nil {
		http.Error(w, "no evaluation request: "+err.Error(), http.StatusBadRequest)
		return
	}
	if field := e.missing(); field != "" {
		http.Error(w, field+" is missing", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer := `{"decision":false}`
	if d.decide(&e) {
		answer = `{"decision":true}`
	}
	_, _ = w.Write([]byte(answer)) // who does not wait for it does not get it
}

// decide derives the verdict on a question as on an intent of now that begins a session.
func (d *Direct) decide(e *evaluation) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	agent, err := trust.ParseIdentity(e.Subject.ID)
	gov := d.fold.Governance()
	if err != nil || e.Subject.Type != subjectType || agent.Role != pb.Role_ROLE_AGENT || agent.Zone != gov.Zone() || agent.TrustDomain != gov.TrustDomain() {
		return false
	}
	d.fold.RaiseLogTime(time.Now())
	return d.core.Decide(pdp.Question{
		Agent: agent.Name, Action: e.Action.Name, ResourceType: e.Resource.Type, Resource: e.Resource.ID, Arguments: e.Context.Arguments,
	}).Allowed
}
