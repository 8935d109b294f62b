package authzen

import (
	"context"
	"encoding/json"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
	"github.com/portcullis-dev/portcullis/zone/pdp"
)

// semantic is when a list of evaluations ends (AuthZEN 1.0, section 7.1.2.1).
type semantic string

const (
	executeAll          semantic = "execute_all"
	denyOnFirstDeny     semantic = "deny_on_first_deny"
	permitOnFirstPermit semantic = "permit_on_first_permit"
)

// ends reports whether a decision is the last one of its list.
func (s semantic) ends(d decision) bool {
	switch s {
	case denyOnFirstDeny:
		return !d.Decision
	case permitOnFirstPermit:
		return d.Decision
	case executeAll:
		return false
	default:
		return true
	}
}

// maxEvaluations is how many evaluations one request may have.
const maxEvaluations = 1000

// decisions answers a list of evaluations.
type decisions struct {
	Evaluations []decision `json:"evaluations"`
}

// evaluation answers a single question.
func (s *Server) evaluation(ctx context.Context, m members) (any, error) {
	t, err := m.tuple()
	if err != nil {
		return nil, err
	}
	all, err := s.decide(ctx, []asked{{tuple: t}}, executeAll)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// evaluations answers a list, or the one question of a request without a list.
func (s *Server) evaluations(ctx context.Context, m members) (any, error) {
	list, err := m.elements("evaluations")
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return s.evaluation(ctx, m)
	}
	end, err := m.semantic()
	if err != nil {
		return nil, err
	}
	all, err := s.decide(ctx, m.each(list), end)
	if err != nil {
		return nil, err
	}
	return decisions{all}, nil
}

// elements is a list that may be missing.
func (m members) elements(name string) (list []json.RawMessage, err error) {
	raw, there := m[name]
	if !there {
		return nil, nil
	}
	if raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
		return nil, faulty("%s must be an array", name)
	}
	if len(list) > maxEvaluations {
		return nil, faulty("%s has %d elements; at most %d are answered at once", name, len(list), maxEvaluations)
	}
	return list, nil
}

func (m members) semantic() (semantic, error) {
	options, err := m.optional("request", "options")
	if err != nil {
		return "", err
	}
	raw, there := options["evaluations_semantic"]
	if !there {
		return executeAll, nil
	}
	text, _ := jsonrpc.Text(raw)
	switch end := semantic(text); end {
	case executeAll, denyOnFirstDeny, permitOnFirstPermit:
		return end, nil
	default:
		return "", faulty("options.evaluations_semantic must be %s, %s or %s", executeAll, denyOnFirstDeny, permitOnFirstPermit)
	}
}

// asked is one evaluation of a list, or why it says too little. That is its own fault,
// and denies it alone.
type asked struct {
	tuple tuple
	err   error
}

// each reads a list's evaluations. What one of them does not state the request states
// for all of them; what it states takes the whole key's place.
func (m members) each(list []json.RawMessage) []asked {
	all := make([]asked, len(list))
	for i, raw := range list {
		own, err := object("evaluation", raw)
		if err != nil {
			all[i].err = err
			continue
		}
		for _, key := range []string{"subject", "action", "resource", "context"} {
			if shared, there := m[key]; there && own[key] == nil {
				own[key] = shared
			}
		}
		all[i].tuple, all[i].err = own.tuple()
	}
	return all
}

// decide answers evaluations in their order, all from one prefix of the ledger, until
// one of them ends the list. The error is that nobody can answer.
func (s *Server) decide(ctx context.Context, list []asked, end semantic) ([]decision, error) {
	if s.cfg.Recorder != nil {
		return s.recordAll(ctx, list, end)
	}
	var all []decision
	explained := 0
	err := s.cfg.Asker.Ask(func(c *pdp.Core) {
		b := s.book(c)
		all = until(end, list, func(t tuple) (decision, error) {
			q, err := s.cfg.Mapping.question(b, t)
			if err != nil {
				return decision{}, err
			}
			q.Explain = s.cfg.Reasons && explained < maxExplained
			explained++
			return s.told(c.Decide(q)), nil
		})
	})
	return all, err
}

// maxExplained is how many evaluations of a list are explained in sentences: these cost
// far more than decisions, and who follows the ledger waits meanwhile.
const maxExplained = 16

// recordAll asks one after the other: a decision on the ledger takes a while, and nobody
// is kept waiting for it but who asked.
func (s *Server) recordAll(ctx context.Context, list []asked, end semantic) ([]decision, error) {
	var b *book
	if err := s.cfg.Asker.Ask(func(c *pdp.Core) { b = s.book(c) }); err != nil {
		return nil, err
	}
	return until(end, list, func(t tuple) (decision, error) {
		q, err := s.cfg.Mapping.question(b, t)
		if err != nil {
			return decision{}, err
		}
		return s.record(ctx, b, q), nil
	}), nil
}

func until(end semantic, list []asked, decide func(tuple) (decision, error)) (all []decision) {
	for _, one := range list {
		d, err := decision{}, one.err
		if err == nil {
			d, err = decide(one.tuple)
		}
		if err != nil {
			d = failed(err)
		}
		if all = append(all, d); end.ends(d) {
			break
		}
	}
	return all
}
