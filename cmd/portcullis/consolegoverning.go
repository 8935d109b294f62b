package main

import (
	"github.com/portcullis-dev/portcullis/dashboards/governing"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// governing is the surface on which people halt, resume and approve.
func (p *consoleParts) governing() []surface.Route {
	g := governing.New(governing.Config{Fabric: p.f, Broker: p.broker, Read: p.reader, Logger: p.log})
	p.closers = append(p.closers, g.Close)
	return g.Routes()
}
