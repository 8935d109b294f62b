package streams

import (
	"fmt"
	"slices"
	"strings"
)

// Durability says when an append is acknowledged. The zero value is the safe one.
type Durability int

const (
	// SyncAlways acknowledges a record when it is on the disk.
	SyncAlways Durability = iota

	// RelaxedSyncMayLoseRecords acknowledges a record when the operating
	// system has it. A power loss loses records that were acknowledged.
	RelaxedSyncMayLoseRecords
)

func (d Durability) String() string {
	switch d {
	case SyncAlways:
		return "sync always"
	case RelaxedSyncMayLoseRecords:
		return "relaxed sync (may lose records)"
	}
	return fmt.Sprintf("Durability(%d)", int(d))
}

// ConfigParams is what the configuration text is made from.
type ConfigParams struct {
	ServerName   string     // unique in a cluster; "" means "portcullis"
	Host         string     // "" means 127.0.0.1
	Port         int        // -1: any free port
	TLS          *ServerTLS // nil: plaintext
	Cluster      *Cluster   // nil: the server is alone
	StoreDir     string     // of JetStream
	Durability   Durability
	Admins       []string // public user NKeys that may create streams: operators, not participants
	Participants []Participant
}

const (
	fabricAccount = "FABRIC"
	systemAccount = "SYS"
)

// Config returns a nats-server configuration that enforces the table of
// rights: streams live in the account FABRIC, each participant has an account
// of its own that imports its subjects and no other, and its user's
// permissions say the same once more. The embedded server runs this very
// text; an operator of an external server can run it too.
//
// Imports keep their names, so that a subject means the same everywhere; the
// question to a stream's leader alone has another name outside FABRIC.
func Config(p ConfigParams) (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	ps := sorted(p.Participants)
	w := &configWriter{}
	w.server(p)
	w.open("accounts")
	w.system()
	w.fabric(p.Admins, ps)
	answer := answerers(ps)
	for _, one := range ps {
		w.participant(one, answer[one.Zone])
	}
	w.close()
	return w.String(), nil
}

func (p ConfigParams) check() error {
	if p.StoreDir == "" {
		return fmt.Errorf("streams: config: StoreDir is empty; name the folder of the ledger")
	}
	if p.Durability != SyncAlways && p.Durability != RelaxedSyncMayLoseRecords {
		return fmt.Errorf("streams: config: %v is no durability", p.Durability)
	}
	if err := p.checkCluster(); err != nil {
		return err
	}
	return checkParticipants(p.Participants)
}

// answerers are the accounts of each zone that send answers to agents.
func answerers(ps []Participant) map[string][]string {
	accounts := make(map[string][]string)
	for _, p := range ps {
		if rightsOf[p.Role].sendsAnswers {
			accounts[p.Zone] = append(accounts[p.Zone], p.account())
		}
	}
	return accounts
}

// configWriter writes nats-server's configuration language, indented.
type configWriter struct {
	strings.Builder
	depth int
}

func (w *configWriter) line(format string, a ...any) {
	w.WriteString(strings.Repeat("  ", w.depth))
	fmt.Fprintf(w, format+"\n", a...)
}

func (w *configWriter) open(name string) { w.line("%s {", name); w.depth++ }
func (w *configWriter) close()           { w.depth--; w.line("}") }

func (w *configWriter) list(name string, rows []string) {
	w.line("%s: [", name)
	for _, row := range rows {
		w.line("  %s", row)
	}
	w.line("]")
}

func (w *configWriter) server(p ConfigParams) {
	w.line("# Written by Portcullis from its table of rights. Change the table, not this text.")
	w.line("server_name: %q", orElse(p.ServerName, "portcullis"))
	w.line("host: %q", orElse(p.Host, "127.0.0.1"))
	w.line("port: %d", p.Port)
	w.line("max_payload: %d", maxStored)
	w.line("ping_interval: %q", "10s")
	// Whoever does not read is closed soon, and holds up nobody who publishes to it.
	w.line("write_deadline: %q", "2s")
	w.line("no_fast_producer_stall: true")
	w.tls(p.TLS)
	w.open("jetstream")
	w.line("store_dir: %q", p.StoreDir)
	if p.Durability == SyncAlways {
		w.line("sync_interval: always")
	}
	// Our streams say themselves that nobody reads them through consumers; a stream
	// that an administrator adds does not get a thousand of them by default either.
	w.line("limits: {default_max_consumers: %d}", maxConsumers)
	w.close()
	w.cluster(p)
	w.line("system_account: %s", systemAccount)
}

