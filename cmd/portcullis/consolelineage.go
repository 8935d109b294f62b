package main

import (
	"github.com/portcullis-dev/portcullis/dashboards/lineage"
	"github.com/portcullis-dev/portcullis/dashboards/projection"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// lineageRoutes are the Execution Lineage Explorer's.
func (p *consoleParts) lineageRoutes() []surface.Route {
	held := projection.New(projection.Config{Fabric: p.f, Connect: p.reader, Intents: p.remember})
	p.closers = append(p.closers, held.Close)
	return lineage.New(p.f, held).Routes()
}
