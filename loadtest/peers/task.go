package peers

import (
	"fmt"
	"slices"
)

// Task is what every engine is to decide.
type Task struct {
	Rules     []Rule
	Agents    []Agent
	Questions []Question // each with its answer
}

// Rule permits or forbids one tool to one group.
type Rule struct {
	ID     string
	Forbid bool
	Group  string
	Tool   string
	// Limit bounds the argument amount: a permit holds up to it, a forbid above it. 0 is no bound.
	Limit int64
}

// Agent is one who asks.
type Agent struct {
	Name   string
	Groups []string
}

// Question is what is asked: may this agent use this tool on this resource with these arguments?
type Question struct {
	Agent    int // index into Task.Agents
	Tool     string
	Resource string
	Amount   int64
	Currency string
	Allow    bool // the right answer
}

// The tools. Payments and refunds have an amount and a currency; reading has neither.
const (
	toolPay    = "pay"
	toolRefund = "refund"
	toolRead   = "read"
)

var tools = []string{toolPay, toolRefund, toolRead}

// kindOf is the type of what a tool acts upon.
func kindOf(tool string) string {
	if tool == toolRead {
		return "File"
	}
	return "Account"
}

// paid reports whether a tool's arguments have an amount.
func paid(tool string) bool { return tool != toolRead }

// MostRules is how many rules fit into one release, which is one record.
const MostRules = 10_000

const (
	staff      = "staff"
	askers     = 1    // lists are of one agent
	ofATeam    = 4    // rules for each team
	staffLimit = 1000 // what staff may pay without being asked
)

// amounts stand on both sides of every limit that a rule has.
var amounts = []int64{1, 250, 1000, 1001, 3000, 6000}

// NewTask makes a task of n rules. The first permits payments to staff; the others, four to a team, permit and forbid teams
// something. One agent asks. It is of the staff and in one team of the many, so a few of the rules speak of it.
func NewTask(n int) (*Task, error) {
	if n < 1 || n > MostRules {
		return nil, fmt.Errorf("peers: %d policies; give 1 to %d", n, MostRules)
	}
	t := &Task{Rules: []Rule{{ID: "p0", Group: staff, Tool: toolPay, Limit: staffLimit}}}
	for i := 1; i < n; i++ {
		t.Rules = append(t.Rules, teamRule(i))
	}
	t.enlist()
	t.ask()
	return t, nil
}

// teamRule is rule i of those beyond the first.
func teamRule(i int) Rule {
	team := (i - 1) / ofATeam
	r := Rule{ID: fmt.Sprintf("p%d", i), Group: teamName(team)}
	switch (i - 1) % ofATeam {
	case 0:
		r.Tool, r.Limit = toolPay, int64(2000+team%3000)
	case 1:
		r.Tool = toolRead
	case 2:
		r.Tool, r.Forbid, r.Limit = toolPay, true, 5000
	default:
		r.Tool = toolRefund
	}
	return r
}

func teamName(i int) string { return fmt.Sprintf("t%d", i) }

// teams are the groups that rules speak of, beside staff.
func (t *Task) teams() []string {
	var names []string
	for i := range (len(t.Rules) - 1 + ofATeam - 1) / ofATeam {
		names = append(names, teamName(i))
	}
	return names
}

// enlist spreads the agents over the teams, from the middle on: no engine finds their rules first.
func (t *Task) enlist() {
	teams := t.teams()
	for i := range askers {
		a := Agent{Name: fmt.Sprintf("agent-%d", i), Groups: []string{staff}}
		if len(teams) > 0 {
			a.Groups = append(a.Groups, teams[(2*i+1)*len(teams)/(2*askers)])
		}
		t.Agents = append(t.Agents, a)
	}
}

// ask makes the questions: every agent, every tool, amounts on both sides of every limit.
func (t *Task) ask() {
	for _, tool := range tools {
		for _, amount := range amounts {
			for agent := range t.Agents {
				q := Question{Agent: agent, Tool: tool, Resource: fmt.Sprintf("r%d", len(t.Questions)%97)}
				if paid(tool) {
					q.Amount, q.Currency = amount, "EUR"
				}
				q.Allow = t.Wanted(q)
				t.Questions = append(t.Questions, q)
			}
			if !paid(tool) {
				break
			}
		}
	}
}

// Wanted is the right answer: some rule permits, and none forbids. It looks at all of them.
func (t *Task) Wanted(q Question) bool {
	permitted := false
	for _, r := range t.Rules {
		if r.Tool != q.Tool || !slices.Contains(t.Agents[q.Agent].Groups, r.Group) {
			continue
		}
		switch {
		case r.Forbid && (r.Limit == 0 || q.Amount > r.Limit):
			return false
		case !r.Forbid && (r.Limit == 0 || q.Amount <= r.Limit):
			permitted = true
		}
	}
	return permitted
}

// Allowed is the share of the questions whose answer is yes.
func (t *Task) Allowed() float64 {
	n := 0
	for _, q := range t.Questions {
		if q.Allow {
			n++
		}
	}
	return float64(n) / float64(len(t.Questions))
}
