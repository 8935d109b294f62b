package authzen

import (
	"context"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/zone/pdp"
)

// candidate is somebody or something that a search may find.
type candidate struct {
	key   string // by which results are ordered
	tuple tuple
	found any // as it is told
}

// found is an entity among results.
type found struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type foundAction struct {
	Name string `json:"name"`
}

// results answers a search.
type results struct {
	Results []any  `json:"results"`
	Page    *paged `json:"page,omitempty"`
}

// subjects finds the agents of the directory who may.
func (s *Server) subjects(_ context.Context, m members) (any, error) {
	var t tuple
	var err error
	if t.subject, err = m.entity("subject", kindOnly); err != nil {
		return nil, err
	}
	if t.action, err = m.action(); err != nil {
		return nil, err
	}
	if t.resource, err = m.entity("resource", whole); err != nil {
		return nil, err
	}
	return s.search(m, t, "subject", func(b *book) (all []candidate) {
		for _, id := range b.ids(t.subject.kind) {
			one := t
			one.subject.id = id
			all = append(all, candidate{id, one, found{t.subject.kind, id}})
		}
		return all
	})
}

// resources finds what may be acted upon, among what the policies name: resources are
// an open set, and nobody knows all of a zone's files or accounts.
func (s *Server) resources(_ context.Context, m members) (any, error) {
	var t tuple
	var err error
	if t.subject, err = m.entity("subject", whole); err != nil {
		return nil, err
	}
	if t.action, err = m.action(); err != nil {
		return nil, err
	}
	if t.resource, err = m.entity("resource", kindOnly); err != nil {
		return nil, err
	}
	return s.search(m, t, "resource", func(b *book) (all []candidate) {
		for _, id := range b.named[s.cfg.Mapping.resourceType(t.resource.kind)] {
			one := t
			one.resource.id = id
			all = append(all, candidate{id, one, found{t.resource.kind, id}})
		}
		return all
	})
}

// actions finds what a subject may do.
func (s *Server) actions(_ context.Context, m members) (any, error) {
	var t tuple
	var err error
	if t.subject, err = m.entity("subject", whole); err != nil {
		return nil, err
	}
	if t.resource, err = m.entity("resource", whole); err != nil {
		return nil, err
	}
	return s.search(m, t, "action", func(b *book) (all []candidate) {
		for _, tool := range b.actions {
			if tool.GetResourceType() != s.cfg.Mapping.resourceType(t.resource.kind) {
				continue
			}
			one, name := t, governance.ToolAction(tool)
			one.action.name = name
			all = append(all, candidate{name, one, foundAction{name}})
		}
		return all
	})
}

// maxExamined bounds the work on one page: who follows the ledger waits meanwhile.
const maxExamined = 1000

// search asks about each candidate, in order, from one prefix of the ledger: what it
// finds, an evaluation would allow there. A page may hold fewer than were asked for, and
// none at all, with more to come.
func (s *Server) search(m members, t tuple, kind string, candidates func(*book) []candidate) (any, error) {
	var err error
	if t.context, err = m.surroundings(); err != nil {
		return nil, err
	}
	p, err := m.page(kind)
	if err != nil {
		return nil, err
	}
	out := results{Results: []any{}}
	var next string
	unable := s.cfg.Asker.Ask(func(c *pdp.Core) {
		b := s.book(c)
		next, err = p.fill(candidates(b), func(one candidate) error {
			one.tuple.context = t.context
			q, err := s.cfg.Mapping.question(b, one.tuple)
			if err == nil && c.Decide(q).Allowed {
				out.Results = append(out.Results, one.found)
			}
			return err
		}, func() int { return len(out.Results) })
	})
	if unable != nil {
		return nil, unable
	}
	if p.asked || next != "" {
		out.Page = &paged{NextToken: next, Count: len(out.Results)}
	}
	return out, err
}
