package main

import (
	"github.com/portcullis-dev/portcullis/dashboards/proofs"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// proofs is the Governance Proof Viewer.
func (p *consoleParts) proofs() []surface.Route {
	return proofs.New(proofs.Config{Fabric: p.f, Connect: p.reader}).Routes()
}
