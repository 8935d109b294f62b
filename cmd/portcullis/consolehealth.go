package main

import (
	"github.com/portcullis-dev/portcullis/dashboards/vitals"
)

// vitals measures the zone while somebody looks.
func (p *consoleParts) vitals() (*vitals.Vitals, error) {
	v, err := vitals.New(vitals.Config{
		Zone: p.f.Zone, Ledger: p.f.Ledger, Clock: p.f.Clock,
		Open: p.reader,
	})
	if err == nil {
		p.closers = append(p.closers, v.Close)
	}
	return v, err
}
