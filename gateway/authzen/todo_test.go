package authzen_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// row is one line of the scenario's table of decisions.
type row struct {
	pid, action, kind, id, owner string
	allow                        bool
}

var pids = map[string]string{
	"rick":   "CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs",
	"morty":  "CiRmZDE2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs",
	"summer": "CiRmZDI2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs",
	"beth":   "CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs",
	"jerry":  "CiRmZDQ2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs",
}

func rows(t testing.TB) (all []row) {
	t.Helper()
	table, err := os.ReadFile(filepath.Join("testdata", "todo", "decisions.txt"))
	must(t, err)
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); line[0] != '#' {
			all = append(all, row{pids[f[0]], f[1], f[2], f[3], f[4], f[5] == "allow"})
		}
	}
	if len(all) != 40 {
		t.Fatalf("the table has %d rows, want 40", len(all))
	}
	return all
}

func (r row) resource() map[string]any {
	resource := map[string]any{"type": r.kind, "id": r.id}
	if r.owner != "-" {
		resource["properties"] = map[string]string{"ownerID": r.owner}
	}
	return resource
}

// request is as clients of the scenario write it: with members that the specification
// does not know, and an empty context.
func (r row) request() map[string]any {
	return map[string]any{
		"subject": map[string]string{"type": "user", "id": r.pid, "identity": r.pid},
		"action":  map[string]string{"name": r.action}, "resource": r.resource(), "context": map[string]any{},
	}
}

// TestTodo: the scenario's table of decisions, one by one, and in one request.
func TestTodo(t *testing.T) {
	_, cfg := todo(t)
	h := serve(t, cfg)
	var list []map[string]any
	var want []string
	for _, r := range rows(t) {
		decision := fmt.Sprintf(`{"decision":%v}`, r.allow)
		answered(t, h, evaluation, text(t, r.request()), decision)
		list, want = append(list, r.request()), append(want, decision)
	}
	answered(t, h, evaluations, text(t, map[string]any{"evaluations": list}), `{"evaluations":[`+strings.Join(want, ",")+`]}`)
}

// TestTodoBoxcarred: one user's requests with what they share at the top, as the
// scenario's list of todos asks it.
func TestTodoBoxcarred(t *testing.T) {
	_, cfg := todo(t)
	h := serve(t, cfg)
	for name, want := range map[string]string{
		"rick":  `{"evaluations":[{"decision":true},{"decision":true}]}`,
		"morty": `{"evaluations":[{"decision":false},{"decision":true}]}`,
		"beth":  `{"evaluations":[{"decision":false},{"decision":false}]}`,
	} {
		answered(t, h, evaluations, `{"subject":{"type":"user","id":"`+pids[name]+`"},"action":{"name":"can_update_todo"},"resource":{},"context":{},"evaluations":[
			{"resource":{"type":"todo","id":"1","properties":{"ownerID":"rick@the-citadel.com"}}},
			{"resource":{"type":"todo","id":"2","properties":{"ownerID":"morty@the-citadel.com"}}}]}`, want)
	}
}
