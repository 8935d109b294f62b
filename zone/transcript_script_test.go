package zone_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// directives is the language of the scripts. NAME is a participant, I the name
// that the script gives an intent.
//
//	fabric enforcers=N k=N …      make and open a zone; keys: see fabricParams
//	start NAME…                   start services, one after the other
//	stop NAME…                    stop them
//	introduce NAME                append a participant's credential only
//	propose AGENT TOOL RESOURCE key=value… @within=10s
//	                              through the SDK, and wait for the answer
//	evaluate AGENT …              the same for a decision only
//	draft I AGENT TOOL RESOURCE key=value… @option=…
//	                              make an intent by hand: @within=10s (may be negative) @session=s
//	                              @sequence=n @previous=I @for=NAME (whom it names as its agent) @evaluation (for a
//	                              decision only)
//	intent I …                    draft, and append it in a list of its own
//	list I…                       append intents in one list, signed by the first one's agent
//	again I                       append once more the list that I was in last, byte for byte
//	junk I AGENT WHAT             append something authentic that is no intent; WHAT: see junk
//	tamper I key=value…           the same with other arguments under the same signature
//	decide NAME I allow|deny      append a decision signed by an enforcer: the newest
//	                              recorded one with its verdict replaced
//	claim NAME I                  append a claim of an executor's other incarnation
//	report NAME I                 append an outcome, EXECUTED, for the newest claim on I
//	approve NAME I                append an approver's yes
//	refuse NAME I                 append an approver's no
//	govern halt SCOPE REASON      append a governance record
//	govern resume REASON          lift all halts
//	govern revoke NAME REASON
//	copy KIND I NAME SUBJECT      append, as NAME, the newest record about I on another subject
//	send NAME SUBJECT TEXT        append bytes as they are
//	await KIND I [n]              wait until n records (1) of a kind about I stand on the ledger
//	await act I                   wait until an executor acts on I
//	await trip RULE [n]           wait until a drift rule has tripped n times (1)
//	await deadline I              wait until I's deadline has passed
//	show I                        tell I's story, its verdict derived again
//	await silence                 wait until the newest pulse is too old
var directives = map[string]func(*stage, []string){
	"fabric": (*stage).open, "start": (*stage).start, "stop": (*stage).stop, "introduce": (*stage).introduce,
	"propose": (*stage).propose, "evaluate": (*stage).evaluate, "draft": (*stage).draft, "intent": (*stage).intent, "list": (*stage).list,
	"again": (*stage).again, "tamper": (*stage).tamper, "junk": (*stage).junk, "decide": (*stage).decide, "claim": (*stage).claim, "report": (*stage).report,
	"approve": (*stage).approve, "refuse": (*stage).refuse,
	"govern": (*stage).govern, "copy": (*stage).copied, "send": (*stage).send, "await": (*stage).await, "show": (*stage).show,
}

// play runs a block's directives and returns what came of them.
func (w *stage) play(b block) string {
	w.t.Helper()
	for i, line := range b.head {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		run, known := directives[words[0]]
		if !known {
			w.t.Fatalf("line %d: no directive %q", b.line+i, words[0])
		}
		w.where = fmt.Sprintf("line %d: %s", b.line+i, line)
		run(w, words[1:])
	}
	return w.told()
}

// options takes words apart: key=value for arguments, @key=value for options.
func options(words []string) (arguments json.RawMessage, options map[string]string) {
	options = map[string]string{}
	values := map[string]any{}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		if name, isOption := strings.CutPrefix(key, "@"); isOption {
			options[name] = value
			continue
		}
		values[key] = value
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			values[key] = n
		}
	}
	arguments, _ = json.Marshal(values) // of strings and numbers
	return arguments, options
}

func (w *stage) duration(text string, fallback time.Duration) time.Duration {
	w.t.Helper()
	if text == "" {
		return fallback
	}
	d, err := time.ParseDuration(text)
	w.must(err)
	return d
}

func (w *stage) number(text string, fallback int) int {
	w.t.Helper()
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	w.must(err)
	return n
}

func (w *stage) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", w.where, err)
	}
}
