package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/loadtest/result"
	"github.com/portcullis-dev/portcullis/zone"
)

const (
	exportWithin = 10 * time.Minute
	coverWithin  = 15 * time.Second // for a checkpoint over the newest record
)

// audit exports the whole ledger and judges it, as anybody could who has the file and genesis' digest.
func (w *World) audit(ctx context.Context, path string, r *result.Result) (*audit.Report, error) {
	written, err := w.export(ctx, path)
	if err != nil {
		return nil, err
	}
	r.Ledger.Records, r.Ledger.Bytes, r.Ledger.Export = written.Records, uint64(written.Bytes), path //nolint:gosec // a size
	file, err := evidence.OpenFile(path)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	report, err := evidence.Audit(ctx, file, evidence.AuditConfig{Anchor: w.Fabric.Ledger})
	if err != nil {
		return nil, fmt.Errorf("loadtest: auditing the ledger: %w", err)
	}
	r.Audit = audited(report, time.Since(begun))
	return report, nil
}

func (w *World) export(ctx context.Context, path string) (_ evidence.Written, err error) {
	ctx, cancel := context.WithTimeout(ctx, exportWithin)
	defer cancel()
	x, err := zone.ConnectExporter(ctx, w.Fabric, w.broker, w.log)
	if err != nil {
		return evidence.Written{}, fmt.Errorf("loadtest: exporting the ledger: %w", err)
	}
	defer x.Close()
	e, err := x.Export(ctx, zone.ExportConfig{Wait: coverWithin})
	if err != nil {
		return evidence.Written{}, fmt.Errorf("loadtest: exporting the ledger: %w", err)
	}
	if e.Covered < e.Last {
		err = fmt.Errorf("loadtest: %v after the load no checkpoint covers the newest of %d records, only %d of them", coverWithin, e.Last, e.Covered)
	}
	written, writing := evidence.WriteFile(path, e.Header, e.Frames)
	return written, errors.Join(err, writing)
}

// audited is a report as a result says it.
func audited(report *audit.Report, took time.Duration) result.Audit {
	a := result.Audit{
		Took: took, Signatures: report.Signatures, Intents: report.Intents, Findings: []string{}, Unjudged: append([]string{}, report.Unjudged...),
	}
	for _, n := range report.Records {
		a.Records += n
	}
	for _, n := range report.Noise {
		a.Records += n
	}
	a.Final, a.Noise, a.Void = counts(report.Final), counts(report.Noise), counts(report.Void)
	if report.Open > 0 {
		a.Final = append(a.Final, result.Count{Name: "open", Count: report.Open})
	}
	const most = 100
	for i, f := range report.Findings {
		if i == most {
			break
		}
		a.Findings = append(a.Findings, fmt.Sprintf("%s at %s: %s", f.Rule, cmp.Or(f.Position, "the whole"), f.Detail))
	}
	if more := uint64(max(len(report.Findings)-most, 0)) + report.More; more > 0 {
		a.Findings = append(a.Findings, fmt.Sprintf("and %d more", more))
	}
	return a
}

// counts are those of a map, the largest first.
func counts[K ~string](m map[K]uint64) []result.Count {
	var all []result.Count
	for name, n := range m {
		if n > 0 {
			all = append(all, result.Count{Name: string(name), Count: n})
		}
	}
	slices.SortFunc(all, func(x, y result.Count) int { return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.Name, y.Name)) })
	return all
}
