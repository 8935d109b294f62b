package mcptest

import (
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Server is a server of MCP in this process, over pipes. It notes what it got, and
// answers as the test says.
type Server struct {
	toServer, fromServer pipe

	mu    sync.Mutex
	tools []string // definitions, as it writes them
	got   []jsonrpc.Message
	act   func(s *Server, m jsonrpc.Message)
}

type pipe struct {
	*io.PipeReader
	*io.PipeWriter
}

func newPipe() pipe {
	r, w := io.Pipe()
	return pipe{r, w}
}

// Echo is a tool that answers with its argument.
const Echo = `{"name":"echo_text","description":"Answers with the text.","inputSchema":{"type":"object","properties":{"text":{"type":"string"},"how":{"type":"object"}},"required":["text"]}}`

// Definitions reads tools as a server writes them.
func Definitions(t testing.TB, tools ...string) []mcp.Definition {
	t.Helper()
	l, err := mcp.ReadListing(json.RawMessage(`{"tools":[` + strings.Join(tools, ",") + `]}`))
	must(t, err)
	return l.Tools
}

// Serve starts a server with tools. Act, if set, takes the calls instead of the
// answer that echo_text gives.
func Serve(t testing.TB, act func(s *Server, m jsonrpc.Message), tools ...string) *Server {
	t.Helper()
	s := &Server{toServer: newPipe(), fromServer: newPipe(), tools: tools, act: act}
	if act == nil {
		s.act = (*Server).echo
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run()
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return s
}

// Reader is what the server writes.
func (s *Server) Reader() io.Reader { return s.fromServer.PipeReader }

// Writer is what the server reads.
func (s *Server) Writer() io.Writer { return s.toServer.PipeWriter }

// Close ends the server.
func (s *Server) Close() error {
	_ = s.toServer.PipeReader.Close()
	_ = s.fromServer.PipeWriter.Close()
	return nil
}

// Say writes one line to the client.
func (s *Server) Say(line string) { _, _ = s.fromServer.Write([]byte(line + "\n")) }

// Answer answers a request with a result.
func (s *Server) Answer(m jsonrpc.Message, result string) {
	s.Say(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + result + `}`)
}

// Change replaces the server's tools, without a word.
func (s *Server) Change(tools ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tools = tools
}

// Calls are the tools/call that reached the server.
func (s *Server) Calls() []jsonrpc.Message { return s.Got("tools/call") }

// Answers are the responses that reached the server.
func (s *Server) Answers() []jsonrpc.Message { return s.Got("") }

// Got are the messages of one method that reached the server.
func (s *Server) Got(method string) []jsonrpc.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var some []jsonrpc.Message
	for _, m := range s.got {
		if m.Method == method {
			some = append(some, m)
		}
	}
	return some
}

func (s *Server) run() {
	lines := jsonrpc.NewLines(s.toServer.PipeReader, 1<<20)
	for {
		line, err := lines.Next()
		if err != nil {
			return
		}
		m, err := jsonrpc.Parse(line, 1<<20)
		if err != nil {
			s.Say(string(jsonrpc.Refusal(m.ID, err)))
			continue
		}
		s.mu.Lock()
		s.got = append(s.got, m)
		tools := strings.Join(s.tools, ",")
		s.mu.Unlock()
		switch m.Method {
		case "tools/list":
			s.Answer(m, `{"tools":[`+tools+`]}`)
		case "tools/call":
			s.act(s, m)
		case "ping", "initialize":
			s.Answer(m, `{ "odd" :  "spacing" }`)
		}
	}
}

func (s *Server) echo(m jsonrpc.Message) {
	var params struct{ Arguments struct{ Text string } }
	_ = json.Unmarshal(m.Params, &params)
	text, _ := json.Marshal(params.Arguments.Text)
	s.Answer(m, `{"content":[ {"type":"text","text":`+string(text)+`} ]}`)
}
