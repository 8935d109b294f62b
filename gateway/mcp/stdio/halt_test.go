package stdio_test

import (
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
	"github.com/portcullis-dev/portcullis/gateway/mcp/mcptest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestAHaltWhileACallRuns ends the wait for the server, which is told; nobody claims
// that the call was executed, what the server answers later changes nothing, and no
// other call reaches it.
func TestAHaltWhileACallRuns(t *testing.T) {
	w := world(t)
	reached := make(chan jsonrpc.Message, 1)
	d := start(t, w, mcptest.Serve(t, func(_ *mcptest.Server, m jsonrpc.Message) { reached <- m }, mcptest.Echo), nil)
	d.Say(echo(1, "x"))
	m := <-reached
	w.Halt(t)
	d.HearText(`"id":1`, `-32001`, `"verdict":"ALLOW"`)
	if got := outcomes(t, w, 1)[0].GetStatus(); got != pb.Status_STATUS_INDETERMINATE && got != pb.Status_STATUS_INTERRUPTED {
		t.Errorf("outcome %v", got)
	}
	for until := time.Now().Add(mcptest.Patience); len(d.server.Got("notifications/cancelled")) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the server was not told that nobody waits")
		}
	}
	d.server.Answer(m, `{"content":[]}`)
	d.Say(echo(2, "x"))
	d.HearText(`"id":2`, `-32001`, `halt`)
	if err := d.end(t); err != nil || len(d.server.Calls()) != 1 {
		t.Errorf("%v; %d calls reached the server", err, len(d.server.Calls()))
	}
}