func (w *configWriter) system() {
	w.open(systemAccount)
	w.list("exports", []string{fmt.Sprintf("{service: %q, response: stream, threshold: %q}", varzSubject, responseWindow)})
	w.close()
}

// responseWindow bounds how long the broker remembers where an answer goes.
const responseWindow = "10s"

func (w *configWriter) fabric(admins []string, ps []Participant) {
	w.open(fabricAccount)
	w.line("jetstream: enabled")
	var users []string
	for _, key := range admins {
		users = append(users, fmt.Sprintf("{nkey: %s}", key))
	}
	w.list("users", users)
	w.list("exports", fabricExports(ps))
	w.close()
}

// fabricExports lists what FABRIC offers, each to the accounts that may have it.
func fabricExports(ps []Participant) []string {
	appends, requests, reads := map[string][]string{}, map[string][]string{}, map[string][]string{}
	offer := func(to map[string][]string, subjects []string, account string) {
		for _, s := range subjects {
			to[s] = append(to[s], account)
		}
	}
	for _, p := range ps {
		set := p.subjects()
		offer(appends, set.offers, p.account())
		offer(requests, set.requests, p.account())
		for _, s := range set.leaders {
			offer(requests, []string{s.leaderInfo(set.zone)}, p.account())
		}
		offer(reads, set.reads, p.account())
	}
	var rows []string
	row := func(from map[string][]string, format string) {
		for s, accounts := range from {
			rows = append(rows, fmt.Sprintf(format, s, quoted(accounts)))
		}
	}
	row(appends, "{service: %q, threshold: \""+responseWindow+"\", accounts: [%s]}")
	row(requests, "{service: %q, response: stream, threshold: \""+responseWindow+"\", accounts: [%s]}")
	row(reads, "{stream: %q, accounts: [%s]}")
	slices.Sort(rows)
	return rows
}

func (w *configWriter) participant(p Participant, answerers []string) {
	set := p.subjects()
	w.line("# %s %s of zone %s", RoleName(p.Role), p.Name, p.Zone)
	w.open(p.account())
	w.list("users", []string{fmt.Sprintf("{nkey: %s, permissions: {publish: {allow: [%s]}, subscribe: {allow: [%s]}}}",
		p.Key, allowed(set.publishes()), allowed(set.subscribes()))})
	if rightsOf[p.Role].bounded {
		w.line("limits: {max_connections: %d, max_subscriptions: %d}", mostConnections, mostSubscriptions)
	}
	if len(set.sends) > 0 {
		w.list("exports", []string{fmt.Sprintf("{stream: %q}", set.sends[0])})
	}
	w.list("imports", set.imports(answerers))
	w.close()
}

// What the account of an agent may have at a time. The door bounds the rest, and
// max_payload holds for everybody.
const (
	mostConnections   = 8  // on all servers of a cluster together
	mostSubscriptions = 64 // of one connection
)

// publishes lists the subjects on which the participant may publish.
func (s subjectSet) publishes() []string {
	out := slices.Concat(s.appends, s.requests, s.sends)
	for _, stream := range s.leaders {
		out = append(out, stream.leaderWord(s.zone))
	}
	if s.varz {
		out = append(out, varzSubject)
	}
	return out
}

// subscribes lists the subjects to which the participant may subscribe.
func (s subjectSet) subscribes() []string {
	return slices.Concat([]string{inboxPrefix + ".>"}, s.reads, s.receives)
}

func (s subjectSet) imports(answerers []string) []string {
	var rows []string
	row := func(what, account, subject string) {
		rows = append(rows, fmt.Sprintf("{%s: {account: %q, subject: %q}}", what, account, subject))
	}
	for _, subject := range slices.Concat(s.appends, s.requests) {
		row("service", fabricAccount, subject)
	}
	for _, stream := range s.leaders {
		rows = append(rows, fmt.Sprintf("{service: {account: %q, subject: %q}, to: %q}", fabricAccount, stream.leaderInfo(s.zone), stream.leaderWord(s.zone)))
	}
	for _, subject := range s.reads {
		row("stream", fabricAccount, subject)
	}
	// An import of an import is not passed on, so an agent imports its answers
	// from each account that may answer, not through FABRIC.
	for _, subject := range s.receives {
		for _, account := range answerers {
			row("stream", account, subject)
		}
	}
	if s.varz {
		row("service", systemAccount, varzSubject)
	}
	return rows
}

// allowed is a permission list; NATS reads an empty one as "everything", so
// nothing is spelt as a subject that nobody uses.
func allowed(subjects []string) string {
	if len(subjects) == 0 {
		return `"portcullis.nothing"`
	}
	return quoted(subjects)
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, s := range words {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
