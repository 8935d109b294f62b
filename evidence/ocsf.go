package evidence

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// OCSF writes a report for security tools, one event of the Open Cybersecurity
// Schema Framework, version 1.5, a line: a Detection Finding (class 2004) for each
// finding, and a Compliance Finding (class 2003) about the whole. At is when the
// audit was made; version is this program's.
func OCSF(w io.Writer, r *audit.Report, at time.Time, version string) error {
	o := ocsf{r, at, version}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for i, f := range r.Findings {
		if err := encoder.Encode(o.detection(i, f)); err != nil {
			return fmt.Errorf("evidence: writing OCSF: %w", err)
		}
	}
	if err := encoder.Encode(o.compliance()); err != nil {
		return fmt.Errorf("evidence: writing OCSF: %w", err)
	}
	return nil
}

// Numbers of OCSF 1.5.
const (
	ocsfVersion      = "1.5.0"
	ocsfCategory     = 2 // Findings
	ocsfCompliance   = 2003
	ocsfDetection    = 2004
	ocsfCreate       = 1 // activity
	ocsfInformation  = 1 // severities
	ocsfHigh         = 4
	ocsfCritical     = 5
	ocsfNew          = 1 // status of a finding
	ocsfResolved     = 4
	ocsfPass         = 1 // status of a compliance check
	ocsfWarning      = 2
	ocsfFail         = 3
	ocsfAnalyticRule = 1 // type of an analytic
)

type ocsf struct {
	report  *audit.Report
	at      time.Time
	version string
}

// event is what the two classes share.
type event struct {
	Activity     int            `json:"activity_id"`
	ActivityName string         `json:"activity_name"`
	Category     int            `json:"category_uid"`
	CategoryName string         `json:"category_name"`
	Class        int            `json:"class_uid"`
	ClassName    string         `json:"class_name"`
	Type         int            `json:"type_uid"`
	TypeName     string         `json:"type_name"`
	Time         int64          `json:"time"` // milliseconds since 1970
	Start        int64          `json:"start_time,omitempty"`
	End          int64          `json:"end_time,omitempty"`
	Severity     int            `json:"severity_id"`
	SeverityName string         `json:"severity"`
	Status       int            `json:"status_id"`
	StatusName   string         `json:"status"`
	Message      string         `json:"message"`
	Metadata     map[string]any `json:"metadata"`
	Finding      map[string]any `json:"finding_info"`
	Resources    []any          `json:"resources"`
	Compliance   map[string]any `json:"compliance,omitempty"`
	Alert        bool           `json:"is_alert,omitempty"`
	Unmapped     map[string]any `json:"unmapped"`
}

func (o ocsf) event(class int, name string) event {
	return event{
		Activity: ocsfCreate, ActivityName: "Create", Category: ocsfCategory, CategoryName: "Findings",
		Class: class, ClassName: name, Type: class*100 + ocsfCreate, TypeName: name + ": Create",
		Time: o.at.UnixMilli(), Status: ocsfNew, StatusName: "New",
		Metadata: map[string]any{
			"version": ocsfVersion,
			"product": map[string]any{"name": "Portcullis", "vendor_name": "Portcullis", "version": o.version},
		},
		Resources: []any{map[string]any{"type": "ledger", "uid": o.report.Ledger, "name": o.report.TrustDomain + "/" + o.report.Zone}},
	}
}

// detection is a finding. Its uid is the same whenever the same ledger is audited.
func (o ocsf) detection(i int, f audit.Finding) event {
	e := o.event(ocsfDetection, "Detection Finding")
	e.Severity, e.SeverityName, e.Alert = ocsfHigh, "High", true
	if critical(f.Rule) {
		e.Severity, e.SeverityName = ocsfCritical, "Critical"
	}
	e.Message = string(f.Rule) + ": " + f.Detail
	uid := trust.DigestOf(fmt.Appendf(nil, "%s\n%d\n%s\n%s\n%s", o.report.Ledger, i, f.Rule, f.Position, f.Detail))
	e.Finding = map[string]any{
		"uid": uid.String(), "title": string(f.Rule), "desc": f.Detail, "types": []string{string(f.Rule)},
		"analytic": map[string]any{"type_id": ocsfAnalyticRule, "type": "Rule", "name": string(f.Rule), "uid": string(f.Rule)},
	}
	if !f.LogTime.IsZero() {
		e.Start, e.End = f.LogTime.UnixMilli(), f.LogTime.UnixMilli()
	}
	e.Unmapped = map[string]any{"position": f.Position, "subject": f.Subject}
	return e
}

// critical rules say that the record itself cannot be what it was.
func critical(rule audit.Rule) bool {
	return slices.Contains([]audit.Rule{
		audit.RuleGenesis, audit.RuleOrder, audit.RuleCheckpoint, audit.RuleHead, audit.RuleSpan, audit.RuleExport,
	}, rule)
}

// compliance is the audit as a whole.
func (o ocsf) compliance() event {
	r := o.report
	e := o.event(ocsfCompliance, "Compliance Finding")
	e.Severity, e.SeverityName, e.Status, e.StatusName = ocsfInformation, "Informational", ocsfResolved, "Resolved"
	status, name := ocsfPass, "Pass"
	switch {
	case !r.Clean():
		status, name = ocsfFail, "Fail"
		e.Severity, e.SeverityName, e.Status, e.StatusName = ocsfHigh, "High", ocsfNew, "New"
	case len(r.Unjudged) > 0:
		status, name = ocsfWarning, "Warning"
	}
	n := uint64(len(r.Findings)) + r.More
	e.Message = fmt.Sprintf("audit of positions %d to %d of ledger %s: %s", r.First, r.Last, r.Ledger, count(n, "finding"))
	if !r.Begun.IsZero() {
		e.Start, e.End = r.Begun.UnixMilli(), r.Ended.UnixMilli()
	}
	e.Compliance = map[string]any{
		"standards": []string{"Portcullis protocol v1"}, "control": "offline audit", "requirements": []string{"every action on the ledger is legitimate"},
		"status_id": status, "status": name, "status_detail": e.Message,
	}
	uid := trust.DigestOf(fmt.Appendf(nil, "%s\n%d\n%d\n%s", r.Ledger, r.First, r.Last, r.Tree.Root))
	e.Finding = map[string]any{"uid": uid.String(), "title": "Ledger audit", "desc": e.Message, "types": []string{"audit"}}
	e.Unmapped = map[string]any{
		"whole": r.Whole, "records": r.Records, "final": r.Final, "intents": r.Intents, "open": r.Open,
		"covered": r.Tree.Covered, "findings": n, "unjudged": r.Unjudged,
	}
	return e
}
