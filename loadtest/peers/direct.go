package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Direct answers questions as AuthZEN 1.0 puts them (POST /access/v1/evaluation), from the core that decides intents and from
// nothing else: no ledger, no signature, nothing kept, so nothing that it says authorises anything. It exists to be measured.
// Safe for concurrent use.
type Direct struct {
	signers map[string]trust.Credential // by SPIFFE ID
	rules   *verdict.Rules

	mu    sync.Mutex
	fold  *ledger.Fold
	state *verdict.State
}

// NewDirect knows what a fabric's folder knows: its governance, and the credentials of its agents.
func NewDirect(f *fabric.Fabric) (*Direct, error) {
	d := &Direct{signers: make(map[string]trust.Credential), fold: ledger.NewFold(f.Ledger, nil), state: verdict.NewState()}
	records, err := f.Founding()
	if err != nil {
		return nil, err
	}
	parser := ledger.Parser{Zone: f.Zone}
	step := func(kind schemas.Kind, name string, data []byte) error {
		raw := ledger.Raw{Seq: d.fold.Seq() + 1, Time: f.Clock(), Subject: schemas.Subject(f.Zone, kind, name), Data: data}
		_, err := d.fold.Step(parser.Parse(raw))
		return err
	}
	for _, data := range records {
		if err := step(schemas.KindGovernance, "", data); err != nil {
			return nil, fmt.Errorf("peers: the fabric's governance: %w", err)
		}
	}
	release := d.fold.Governance().Release()
	if release == nil {
		return nil, errors.New("peers: the fabric has no release in force")
	}
	if d.rules = verdict.Compile(release); d.rules.Err != nil {
		return nil, d.rules.Err
	}
	for _, id := range release.Proto.GetDirectory() {
		if id.GetRole() != pb.Role_ROLE_AGENT {
			continue
		}
		m, err := f.Load(pb.Role_ROLE_AGENT, id.GetName(), trust.Digest{})
		if err != nil {
			return nil, err
		}
		if err := step(schemas.KindCredential, id.GetName(), m.Credential); err != nil {
			return nil, fmt.Errorf("peers: the credential of %s: %w", id.GetName(), err)
		}
		d.signers[m.ID.String()], _ = d.fold.Credential(m.Key.ID())
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

// askedFor is how long a question would have until its deadline, were it an intent.
const askedFor = 10 * time.Second

// decide derives the verdict on a question as on an intent that begins a session. What it derives it does not apply.
func (d *Direct) decide(e *evaluation) bool {
	signer, known := d.signers[e.Subject.ID]
	tool, served := d.rules.Release.Tool(e.Action.Name)
	if !known || !served || e.Subject.Type != subjectType || e.Resource.Type != tool.GetResourceType() {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	d.fold.RaiseLogTime(now)
	made := d.state.Decide(d.fold, d.rules, verdict.Intent{
		Position: ledger.Position{Seq: d.fold.Seq() + 1}, Digest: trust.DigestOf(e.Context.Arguments), Signer: signer,
		Content: &pb.Intent{
			Agent: e.Subject.ID, Session: "direct", Sequence: 1, Tool: e.Action.Name, Action: e.Action.Name, Resource: e.Resource.ID,
			Arguments: e.Context.Arguments, Deadline: timestamppb.New(now.Add(askedFor)),
		},
	})
	return made.GetVerdict() == pb.Verdict_VERDICT_ALLOW && len(made.GetReasons()) == 0
}
